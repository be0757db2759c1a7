"""Whatever is typed or stands in a mapping: success, exit 1 with a sentence, or exit 2 with usage.

A sentence is our own: an error of somebody else, told with the advice to run again with --debug, is
a trace in disguise. What each wrong use and each wrong key is answered with stands in
``tests/orchestration/test_cli.py`` and ``tests/etl/sources/test_mapping.py``.
"""

import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random

import pytest

from etl.sources.known import BY_NAME
from etl.sources.mapping_toml import said_of, toml
from orchestration import cli
from tests.drills.mutators import MUTATORS
from tests.orchestration import tiny_shop
from tests.scoring.published_rows import place, publish_feed, row

NUM_SMALL, NUM_WHOLE = 100, 2_000
LOG = "log.csv"
ODD = (
    "",
    " ",
    "-",
    "--",
    "-1",
    "0",
    "1e9",
    "NaN",
    "99999999999999999999",
    "true",
    "2026-02-30",
    "0001-01-01",
    "9999-12-31",
    "2026-01-01T00:00",
    "20260101",
    "٢٠٢٦-٠١-٠١",
    "../..",
    "/",
    "/dev/null/x",
    "a/b",
    "x" * 300,
    "x" * 5_000,
    "'; DROP TABLE users; --",
    "$(id)",
    "[red]bold[/]",
    "[/]",
    "{0}",
    "%s",
    "💩",
    "e\u0301\u202e",
    "a\nb",
    "\udcff",  # a byte of the command line that is no UTF-8
    "folder",
    "empty",
    "noise",
    "log.jsonl",
    LOG,
    "mapping.toml",
    "product_feed",
    "csv",
    "--help",
    "--json",
    "--no-such",
)
DAY = ("--day", "2026-01-01")
USES: tuple[tuple[str, ...], ...] = (
    ("load", "csv", LOG, "--mapping", "mapping.toml"),
    ("load", "csv", LOG, "--mapping", "mapping.toml", "--name", "mine"),
    ("load", "rees46", LOG),
    ("load", "jsonl", "log.jsonl", "--mapping", "mapping.toml"),
    ("inspect-log", LOG),
    ("inspect-log", "noise", "--max-lines", "10"),
    ("inspect-log", LOG, "--mapping", "mapping.toml"),
    ("top", "u1"),
    ("top", "u1", "--surface", "product_feed", "--json"),
    ("top", "u1", "--exclude-file", LOG),
    ("similar", "p1", "--surface", "product_feed"),
    ("why", "u1", "p1", *DAY),
    ("night", *DAY),
    ("backfill", "--from", "2026-01-01", "--to", "2026-01-02"),
    ("publish", *DAY, "--allow-older"),
    ("export", *DAY, "--format", "csv", "--out", "out.csv"),
    ("report", "--from", "2026-01-01", "--to", "2026-01-02", "--horizon", "7"),
    ("rollback", "--to", "000001-x"),
    ("champion", "product_feed", "--ranker", "gbdt", "--reason", "why", "--model-date", "x"),
)
"""All that can be typed but what starts servers (ui) or makes shops (demo, simulate)."""
SETTINGS = ('"csv"', "1", "-0.0", "nan", "[]", "{}", "[[1]]", '""', "true", "2026-01-01T00:00:00Z")
WORDS = ('"%"', '"%Y"', '"%Q"', '"ab"', '"utf-16"', '"Mars/Base"', '"../x"', '"\\u0000"', '"\\n"')
_WRITABLE = re.compile(
    r"folder/[^/]+|home/(working|nightmarket\.toml|publications/.*|landing/[0-9-]{10}/[\w-]{1,64}/[\w.-]+)"
)
"""What commands may leave: a file of landing lies under its day and its source."""
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Types a command in a folder of files, at a home with a publication and nothing else."""
    home, folder = tmp_path / "home", tmp_path / "folder"
    publish_feed(home / "publications", row("u1", [place(1)]))
    folder.mkdir()
    _write_files(folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("NIGHTMARKET_HOME", str(home))

    def typed(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["nightmarket", *arguments])
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = capsys.readouterr()
        there = [path for path in tmp_path.rglob("*") if path.is_file()]
        written = {str(path.relative_to(tmp_path)) for path in there}
        assert [path for path in written if not _WRITABLE.fullmatch(path)] == [], arguments
        shutil.rmtree(home / "landing", ignore_errors=True)
        (home / "nightmarket.toml").unlink(missing_ok=True)
        return code, out, err

    return typed


def _write_files(folder: Path) -> None:
    rows = [tiny_shop.COLUMNS, *tiny_shop.rows_of(tiny_shop.FIRST_DAY)[:20]]
    (folder / LOG).write_text("".join(",".join(row) + "\n" for row in rows))
    said = [json.dumps(dict(zip(tiny_shop.COLUMNS, row, strict=True))) for row in rows[1:]]
    (folder / "log.jsonl").write_text("\n".join(said))
    (folder / "mapping.toml").write_text(toml(said_of(tiny_shop.MAPPING)))
    (folder / "folder").mkdir()
    (folder / "empty").touch()
    (folder / "noise").write_bytes(Random(1).randbytes(3_000))


def complaint(words: Sequence[str], ended: tuple[int, str, str]) -> str | None:
    """What is wrong with an answer that is no success, no sentence of ours and no usage."""
    code, out, err = ended
    is_said = err.startswith("nightmarket: ") and len(err.splitlines()) == 1
    is_ours = is_said and "--debug" not in err
    is_right = {0: True, 1: is_ours, 2: "Error: " in err}.get(code, False)
    if is_right and "Traceback" not in out + err:
        return None
    return f"{[word[:60] for word in words]} ended with {code}: {(out + err)[-400:]}"


def commands(rng: Random, number: int) -> Iterator[list[str]]:
    """Uses that are right in most of their words."""
    for _ in range(number):
        words = list(rng.choice(USES))
        for _ in range(rng.choice((1, 1, 2))):
            at = rng.randrange(1, len(words) + 1)
            step = rng.randrange(4)
            if step == 0:
                words.insert(at, rng.choice(ODD))
            elif step == 1 and len(words) > 1:
                del words[min(at, len(words) - 1)]
            elif at < len(words):
                words[at] = rng.choice(ODD)
        yield words


def test_whatever_is_typed_is_answered(run: Run, *, is_whole: bool) -> None:
    codes, complaints = set(), []

    for words in commands(Random(21), NUM_WHOLE if is_whole else NUM_SMALL):
        ended = run(*words)
        codes.add(ended[0])
        complaints.append(complaint(words, ended))

    assert [said for said in complaints if said] == []
    assert codes == {0, 1, 2}


def mappings(rng: Random, number: int) -> Iterator[bytes]:
    """Mapping files of which most still are TOML."""
    known = [toml(said_of(mapping)) for mapping in (tiny_shop.MAPPING, *BY_NAME.values())]
    for _ in range(number):
        text = rng.choice(known)
        for _ in range(rng.choice((0, 1, 1, 2))):
            text = _with_another_value(rng, text)
        content = text.encode()
        if rng.random() < 0.5:
            content = rng.choice(MUTATORS)(rng, content, rng.choice(known).encode())
        yield content


def _with_another_value(rng: Random, text: str) -> str:
    lines = text.splitlines()
    at = rng.choice([n for n, line in enumerate(lines) if " = " in line])
    key = lines[at].split(" = ")[0]
    lines[at] = f"{key} = {rng.choice(SETTINGS + WORDS)}"
    if rng.random() < 0.3:
        key = rng.choice(("time_unit", "timezone", "delimiter", "encoding", "decimal", "header"))
        lines.insert(0, f"{key} = {rng.choice(SETTINGS + WORDS)}")
    return "\n".join(lines) + "\n"


def test_whatever_stands_in_a_mapping_is_answered(run: Run, *, is_whole: bool) -> None:
    uses = (("load", "csv", LOG), ("inspect-log", LOG), ("load", "jsonl", "log.jsonl"))
    rng, codes, complaints = Random(22), set(), []

    for content in mappings(rng, NUM_WHOLE if is_whole else NUM_SMALL):
        Path("mapping.toml").write_bytes(content)
        words = [*rng.choice(uses), "--mapping", "mapping.toml"]
        ended = run(*words)
        codes.add(ended[0])
        said = complaint(words, ended)
        complaints.append(said and f"{said} of {content!r}")

    assert [said for said in complaints if said] == []
    assert codes == {0, 1}
