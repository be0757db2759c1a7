import json
from datetime import date, datetime

import pytest

from etl import tables
from etl.days import Days
from etl.lake import ForgottenDayError, Lake
from etl.lake_files import LakeFiles
from etl.surfaces import PRODUCT_FEED, SHORT_VIDEOS, Surface
from orchestration.published_slates import days_with_impressions, published_slates
from tests.orchestration.written_lake import made, write

FIRST = date(2026, 1, 1)
SLATES = tables.SLATES["product_feed"]


def january(day: int) -> date:
    return date(2026, 1, day)


def publish(files: LakeFiles, day: int, **of_surface: int | None) -> None:
    """Log a publication that serves each surface's slates of a day, or has none of it."""
    served = {
        name: {"slate_date": None if of is None else str(january(of))}
        for name, of in of_surface.items()
    }
    row = {
        "publication_id": f"{day}",
        "action": "publish",
        "slate_date": january(day),
        "published_at": datetime(2026, 11, 1),
        "surfaces": json.dumps(served),
    }
    write(files, tables.PUBLICATIONS_LOG, january(day), row)


def test_only_slates_that_readers_were_given_are_read(lake: Lake) -> None:
    for day in range(1, 7):
        write(lake.files, SLATES, january(day), {"audience": "user", "audience_key": f"u{day}"})
    publish(lake.files, 2, product_feed=2)
    publish(lake.files, 3, product_feed=2, short_videos=3)
    publish(lake.files, 4, product_feed=None)
    publish(lake.files, 6, product_feed=6)

    found = published_slates(lake, PRODUCT_FEED, Days(FIRST, january(5)))

    assert [row["audience_key"] for row in found.collect()] == ["u2"]


def test_a_published_evening_that_is_forgotten_is_refused_and_others_are_not(lake: Lake) -> None:
    for day in (1, 2):
        write(lake.files, SLATES, january(day), {"audience": "user", "audience_key": f"u{day}"})
    publish(lake.files, 2, product_feed=2)
    lake.files.forget(SLATES, january(1))
    found = published_slates(lake, PRODUCT_FEED, Days(FIRST, january(5)))

    assert [row["audience_key"] for row in found.collect()] == ["u2"]
    lake.files.forget(SLATES, january(2))
    with pytest.raises(ForgottenDayError, match="slates/product_feed of 2026-01-02 was made"):
        published_slates(lake, PRODUCT_FEED, Days(FIRST, january(5)))


def test_where_nothing_was_published_nothing_is_asked_for(lake: Lake) -> None:
    assert published_slates(lake, PRODUCT_FEED, Days(FIRST, january(5))).isEmpty()


@pytest.mark.parametrize(("surface", "days"), [(PRODUCT_FEED, {3}), (SHORT_VIDEOS, {2, 3})])
def test_a_day_has_impressions_of_a_surface_if_one_arrived(
    tmp_path_factory: pytest.TempPathFactory, surface: Surface, days: set[int]
) -> None:
    files = LakeFiles(tmp_path_factory.mktemp("lake"), FIRST)
    table = tables.SILVER_IMPRESSIONS
    made(files, table, FIRST, january(4))
    write(files, table, january(2), {"surface": "short_videos"})
    write(files, table, january(3), {"surface": "short_videos"}, {"surface": "product_feed"})

    found = days_with_impressions(files, surface, Days(date(2025, 12, 28), january(4)))

    assert found == {january(day) for day in days}
