"""Grows LambdaMART's trees in tasks of Spark that work together (``xgboost.spark``).

Days are encoded here, one at a time, and written as Parquet, of which each task reads its lists:
this process holds a day, and a task its part. The folder lies below ``TMPDIR``, which all workers
of a cluster have to see.

xgboost's own NDCG objective has one weight a list and none a row. So a row's gain is what it counts
as: relevance, times the inverse of how often its place is looked at, times its sampling weight. A
list's best order is made of the same gains: how much a click stands for tells within its list, and
not between lists. The log loss has no share.

Shapes: N rows, F columns.
"""

import json
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xgboost as xgb
from pyspark.sql import functions as F
from xgboost.spark import SparkXGBRanker

from etl import spark as etl_spark
from etl.arrow import run_starts
from etl.spark import SparkConfig
from training.rankers import evenings
from training.rankers.gbdt_growth import Growth
from training.rankers.lambda_growth import Aim, Lists
from training.rankers.tree_columns import Columns
from training.split import Split, TooLittleToLearnError

_NAMES: Final = {
    "features_col": "features",
    "label_col": "label",
    "qid_col": "list",
    "validation_indicator_col": "is_stopping",
}
"""Columns of the files, by what the estimator calls them."""
_SCHEMA: Final = pa.schema(
    {
        "features": pa.list_(pa.float32()),
        "label": pa.float64(),
        "list": pa.int64(),
        "is_stopping": pa.bool_(),
    }
)


def grow(read: Lists, split: Split, how: Growth, aim: Aim, *, num_workers: int) -> xgb.Booster:
    """Grow until the order of the stopping days is no better; the best trees are kept.

    Args:
        read: Reads lists.
        split: The days to learn from and to stop on.
        how: How trees are grown.
        aim: What they are grown for.
        num_workers: Tasks, all of which have to run at once.

    Raises:
        TooLittleToLearnError: If no list of the days to learn from, or none of those to stop on,
            has rows of two kinds.
    """
    spark = etl_spark.running() or etl_spark.session(SparkConfig())
    with TemporaryDirectory(prefix="lambdamart-") as folder:
        _written(read, split, Path(folder))
        # Each task has some of the lists to learn from and some of those to stop on.
        rows = spark.read.parquet(folder).repartitionById(
            num_workers, (F.col("list") % num_workers).cast("int")
        )
        grown = _ranker(read.columns, how, aim, num_workers).fit(rows).get_booster()
    best = grown[: grown.best_iteration + 1]
    return logistic(best, read.of_days(split.fit).base)


def _written(read: Lists, split: Split, folder: Path) -> None:
    """Write the lists that tell of an order, numbered from 0, a file a day."""
    num_lists = 0
    for days, is_stopping in ((split.fit, False), (split.stop, True)):
        num_before = num_lists
        for day in days:
            table, num_found = _table(read, day, num_lists, is_stopping=is_stopping)
            pq.write_table(table, folder / f"{day}.parquet")
            num_lists += num_found
        if num_lists == num_before:
            raise TooLittleToLearnError(
                f"no user was shown items of two kinds on an evening of {days}: nothing can be "
                "ordered"
            )


def _table(read: Lists, day: date, first: int, *, is_stopping: bool) -> tuple[pa.Table, int]:
    """A day's rows of ``_SCHEMA``, and how many lists they are."""
    batch = read.days(day)
    lists = read.of_batch(batch)
    told = np.flatnonzero(lists.is_told_N)
    matrix_NF = read.columns.matrix(batch.given)[evenings.rows_of(batch)[told]]
    number_N = np.cumsum(run_starts(lists.list_N[told])) - 1 + first if len(told) else told
    gain_N = lists.gain_N * lists.inverse_N * lists.weight_N
    columns = (
        pa.FixedSizeListArray.from_arrays(matrix_NF.ravel(), matrix_NF.shape[1]),
        pa.array(gain_N[told]),
        pa.array(number_N),
        pa.array(np.full(len(told), is_stopping)),
    )
    num_lists = int(number_N[-1]) + 1 - first if len(told) else 0
    return pa.table(dict(zip(_SCHEMA.names, columns, strict=True))).cast(_SCHEMA), num_lists


def _ranker(columns: Columns, how: Growth, aim: Aim, num_workers: int) -> SparkXGBRanker:
    own = {"eta": "learning_rate", "lambda": "reg_lambda", "seed": "random_state"}
    return SparkXGBRanker(
        **_NAMES,
        **{own.get(name, name): value for name, value in how.parameters.items()},
        num_workers=num_workers,
        n_estimators=how.num_rounds,
        early_stopping_rounds=how.stop_after,
        objective="rank:ndcg",
        # Gains are given as they are.
        ndcg_exp_gain=False,
        lambdarank_pair_method="topk",
        lambdarank_num_pair_per_sample=aim.num_places,
        eval_metric=f"ndcg@{aim.num_places}",
        base_score=0.0,
        missing=float("nan"),
        feature_names=columns.names,
        feature_types=columns.types,
    )


def logistic(ranker: xgb.Booster, base: float) -> xgb.Booster:
    """Make trees that order into trees whose prediction is a chance: the same leaves.

    The kernel reads those alone. Margins move by one number, from what xgboost let them start at to
    the log-odds of a click where an item is looked at.
    """
    said = json.loads(ranker.save_raw("json"))
    said["learner"]["objective"] = {
        "name": "binary:logistic",
        "reg_loss_param": {"scale_pos_weight": "1"},
    }
    said["learner"]["learner_model_param"]["base_score"] = f"[{base:E}]"
    return xgb.Booster(model_file=bytearray(json.dumps(said).encode()))
