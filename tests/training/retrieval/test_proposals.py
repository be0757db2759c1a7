import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.retrieval.proposals import Proposals, from_lists, strongest, summed

PROPOSED = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 9), st.sampled_from([0.0, 0.25, 1.0, 3.5, 1e-30])),
    max_size=30,
)
Rows = list[tuple[int, int, float]]


def proposals_of(rows: Rows) -> Proposals:
    user, item, score = zip(*rows, strict=True) if rows else ((), (), ())
    return Proposals(np.array(user, np.int64), np.array(item, np.int64), np.array(score, float))


def rows_of(proposals: Proposals) -> Rows:
    columns = (proposals.user_P.tolist(), proposals.item_P.tolist(), proposals.score_P.tolist())
    return list(zip(*columns, strict=True))


@given(PROPOSED, st.integers(1, 4))
def test_each_user_keeps_his_best_and_ties_go_to_the_smaller_item(rows: Rows, most: int) -> None:
    distinct = sorted({(user, item): (user, item, score) for user, item, score in rows}.values())

    kept = rows_of(strongest(proposals_of(distinct), most))

    expected = []
    for user in range(5):
        own = sorted((r for r in distinct if r[0] == user), key=lambda r: (-r[2], r[1]))
        expected += own[:most]
    assert kept == expected


@given(PROPOSED)
def test_an_item_reached_several_times_has_the_sum(rows: Rows) -> None:
    by_user = sorted(rows, key=lambda row: row[0])
    expected: dict[tuple[int, int], float] = {}
    for user, item, score in by_user:
        expected[user, item] = expected.get((user, item), 0.0) + score

    given = proposals_of(by_user)
    found = summed(given.user_P, given.item_P, given.score_P)

    assert rows_of(found) == [(*key, expected[key]) for key in sorted(expected)]


@given(
    st.lists(st.lists(st.integers(0, 99), max_size=4), min_size=1, max_size=5),
    st.lists(st.integers(-1, 4), max_size=8),
)
def test_queries_read_their_lists_in_order(lists: list[list[int]], asked: list[int]) -> None:
    queries = [min(place, len(lists) - 1) for place in asked]
    stored = [element for one in lists for element in one]
    indptr = np.cumsum([0] + [len(one) for one in lists])

    query, element, place = from_lists(np.array(queries, np.int64), indptr)

    found = [(q, stored[e], p) for q, e, p in zip(query, element, place, strict=True)]
    assert found == [
        (number, element, place)
        for number, wanted in enumerate(queries)
        if wanted >= 0
        for place, element in enumerate(lists[wanted])
    ]
