"""Lays the trees of xgboost's boosters out as the kernel ``trees.c`` reads them.

What belongs here is what a booster's JSON means (xgboost 3.2: ``src/tree/tree_model.cc``,
``src/common/categorical.h``); what the kernel does with it stands in its source.

Shapes: H heads, T trees of all heads, S splits of their complete trees (and as many leaves),
C features that are read, L of them that miss to the left, G groups of splits by categories,
W words.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import xgboost as xgb

MAX_DEPTH: Final = 8
"""Of a row every split of a complete tree is asked: beyond, its own way is far shorter."""
MAX_CATEGORIES: Final = 1 << 16
"""A group keeps a word for each."""
GROUP_SPLITS: Final = 32
"""Splits whose answers share a word."""
SPLIT: Final = np.dtype([("threshold", np.float32), ("column", np.uint32)])
GROUP: Final = np.dtype(
    [("column", np.int32), ("num_categories", np.int32), ("first_word", np.int64)]
)
"""Both as ``trees.c`` declares them."""


class UnknownTreesError(ValueError):
    """A booster is of a kind that the kernel does not know."""


@dataclass(frozen=True, slots=True)
class Forest:
    """The trees of H heads; ``trees.c`` says how columns, groups and splits are read."""

    num_features: int
    feature_C: np.ndarray
    """int32, ascending."""
    column_L: np.ndarray
    """int32: places in ``feature_C``."""
    group_G: np.ndarray
    """``GROUP``."""
    word_W: np.ndarray
    """uint32."""
    split_S: np.ndarray
    """``SPLIT``, tree by tree; the first of each is none."""
    leaf_S: np.ndarray
    """float32."""
    depth_T: np.ndarray
    """int32: 2 to the power of it are a tree's splits."""
    num_trees_H: np.ndarray
    """int32."""
    base_H: np.ndarray
    """float32: the chance that a head starts from."""


def of_heads(heads: Iterable[xgb.Booster]) -> Forest:
    """Lay out heads that were fitted on the same features.

    Raises:
        UnknownTreesError: If one is not of plain trees for the log loss, or of deep ones.
    """
    learners = [json.loads(head.save_raw("json"))["learner"] for head in heads]
    for learner in learners:
        _require_known(learner)
    models = [learner["gradient_booster"]["model"] for learner in learners]
    trees = [_Complete.of(tree) for model in models for tree in model["trees"]]
    asked_S = _joined([tree.asked_S for tree in trees], _ASKED)
    feature_C = np.unique(asked_S["feature"][asked_S["is_asked"]])
    feature_L = np.unique(asked_S["feature"][_is_numeric(asked_S) & asked_S["misses_left"]])
    groups = list(_groups(asked_S, [codes for tree in trees for codes in tree.codes]))
    params = [learner["learner_model_param"] for learner in learners]
    return Forest(
        num_features=_num_features(params),
        feature_C=feature_C.astype(np.int32),
        column_L=np.searchsorted(feature_C, feature_L).astype(np.int32),
        group_G=_headings(groups, feature_C),
        word_W=_joined([group.word_W for group in groups], np.dtype(np.uint32)),
        split_S=_splits(asked_S, feature_C, feature_L, groups),
        leaf_S=_joined([tree.leaf_S for tree in trees], np.dtype(np.float32)),
        depth_T=np.array([tree.depth for tree in trees], np.int32),
        num_trees_H=np.array([len(model["trees"]) for model in models], np.int32),
        base_H=np.array([_base(param) for param in params], np.float32),
    )


def _require_known(learner: Mapping[str, Any]) -> None:
    """Refuse what does not predict by the sigmoid of one sum of leaves."""
    booster, param = learner["gradient_booster"], learner["learner_model_param"]
    kinds = booster["name"], learner["objective"]["name"]
    if kinds != ("gbtree", "binary:logistic"):
        raise UnknownTreesError(f"gbtree for binary:logistic is known, this is {kinds}")
    if int(param["num_class"]) > 1 or int(param["num_target"]) > 1:
        raise UnknownTreesError("one sum of leaves is known, these trees make several")
    if booster["model"]["cats"]["enc"]:
        raise UnknownTreesError("categories are known by their codes, this model has words")


def _base(param: Mapping[str, str]) -> float:
    """Read ``base_score``, as a list of one since xgboost 3.1."""
    found: float
    (found,) = json.loads(param["base_score"])
    return found


def _num_features(params: Iterable[Mapping[str, str]]) -> int:
    found = {int(param["num_feature"]) for param in params}
    if len(found) != 1:
        raise UnknownTreesError(f"heads should be of as many features each, not of {sorted(found)}")
    return found.pop()


_ASKED: Final = np.dtype(
    [
        ("feature", np.int64),
        ("threshold", np.float32),
        ("misses_left", bool),
        ("is_asked", bool),
        ("is_of_categories", bool),
    ]
)
"""A place among splits; nothing is asked below a leaf of the tree that is made complete."""


