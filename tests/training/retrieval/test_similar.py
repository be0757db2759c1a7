import pytest
from pyspark.sql import SparkSession

from etl.surfaces import PRODUCT_FEED
from etl.tables import RETRIEVAL_COVISITATION, SIMILAR
from etl.tables.retrieval import SOURCE_CODES
from tests.training.known_evening import EVENING, frame_of
from training.retrieval.similar import build


def test_neighbours_score_by_their_share_of_all_onward_visits(spark: SparkSession) -> None:
    same = {"arrival_date": EVENING, "weights_date": EVENING}
    near = [{"item_no": 2, "weight": 3.0}, {"item_no": 9, "weight": 1.0}]
    many = [{"item_no": n, "weight": 1.0} for n in range(100, 160)]
    rows = [
        {**same, "surface": "product_feed", "item_no": 1, "neighbours": near},
        {**same, "surface": "product_feed", "item_no": 2, "neighbours": many},
        {**same, "surface": "short_videos", "item_no": 3, "neighbours": near},
    ]

    found = build(frame_of(spark, RETRIEVAL_COVISITATION, rows), surface=PRODUCT_FEED)

    assert found.columns == SIMILAR["product_feed"].column_names
    by_item = {row["item_no"]: row["neighbours"] for row in found.collect()}
    code = SOURCE_CODES["covisitation"]
    assert [tuple(n) for n in by_item[1]] == [(2, 0.75, code), (9, 0.25, code)]
    assert [n["item_no"] for n in by_item[2]] == list(range(100, 150))
    assert [n["score"] for n in by_item[2]] == pytest.approx([1 / 60] * 50)
    assert sorted(by_item) == [1, 2]
