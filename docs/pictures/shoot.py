"""Takes pictures of a running UI in a real browser: the screens that people look at first.

Run it beside a home that `make demo` made and `make dev` serves. It needs Playwright and a
Chromium, which nothing else here needs, and no package of this repository:

    python3 -m venv pictures && pictures/bin/pip install playwright
    pictures/bin/python docs/pictures/shoot.py --into build/pictures

``--make 02_silver 2026-01-08 2026-01-09`` first has a range of a group's days made, by clicking as
a person would, and waits for its end. ``--only NAME`` takes one picture; those that begin with
``failed-`` need a day on which the check of silver/line_counts blocked.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from playwright.sync_api import Page

PATIENCE_MS: Final = 120_000
DRAWN_MS: Final = 4_000
"""The UI moves things into their place after all has come."""
WIDTH, HEIGHT = 1600, 1000
_GROUPS: Final = "/locations/__repository__@nightmarket/asset-groups"
_SCHEDULES: Final = "/locations/__repository__@nightmarket/schedules"


def nothing(_: Page) -> None:
    """Take the page as it comes."""


def open_markdown(page: Page) -> None:
    """Open the last text or picture of a page's metadata."""
    page.get_by_text("[Show Markdown]").last.click()


def open_to_do(page: Page) -> None:
    """Open what a check that blocked says to a person."""
    page.locator("tr", has_text="what_to_do").last.get_by_text("[Show Markdown]").click()


def open_reasons(page: Page) -> None:
    """Open why lines were rejected."""
    page.locator("tr", has_text="rejected_lines").last.get_by_text("[Show Markdown]").click()


def open_newest_run(page: Page) -> None:
    """Go on to the topmost run of the list, backfills left out."""
    page.locator("a[href^='/runs/']:not([href^='/runs/b/'])").first.click()
    page.get_by_text("STEP_SUCCESS").or_(page.get_by_text("STEP_FAILURE")).first.wait_for()


def open_stderr(page: Page) -> None:
    """Show what a run's process complained about."""
    open_newest_run(page)
    page.get_by_text("stderr", exact=True).click()


def open_plots(page: Page) -> None:
    """Show row counts and costs by day."""
    page.get_by_text("Plots", exact=True).click()
    page.get_by_text("Plots", exact=True).scroll_into_view_if_needed()


def open_range_dialog(page: Page) -> None:
    """Ask for days of all assets of a group."""
    page.get_by_text("Materialize all").first.click()
    page.get_by_text("Partition selection").wait_for()


@dataclass(frozen=True, kw_only=True)
class Screen:
    """One picture: where, and what is clicked there."""

    path: str
    act: Callable[[Page], None] = nothing


SCREENS: Final = {
    "graph": Screen(path="/asset-groups"),
    "catalog": Screen(path="/assets"),
    "asset": Screen(path="/assets/silver/line_counts"),
    "asset-plots": Screen(path="/assets/silver/line_counts", act=open_plots),
    "asset-picture": Screen(path="/assets/silver/line_counts?view=events", act=open_markdown),
    "asset-check": Screen(path="/assets/silver/line_counts?view=checks"),
    "check-results": Screen(path="/assets/silver/line_counts?view=checks", act=open_markdown),
    "rankers-picture": Screen(path="/assets/rankers/reports?view=events", act=open_markdown),
    "range": Screen(path=f"{_GROUPS}/02_silver", act=open_range_dialog),
    "runs": Screen(path="/runs"),
    "run": Screen(path="/runs", act=open_newest_run),
    "run-stderr": Screen(path="/runs", act=open_stderr),
    "failed-to-do": Screen(path="/assets/silver/line_counts?view=checks", act=open_to_do),
    "failed-reasons": Screen(path="/assets/silver/line_counts?view=checks", act=open_reasons),
    "schedule": Screen(path=f"{_SCHEDULES}/every_night"),
    "automation": Screen(path="/automation"),
}


def visit(page: Page, address: str) -> None:
    """Open a page and let it come to rest."""
    page.goto(address, wait_until="load")
    page.get_by_text("Lineage").first.wait_for()
    page.wait_for_timeout(DRAWN_MS)


def shoot(page: Page, url: str, name: str, into: Path) -> Path:
    """Take one picture."""
    screen = SCREENS[name]
    visit(page, url + screen.path)
    screen.act(page)
    page.wait_for_timeout(DRAWN_MS)
    path = into / f"{name}.png"
    page.screenshot(path=path)
    return path


def make(page: Page, url: str, asked_for: list[str], into: Path) -> Path:
    """Start a backfill by clicking, see it through, and take its picture."""
    group, first, last = asked_for
    visit(page, f"{url}{_GROUPS}/{group}")
    open_range_dialog(page)
    page.wait_for_timeout(DRAWN_MS)
    if page.get_by_text("Show all partitions").count():
        page.get_by_text("Show all partitions").first.click()
        page.wait_for_timeout(DRAWN_MS)
    days = page.locator("input:visible").first
    days.fill(f"[{first}...{last}]" if first != last else first)
    days.press("Enter")
    page.get_by_role("button", name="Launch").last.click()
    page.wait_for_timeout(DRAWN_MS)
    visit(page, f"{url}/runs")
    page.locator("a[href^='/runs/']").first.click()
    page.get_by_text("100% completed").first.wait_for(timeout=10 * PATIENCE_MS)
    page.wait_for_timeout(DRAWN_MS)
    path = into / "made.png"
    page.screenshot(path=path)
    return path


def asked() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--url", default="http://127.0.0.1:3000")
    parser.add_argument("--into", type=Path, required=True)
    usual = [name for name in SCREENS if not name.startswith("failed-")]
    parser.add_argument("--only", choices=SCREENS, nargs="*", default=usual)
    parser.add_argument("--make", nargs=3, metavar=("GROUP", "FIRST_DAY", "LAST_DAY"))
    parser.add_argument("--browser", default=shutil.which("chromium"))
    return parser.parse_args()


def main() -> None:
    """Take the pictures that were asked for."""
    from playwright.sync_api import sync_playwright

    options = asked()
    options.into.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.browser, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.set_default_timeout(PATIENCE_MS)
        if options.make:
            sys.stdout.write(f"{make(page, options.url, options.make, options.into)}\n")
        for name in options.only:
            sys.stdout.write(f"{shoot(page, options.url, name, options.into)}\n")
        browser.close()


if __name__ == "__main__":
    main()
