"""A champion that reads histories is held against the histories that examples have."""

from dataclasses import replace
from datetime import date, timedelta

import pyarrow as pa
import pytest

from etl import tables
from etl.arrow import arrow_schema
from etl.days import one_day
from etl.lake_files import LakeFiles
from etl.surfaces import PRODUCT_FEED
from orchestration import example_histories
from orchestration.parity_rows import sampled
from scoring.explore import ExplorationConfig
from scoring.parity import Parity, ParityConfig, Sample, compare
from scoring.slate_rows import user_rows
from scoring.slates import NightModel, SlateConfig, compose
from tests.orchestration import remembered_lake
from tests.orchestration.remembered_lake import EVENINGS, FIRST, USERS
from tests.orchestration.written_lake import write
from tests.training.rankers import history_reader
from training import item_side, user_side
from training.item_side import ItemSide

EVENING = EVENINGS.last
SLATE = SlateConfig(
    k=20,
    caps={"seller_cap": 99, "category_cap": 99},
    exploration=ExplorationConfig(rate=0.0),
)
READER = history_reader.serving("product_feed", FIRST)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """Every user of an evening, whose slates are not made yet."""
    files = remembered_lake.remembered(tmp_path_factory.mktemp("lake"))
    write(files, tables.FEATURES_USER_DAILY, EVENING, *remembered_lake.user_rows(EVENING))
    proposed = remembered_lake.candidate_rows(EVENING)
    write(files, tables.CANDIDATES["product_feed"], EVENING, *proposed)
    rows = [{"audience": "user", "audience_key": user} for user in USERS]
    write(files, tables.SLATES["product_feed"], EVENING, *rows)
    found = sampled(
        files,
        PRODUCT_FEED,
        EVENING,
        items=items_of(files, EVENING),
        serving=READER,
        config=ParityConfig(),
    )
    assert found is not None
    return found


def items_of(files: LakeFiles, evening: date) -> ItemSide:
    rows = files.arrow(tables.FEATURES_ITEM_DAILY, one_day(evening), columns=item_side.COLUMNS)
    arrays = item_side.arrays_of(rows).items()
    return ItemSide({name: pa.array(array) for name, array in arrays})


def slates(sample: Sample, pairs: pa.Table) -> pa.Table:
    """Make them of these states, as a night does."""
    [(evening, users, state)] = user_side.evenings(
        sample.users, pairs.drop_columns(["last_event_at"])
    )
    asked = users.append_column("segment", pa.array(["||"] * users.num_rows))
    chosen = compose(
        evening,
        asked,
        state,
        items=sample.items,
        made_with=NightModel("unused", READER),
        surface=PRODUCT_FEED,
        config=SLATE,
    )
    rows = user_rows(chosen, asked, evening=evening, champion=READER.champion)
    return rows.cast(arrow_schema(tables.SLATES["product_feed"].schema))


def compared(sample: Sample, stored: pa.Table) -> Parity:
    found = replace(sample, slates=stored)
    return compare(found, value=SLATE.value, config=ParityConfig())


def test_a_reader_of_histories_scores_as_by_those_of_examples(sample: Sample) -> None:
    stored = slates(sample, sample.pairs)

    found = compared(sample, stored)

    assert (found.features, found.scores) == ((), ())
    assert found.num_places == len(USERS) * remembered_lake.NUM_EACH
    told = {place["p_click"] for row in stored.to_pylist() for place in row["items"]}
    assert len(told) > found.num_places / 2


def test_histories_of_the_evening_before_trip(sample: Sample) -> None:
    days = sample.pairs.column("arrival_date")
    early = pa.array([day < EVENING for day in days.to_pylist()])

    found = compared(sample, slates(sample, sample.pairs.filter(early)))

    assert {difference.what for difference in found.scores} == {"p_click", "value"}


def test_a_history_that_training_reads_otherwise_is_named(
    sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = slates(sample, sample.pairs)
    read = example_histories.histories.of_evening

    def a_day_late(*rows: pa.ChunkedArray, items: ItemSide, evening: date) -> object:
        return read(*rows, items=items, evening=evening + timedelta(days=1))

    with monkeypatch.context() as patched:
        patched.setattr(example_histories, "histories", _Otherwise(a_day_late))
        found = compared(sample, stored)

    assert {difference.what for difference in found.features} == {
        "the history (examples of impressions)",
        "the history (examples of candidates)",
    }


class _Otherwise:
    """The module of histories, one function of which is another."""

    def __init__(self, of_evening: object) -> None:
        self.of_evening = of_evening
        self.joined = example_histories.histories.joined
        self.nothing = example_histories.histories.nothing
