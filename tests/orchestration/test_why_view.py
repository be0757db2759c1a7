import io
from dataclasses import replace

from rich.console import Console

from orchestration.why_view import render
from scoring.contributions import Contribution, Contributions
from scoring.explain import Explanation, explain
from tests.scoring.explained_evenings import FUSING, PLAIN, known, ranked, with_slate


def explained(item_no: int, *order: int) -> Explanation:
    evening = with_slate(known(item_no, ranked(*order)), PLAIN)
    return explain(evening, slate=PLAIN, candidates=replace(FUSING, num_candidates=2))


def shown(found: Explanation) -> str:
    console = Console(file=io.StringIO(), width=140)
    console.print(render(found))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_contributions_are_shown_with_values_units_and_what_is_left() -> None:
    likes = Contribution(
        feature="item_click_rate_28d", value=0.25, unit="clicks", log_odds=1.5, why="attractive"
    )
    unknown = Contribution(
        feature="item_price_cents", value=None, unit="cents", log_odds=-0.5, why="its price"
    )
    parts = Contributions(
        log_odds=-1.0, base=-2.25, largest=(likes, unknown), others=0.25, num_others=70
    )

    text = shown(replace(explained(1, 1, 2), contributions=parts))

    for said in ("0.25 clicks", "+1.500", "not known", "-0.500", "70 others", "+0.250", "-1.000"):
        assert said in text


def test_what_is_no_candidate_is_shown_with_how_far_it_was() -> None:
    text = shown(explained(3, 1, 2))

    assert "not among his candidates" in text
    assert "place 3 of 4 proposed, by fused score; 2 are kept" in text


def test_words_of_a_log_are_not_read_as_markup() -> None:
    word = Contribution(feature="item_brand", value="[i]acme", unit="", log_odds=1.0, why="")
    parts = Contributions(log_odds=1.0, base=0.0, largest=(word,), others=0.0, num_others=0)
    plain = explained(1, 1, 2)
    found = replace(plain, title="[red]tea[/red]", user="[b]ann", contributions=parts)

    text = shown(found)

    assert "[red]tea[/red]" in text
    assert "[b]ann" in text
    assert "[i]acme" in text
