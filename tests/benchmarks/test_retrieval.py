import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks import retrieval, retrieval_files, retrieval_measures, retrieval_run
from benchmarks.retrieval_files import UnreadableFileError
from training.retrieval.interactions import Interactions
from training.retrieval.learned import ORDERED, POPULARITY, UNORDERED, Config, Learned
from training.retrieval.source import Lists, Source

FAST = ("popularity", "onward", "item_cf")


def walks(num_users: int = 60, *, seed: int = 1) -> list[list[str]]:
    """Histories that walk on around a circle of 30 items."""
    rng = np.random.default_rng(seed)
    starts = rng.integers(30, size=num_users)
    return [
        [str(user), *(str((start + step) % 30) for step in range(5 + user % 3))]
        for user, start in enumerate(starts)
    ]


def quick(names: Sequence[str] = FAST) -> list[Learned]:
    return [one for one in ORDERED if one.name in names]


def lists_of(lines: Sequence[Sequence[str]], *, is_refreshed: bool) -> dict[str, Lists]:
    read = retrieval_files.sequences(lines, is_refreshed=is_refreshed)
    return retrieval_run.run(read, quick(), seed=1, say=lambda _: None).lists


@pytest.mark.parametrize("is_refreshed", [False, True])
def test_no_list_changes_with_the_test_items(*, is_refreshed: bool) -> None:
    lines = walks()
    last = [words[-1] for words in lines]
    planted = [
        [*words[:-1], other] for words, other in zip(lines, last[1:] + last[:1], strict=True)
    ]

    one = lists_of(lines, is_refreshed=is_refreshed)
    other = lists_of(planted, is_refreshed=is_refreshed)

    assert one.keys() == other.keys() == {"fusion", *FAST}
    for name in one:
        # Items of the test alone are masked nowhere and known to nobody.
        np.testing.assert_array_equal(one[name].item_UK, other[name].item_UK)
        np.testing.assert_array_equal(one[name].score_UK, other[name].score_UK)


class Spy(Learned):
    """Remembers what it was fitted on."""

    seen: list[Interactions]

    def fit(self, interactions: Interactions, *, config: Config, seed: int) -> Source:
        Spy.seen.append(interactions)
        return POPULARITY.fit(interactions, config=config, seed=seed)


@pytest.mark.parametrize(
    ("is_refreshed", "planted"), [(False, ("secret", "kept")), (True, ("secret",))]
)
def test_a_planted_item_enters_no_fit(*, is_refreshed: bool, planted: tuple[str, ...]) -> None:
    lines = [[*words[:-2], "kept", "secret"] for words in walks()]
    read = retrieval_files.sequences(lines, is_refreshed=is_refreshed)
    Spy.seen = []

    spy = Spy(name="spy", module="most_touched", config="MostTouchedConfig")
    retrieval_run.run(read, [spy], seed=1, say=lambda _: None)

    assert Spy.seen
    for name in planted:
        number = read.items.index(name)
        assert not any((one.item_N == number).any() for one in Spy.seen)


def test_protocols_cut_where_they_say() -> None:
    lines = [["u", "1", "2", "3", "4"], ["v", "1", "2"]]

    strict = retrieval_files.sequences(lines, is_refreshed=False)
    refreshed = retrieval_files.sequences(lines, is_refreshed=True)

    assert strict.test.learned.item_N.tolist() == [0, 1, 0, 1]
    assert strict.test.asked.item_N.tolist() == [0, 1, 2]
    assert strict.test.truth.item_N.tolist() == [3]
    assert strict.validation.truth.item_N.tolist() == [2]
    assert strict.validation.asked.item_N.tolist() == [0, 1]
    assert refreshed.test.learned.item_N.tolist() == [0, 1, 2, 0, 1]
    assert refreshed.validation.learned.item_N.tolist() == [0, 1, 0, 1]


def test_what_lies_beside_a_file_says_what_items_are(tmp_path: Path) -> None:
    (tmp_path / "a_item2attributes.json").write_text('{"2": [7, 9], "4": [9]}')

    said = retrieval_files.attributes(tmp_path / "a.txt")
    read = retrieval_files.sequences([["u", "1", "2", "4"]], is_refreshed=False, attributes=said)

    assert read.validation.learned.attribute_IA is not None
    assert read.validation.learned.attribute_IA.toarray().tolist() == [[0, 0], [1, 1], [0, 1]]
    assert retrieval_files.attributes(tmp_path / "b.txt") == {}


def test_a_file_may_begin_with_a_mark_and_name_a_user_twice(tmp_path: Path) -> None:
    file = tmp_path / "odd.txt"
    file.write_bytes("\ufeffu-ä 1\tb 1\r\n\n  \nv\nu-ä c\n".encode())

    assert retrieval_files.read(file) == [["u-ä", "1", "b", "1", "c"], ["v"]]


@pytest.mark.parametrize("held", [b"", b"u\nv\n", "u \u00e4".encode("latin-1")])
def test_a_file_without_histories_is_refused(tmp_path: Path, held: bytes) -> None:
    file = tmp_path / "odd.txt"
    file.write_bytes(held)

    with pytest.raises(UnreadableFileError, match="should"):
        retrieval_files.read(file)


