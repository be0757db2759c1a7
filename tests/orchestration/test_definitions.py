import dagster as dg
import pytest

from etl import tables
from etl.tables import Table
from orchestration.defs.nightly import TRAINED
from orchestration.partitions import DAYS

UNCHECKED = {tables.DATA_QUALITY_RESULTS, tables.PUBLICATIONS_LOG}


def keys_of(found: dg.Definitions, job: str) -> set[str]:
    layer = found.resolve_job_def(job).asset_layer
    return {key.to_user_string() for key in layer.selected_asset_keys}


def test_the_code_location_loads(definitions: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(definitions)


def test_every_table_is_an_asset_named_by_its_path(definitions: dg.Definitions) -> None:
    keys = {key.to_user_string() for key in definitions.resolve_all_asset_keys()}

    assert keys == {table.path for table in tables.ALL}


@pytest.mark.parametrize(
    "table", [t for t in tables.ALL if t not in UNCHECKED], ids=lambda t: t.path
)
def test_a_table_has_a_check_that_blocks(definitions: dg.Definitions, table: Table) -> None:
    graph = definitions.resolve_asset_graph()
    key = dg.AssetCheckKey(dg.AssetKey(table.path.split("/")), "expectations")

    assert graph.get_check_spec(key).blocking


@pytest.mark.parametrize("table", tables.SLATES.values(), ids=lambda t: t.path)
def test_slates_are_held_against_the_training_path_before_they_are_published(
    definitions: dg.Definitions, table: Table
) -> None:
    graph = definitions.resolve_asset_graph()
    key = dg.AssetCheckKey(dg.AssetKey(table.path.split("/")), "training_parity")

    of_night = definitions.resolve_job_def("nightly").asset_layer.asset_graph

    assert graph.get_check_spec(key).blocking
    assert key in of_night.asset_check_keys


def test_an_asset_says_what_people_ask_of_a_table(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()

    node = graph.get(dg.AssetKey(["silver", "events"]))

    columns = {c.name: c.description for c in node.metadata["dagster/column_schema"].columns}
    assert columns.pop("source") == "folder under landing/\\<day>/: the log it came from"
    assert columns == {name: tables.SILVER_EVENTS.comment(name) for name in columns}
    assert ["arrival_date", "source", *list(columns)[1:]] == tables.SILVER_EVENTS.column_names
    assert node.group_name == "02_silver"
    assert node.owners == ["team:recommendations"]
    assert {"spark", "deltalake"} <= node.kinds
    assert node.description.startswith("What happened, whatever log it came from")
    assert "\n\nOne row: one thing that one user did" in node.description
    assert node.partitions_def == DAYS


def test_each_layer_is_a_group_and_their_names_go_as_the_data_flows(
    definitions: dg.Definitions,
) -> None:
    graph = definitions.resolve_asset_graph()

    groups = {(node.key.path[0], node.group_name) for node in graph.asset_nodes}

    layers = dict.fromkeys(table.path.split("/")[0] for table in tables.ALL)
    assert [layer for layer, _ in sorted(groups, key=lambda one: one[1])] == list(layers)
    assert all(group.endswith(f"_{layer}") for layer, group in groups)


def test_a_range_of_any_asset_is_one_run(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()

    policies = {node.backfill_policy for node in graph.asset_nodes}

    assert policies == {dg.BackfillPolicy.single_run()}


def test_the_nightly_job_makes_every_table(definitions: dg.Definitions) -> None:
    assert keys_of(definitions, "nightly") == {table.path for table in tables.ALL}


def test_the_night_without_training_leaves_out_the_fits_alone(definitions: dg.Definitions) -> None:
    left_out = keys_of(definitions, "nightly") - keys_of(definitions, "nightly_without_training")

    fits = {table.path for table in tables.RETRIEVAL_FITS.values()}
    fits |= {table.path for table in tables.RANKERS.values()}
    assert left_out == {table.path for table in TRAINED} == fits


def test_what_must_run_by_itself_is_running(definitions: dg.Definitions) -> None:
    repository = definitions.get_repository_def()

    schedules = {s.name: s.default_status.name for s in repository.schedule_defs}
    sensors = {
        s.name: s.default_status.name for s in repository.sensor_defs if s.name == "failure_report"
    }

    assert schedules == {"every_night": "RUNNING", "upkeep_when_due": "RUNNING"}
    assert sensors == {"failure_report": "RUNNING"}


def test_every_table_keeps_more_days_than_anybody_reads_of_it(definitions: dg.Definitions) -> None:
    """A week more, so that a night that comes late finds what it reads."""
    read: dict[str, int] = {}
    for spec in definitions.resolve_all_asset_specs():
        for dep in spec.deps:
            window = dep.partition_mapping
            back = window.start_offset if isinstance(window, dg.TimeWindowPartitionMapping) else 0
            path = dep.asset_key.to_user_string()
            read[path] = max(read.get(path, 0), -back)

    kept = {table.path: table.retention_days for table in tables.ALL if table.retention_days}
    assert {
        path: read.get(path, 0) for path in kept if read.get(path, 0) + 1 + 6 > kept[path]
    } == {}
    # A rerun is held against every file that any day was sealed with.
    assert tables.BRONZE_FILES.retention_days is None
