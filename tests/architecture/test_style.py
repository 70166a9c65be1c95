"""What every file keeps: it fits in a head, says what it does, and does not print."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.sources import all_files, library_files, shown

LONGEST_FILE = 400
LONGEST_TEST_FILE = 600
LONGEST_FUNCTION = 60
Function = ast.FunctionDef | ast.AsyncFunctionDef


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def public_definitions(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, Function | ast.ClassDef]]:
    """Modules' and public classes' public functions and classes; what is inside a function is its own business."""
    for node in body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            yield prefix + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from public_definitions(node.body, f"{node.name}.")


def redefines(node: ast.AST) -> bool:
    """Whether a definition is documented elsewhere: an overload, an override, a property's setter."""
    names = {ast.unparse(decorator).rpartition(".")[2] for decorator in getattr(node, "decorator_list", [])}
    return bool(names & {"overload", "override", "setter"})


@pytest.mark.parametrize("path", library_files(), ids=shown)
def test_public_functions_say_what_they_do(path: Path) -> None:
    tree = tree_of(path)
    silent = [
        name for name, node in public_definitions(tree.body) if not redefines(node) and not ast.get_docstring(node)
    ]
    if path.stat().st_size and not ast.get_docstring(tree):
        silent.insert(0, "(the module)")
    assert silent == []


def test_files_fit_in_a_head() -> None:
    libraries = set(library_files())
    limits = {path: LONGEST_FILE if path in libraries else LONGEST_TEST_FILE for path in all_files()}
    sizes = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in limits}
    assert {shown(path): lines for path, lines in sizes.items() if lines > limits[path]} == {}


def test_functions_fit_on_a_screen() -> None:
    long = {
        f"{shown(path)}:{node.name}": lines
        for path in library_files()
        for node in ast.walk(tree_of(path))
        if isinstance(node, Function) and (lines := (node.end_lineno or 0) - node.lineno + 1) > LONGEST_FUNCTION
    }
    assert long == {}


def test_libraries_do_not_print() -> None:
    printing = [
        f"{shown(path)}:{node.lineno}"
        for path in library_files()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert printing == []


def test_no_error_is_swallowed_silently() -> None:
    """An `except` that only passes says why in a comment on its line, and is never for every exception."""
    silent = []
    for path in library_files():
        lines = path.read_text(encoding="utf-8").splitlines()
        for node in ast.walk(tree_of(path)):
            if not isinstance(node, ast.ExceptHandler):
                continue
            broad = node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"}
            passes = [type(statement) for statement in node.body] == [ast.Pass]
            if passes and (broad or "#" not in lines[node.body[0].lineno - 1]):
                silent.append(f"{shown(path)}:{node.lineno}")
    assert silent == []