@pytest.mark.parametrize(("num_test", "num_held"), [(1, 1), (4, 3), (6, 4), (60, 6)])
def test_a_split_holds_as_much_of_training_out_as_the_test_has_of_all(
    num_test: int, num_held: int
) -> None:
    train = [["a", *map(str, range(20))], ["b", "1"], ["c", "3"]]
    test = [["a", *map(str, range(21, 21 + num_test))], ["d", "1"]]

    read = retrieval_files.split(train, test, seed=1)

    held = set(read.validation.truth.item_N.tolist())
    assert len(held) == num_held
    assert held.isdisjoint(read.validation.learned.item_N[: 20 - num_held].tolist())
    assert np.diff(read.validation.learned.indptr).tolist() == [20 - num_held, 1, 1]
    assert len(read.test.asked) == len(read.test.truth) == 1


def test_measures_are_those_of_ten_plain_lines() -> None:
    rng = np.random.default_rng(2)
    item_UK = np.stack([rng.permutation(150)[:120] for _ in range(8)]).astype(np.int32)
    wanted = [rng.permutation(150)[: rng.integers(1, 30)].tolist() for _ in range(8)]
    truth = Interactions.of(wanted, num_items=150)

    measured = retrieval_measures.by_user(Lists(item_UK, item_UK * 0.0), truth)

    for user, own in enumerate(wanted):
        for k in (10, 20):
            hits = [item in own for item in item_UK[user, :k]]
            ideal = sum(1 / np.log2(place + 2) for place in range(min(k, len(own))))
            gain = sum(hit / np.log2(place + 2) for place, hit in enumerate(hits))
            assert measured[f"recall@{k}"][user] == pytest.approx(sum(hits) / len(own))
            assert measured[f"hr@{k}"][user] == any(hits)
            assert measured[f"ndcg@{k}"][user] == pytest.approx(gain / ideal)


def test_the_command_writes_what_it_prints(tmp_path: Path) -> None:
    file, out = tmp_path / "walks.txt", tmp_path / "out.json"
    file.write_text("\n".join(" ".join(words) for words in walks()))
    asked = ["sequences", str(file), "--protocol", "strict", "--json", str(out)]

    ran = CliRunner().invoke(retrieval.app, [*asked, "--sources", "onward,item_cf"])

    assert ran.exit_code == 0, ran.output
    said = json.loads(out.read_text())
    assert said["protocol"] == "strict"
    assert said["results"].keys() == {"fusion", *FAST}
    assert {"recall@10", "ndcg@10", "recall@20"} <= said["results"]["fusion"].keys()
    assert {"fit", "score"} <= said["cpu_seconds"]["onward"].keys()
    assert said["results"]["onward"]["recall@10"] > 0.9
    assert "popularity" in ran.output


def test_a_split_says_what_is_off(tmp_path: Path) -> None:
    train, test = tmp_path / "train.txt", tmp_path / "test.txt"
    train.write_text("\n".join(" ".join(words[:-1]) for words in walks()))
    test.write_text("\n".join(f"{words[0]} {words[-1]}" for words in walks()))

    ran = CliRunner().invoke(
        retrieval.app, ["split", str(train), str(test), "--sources", "item_cf,propagation"]
    )

    assert ran.exit_code == 0, ran.output
    assert "no order" in ran.output
    assert "sasrec" in ran.output


def test_an_unknown_source_is_a_usage_error(tmp_path: Path) -> None:
    file = tmp_path / "walks.txt"
    file.write_text("a 1 2 3\n")

    ran = CliRunner().invoke(retrieval.app, ["sequences", str(file), "--sources", "tarot"])

    assert ran.exit_code == 2
    assert "tarot" in ran.output


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    ran = CliRunner().invoke(retrieval.app, ["sequences", str(tmp_path / "none.txt")])

    assert ran.exit_code == 1
    assert "there is no file" in ran.output


def test_a_source_whose_package_is_absent_is_not_available() -> None:
    absent = Learned(name="odd", module="sasrec", config="SasrecConfig", needs="no_such_package")

    assert not absent.is_available
    assert all(one.is_available for one in quick())


def test_every_source_has_a_name_of_its_own() -> None:
    for known in (ORDERED, UNORDERED):
        assert len({one.name for one in known}) == len(known)


def test_content_is_asked_where_something_is_known_of_the_items(tmp_path: Path) -> None:
    file = tmp_path / "walks.txt"
    file.write_text("\n".join(" ".join(words) for words in walks()))
    asked = ["sequences", str(file), "--sources", "onward,content"]

    without = CliRunner().invoke(retrieval.app, asked)
    said = {str(item): [item // 5, 10 + item % 5] for item in range(30)}
    (tmp_path / "walks_item2attributes.json").write_text(json.dumps(said))
    beside = CliRunner().invoke(retrieval.app, asked)

    assert "content is skipped" in without.output
    assert without.exit_code == beside.exit_code == 0
    assert "content is skipped" not in beside.output
    assert "content: cpu-seconds" in beside.output