@dataclass(frozen=True, slots=True)
class _Complete:
    """A tree, made complete: below a leaf lies the leaf again."""

    depth: int
    asked_S: np.ndarray
    """``_ASKED``; split n has n's halves 2n and 2n + 1 below it, and there is no split 0."""
    leaf_S: np.ndarray
    codes: Sequence[np.ndarray]
    """The categories that each split by categories sends right, in the splits' order."""

    @classmethod
    def of(cls, tree: Mapping[str, Any]) -> "_Complete":
        """Make a tree complete."""
        levels = list(_levels(tree))
        node_S = np.concatenate([np.zeros(1, np.int64), *levels[:-1]])
        value_N = np.array(tree["split_conditions"], np.float32)
        asked_N = np.zeros(len(value_N), _ASKED)
        asked_N["feature"] = tree["split_indices"]
        asked_N["misses_left"] = tree["default_left"]
        asked_N["is_asked"] = np.array(tree["left_children"]) >= 0
        asked_N["is_of_categories"] = asked_N["is_asked"] & np.array(tree["split_type"], bool)
        asked_N["threshold"] = np.where(asked_N["is_of_categories"], 0, value_N)
        asked_S = asked_N[node_S]
        asked_S[0] = np.zeros((), _ASKED)
        codes = dict(_codes(tree))
        nodes = node_S[asked_S["is_of_categories"]].tolist()
        return cls(len(levels) - 1, asked_S, value_N[levels[-1]], [codes[node] for node in nodes])


def _levels(tree: Mapping[str, Any]) -> Iterator[np.ndarray]:
    """Nodes of a complete tree from the root down."""
    below = [np.array(tree[f"{side}_children"], np.int64) for side in ("left", "right")]
    level = np.zeros(1, np.int64)
    yield level
    for _ in range(MAX_DEPTH):
        is_leaf = below[0][level] < 0
        if is_leaf.all():
            return
        level = np.stack([np.where(is_leaf, level, side[level]) for side in below], axis=1).ravel()
        yield level
    if (below[0][level] >= 0).any():
        raise UnknownTreesError(f"trees of at most {MAX_DEPTH} splits on a way are known")


def _codes(tree: Mapping[str, Any]) -> Iterator[tuple[int, np.ndarray]]:
    """Nodes that split by categories, with those that each sends right."""
    columns = (tree[f"categories_{name}"] for name in ("nodes", "segments", "sizes"))
    for node, first, size in zip(*columns, strict=True):
        yield node, np.array(tree["categories"][first : first + size], np.int64)


@dataclass(frozen=True, slots=True)
class _Group:
    """At most ``GROUP_SPLITS`` splits by one feature's categories."""

    feature: int
    place_K: np.ndarray
    """int64: where its splits stand in S."""
    word_W: np.ndarray
    """uint32: of what is missing, of what no split knows, and of each category who goes left."""

    @classmethod
    def of(cls, asked_S: np.ndarray, place_K: np.ndarray, codes: Sequence[np.ndarray]) -> "_Group":
        """Lay out splits at ``place_K`` that send ``codes`` right."""
        num_categories = 1 + max(int(sent.max(initial=-1)) for sent in codes)
        if num_categories > MAX_CATEGORIES:
            raise UnknownTreesError(f"{MAX_CATEGORIES} categories are known, not {num_categories}")
        is_left_WK = np.ones((2 + num_categories, len(codes)), bool)
        is_left_WK[0] = asked_S["misses_left"][place_K]
        for number, sent in enumerate(codes):
            is_left_WK[2 + sent, number] = False
        bit_K = np.uint32(1) << np.arange(len(codes), dtype=np.uint32)
        word_W = (is_left_WK * bit_K).sum(axis=1, dtype=np.uint32)
        return cls(int(asked_S["feature"][place_K[0]]), place_K, word_W)


def _groups(asked_S: np.ndarray, codes: Sequence[np.ndarray]) -> Iterator[_Group]:
    place_K = np.flatnonzero(asked_S["is_of_categories"])
    feature_K = asked_S["feature"][place_K]
    for feature in np.unique(feature_K):
        own = np.flatnonzero(feature_K == feature)
        for first in range(0, len(own), GROUP_SPLITS):
            chosen = own[first : first + GROUP_SPLITS]
            yield _Group.of(asked_S, place_K[chosen], [codes[k] for k in chosen])


def _headings(groups: Sequence[_Group], feature_C: np.ndarray) -> np.ndarray:
    group_G = np.zeros(len(groups), GROUP)
    num_words_G = np.array([len(group.word_W) for group in groups], np.int64)
    group_G["column"] = np.searchsorted(feature_C, [group.feature for group in groups])
    group_G["num_categories"] = num_words_G - 2
    group_G["first_word"] = np.cumsum(num_words_G) - num_words_G
    return group_G


def _splits(
    asked_S: np.ndarray, feature_C: np.ndarray, feature_L: np.ndarray, groups: Sequence[_Group]
) -> np.ndarray:
    """Say which column each split reads: a feature, one that misses to the left, or its own."""
    if not np.isfinite(asked_S["threshold"]).all():
        raise UnknownTreesError("thresholds should be finite: what is missing is -inf to them")
    split_S = np.zeros(len(asked_S), SPLIT)
    split_S["threshold"] = asked_S["threshold"]
    plain_S = np.searchsorted(feature_C, asked_S["feature"])
    left_S = len(feature_C) + np.searchsorted(feature_L, asked_S["feature"])
    column_S = np.where(asked_S["misses_left"], left_S, plain_S)
    first = len(feature_C) + len(feature_L)
    for number, group in enumerate(groups):
        column_S[group.place_K] = first + number * GROUP_SPLITS + np.arange(len(group.place_K))
    split_S["column"] = np.where(asked_S["is_asked"], column_S, 0)
    return split_S


def _is_numeric(asked_S: np.ndarray) -> np.ndarray:
    return asked_S["is_asked"] & ~asked_S["is_of_categories"]


def _joined(parts: Iterable[np.ndarray], dtype: np.dtype) -> np.ndarray:
    return np.concatenate([np.empty(0, dtype), *parts])
