from datetime import date

import numpy as np
import pyarrow as pa

from training.seeds import streams, uniforms

DAY = date(2026, 1, 1)


def test_a_users_numbers_do_not_depend_on_who_stands_beside_him() -> None:
    alone = streams(pa.array(["b"]), day=DAY, surface="s", purpose="p")
    among = streams(pa.array(["a", "b", "c"]), day=DAY, surface="s", purpose="p")
    assert alone[0] == among[1]
    assert len(set(among.tolist())) == 3


def test_another_day_surface_or_purpose_starts_another_stream() -> None:
    user = pa.array(["a"])
    asked = [(DAY, "s", "p"), (date(2026, 1, 2), "s", "p"), (DAY, "t", "p"), (DAY, "s", "q")]
    found = {int(streams(user, day=d, surface=s, purpose=p)[0]) for d, s, p in asked}
    assert len(found) == 4


def test_numbers_are_uniform_over_counters_and_over_users() -> None:
    stream = streams(pa.array([str(n) for n in range(200)]), day=DAY, surface="s", purpose="p")
    drawn = uniforms(stream[:, None], np.arange(200)[None, :])
    counts = np.histogram(drawn, bins=20, range=(0, 1))[0]
    assert ((counts - 2000) ** 2 / 2000).sum() < 43.8  # chi-square, 19 degrees, p = .001
    assert abs(np.corrcoef(drawn[:-1].ravel(), drawn[1:].ravel())[0, 1]) < 0.02
