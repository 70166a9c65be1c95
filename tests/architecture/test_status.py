"""`docs/status.md` is honest: every capability has one of five words, and WORKING names tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STATUS = ROOT / "docs" / "status.md"
WORDS = {"WORKING", "PARTIAL", "BROKEN", "MOCK", "UNTESTED"}
ROW = re.compile(r"^\| (?P<capability>[^|]+) \| (?P<word>[A-Z]+) \| (?P<shown>[^|]*) \|$")
TEST = re.compile(r"`(?P<file>tests/[\w/]+\.py)(?:::(?P<name>test_\w+))?`")


def rows() -> list[tuple[str, str, str]]:
    found = [ROW.match(line) for line in STATUS.read_text().splitlines() if line.startswith("| ")]
    return [
        (match["capability"], match["word"], match["shown"])
        for match in found
        if match and match["word"] != "WORD" and not set(match["capability"]) <= {"-", " "}
    ]


def names_in(file: Path) -> set[str]:
    tree = ast.parse(file.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_the_page_lists_capabilities() -> None:
    assert len(rows()) > 20


def test_every_table_row_is_understood() -> None:
    lines = [line for line in STATUS.read_text().splitlines() if line.startswith("| ")]
    data = [line for line in lines if not line.startswith(("| capability", "| ---"))]
    assert len(data) == len(rows()), "a row is not `| capability | WORD | tests |`"


@pytest.mark.parametrize(("capability", "word", "shown"), rows())
def test_a_word_is_earned(capability: str, word: str, shown: str) -> None:
    assert word in WORDS, f"{capability}: {word} is not one of {', '.join(sorted(WORDS))}"
    tests = list(TEST.finditer(shown))
    if word == "WORKING":
        assert tests, f"{capability}: WORKING without a test that shows it"
    for test in tests:
        file = ROOT / test["file"]
        assert file.is_file(), f"{capability}: {test['file']} does not exist"
        if test["name"]:
            assert test["name"] in names_in(file), f"{capability}: {test['file']} has no {test['name']}"
        else:
            assert names_in(file), f"{capability}: {test['file']} holds no test"
