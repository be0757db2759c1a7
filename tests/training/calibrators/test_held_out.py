import numpy as np
import pytest

from tests.training.calibrators.distorted import chances, examples
from training.calibrators.held_out import Judges, Split, folds, simplest


def test_every_user_is_judged_once_by_a_fit_without_him() -> None:
    user_N = np.random.default_rng(1).integers(0, 50, 400) * 7
    given = examples(chances(1, 400), np.zeros(400, bool), user_N=user_N, age=np.zeros(400, int))

    splits = folds(given, 4)

    assert len(splits) == 4
    for split in splits:
        assert not set(split.learned.user_N) & set(split.judged.user_N)
        assert len(split.learned) + len(split.judged) == 400
        assert len(split.judged.segments["age"].code_N) == len(split.judged)
    assert sorted(p for s in splits for p in s.judged.p_N) == sorted(given.p_N)


def test_nothing_can_be_judged_of_a_single_user() -> None:
    alone = examples(chances(1, 9), np.zeros(9, bool), user_N=np.zeros(9, int))
    assert folds(alone, 4) == []
    assert Judges.of([]).means({"identity": np.empty(0)}) == {}


def judges(num_users: int) -> Judges:
    given = examples(np.full(num_users, 0.5), np.arange(num_users) % 2 == 0)
    return Judges.of([Split(given, given)])


def test_losses_are_log_losses_as_examples_weigh() -> None:
    given = examples(np.full(2, 0.5), np.array([1.0, 0.25]), weight_N=np.array([1.0, 3.0]))
    of_two = Judges.of([Split(given, given)])

    loss_N = of_two.losses([np.log([0.2 / 0.8]), np.log([0.9 / 0.1])])

    expected = [-np.log(0.2), -3 * (0.25 * np.log(0.9) + 0.75 * np.log(0.1))]
    assert loss_N == pytest.approx(expected)
    assert of_two.means({"any": loss_N}) == {"any": pytest.approx(sum(expected) / 4)}


def test_a_richer_candidate_must_be_better_by_more_than_the_noise() -> None:
    noise_N = np.random.default_rng(1).normal(0, 1, 100)
    noise_N = (noise_N - noise_N.mean()) / noise_N.std(ddof=1)
    # A standard error of a sum over 100 users is 10, a mean gain of 0.1 each.
    simple_N, by_luck_N, indeed_N = np.ones(100), 0.91 + noise_N, 0.89 + noise_N

    one = simplest({"simple": simple_N, "rich": by_luck_N}, judges(100), num_errors=1.0)
    two = simplest({"simple": simple_N, "rich": indeed_N}, judges(100), num_errors=1.0)
    tie = simplest({"simple": simple_N, "rich": simple_N}, judges(100), num_errors=0.0)

    assert (one, two, tie) == ("simple", "rich", "simple")


def test_the_noise_is_that_of_users_and_not_of_rows() -> None:
    noise_U = np.random.default_rng(1).normal(0, 1, 20)
    gain_N = (0.1 + (noise_U - noise_U.mean()) / noise_U.std(ddof=1)).repeat(50)
    given = examples(np.full(1000, 0.5), np.zeros(1000, bool), user_N=np.arange(1000) // 50)
    by_user = Judges.of([Split(given, given)])
    apart = judges(1000)

    found = [j.is_better(1 - gain_N, np.ones(1000), num_errors=1.0) for j in (by_user, apart)]

    assert found == [False, True]
