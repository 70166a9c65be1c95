"""The project's own files, as the architecture tests look at them."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES: list[str] = PYPROJECT["tool"]["importlinter"]["root_packages"]


def library_files() -> list[Path]:
    """Every Python file of the packages that are installed."""
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def all_files() -> list[Path]:
    """Every Python file of the project, tests and benchmarks included."""
    extra = [path for folder in ("tests", "bench") for path in (ROOT / folder).rglob("*.py")]
    return sorted([*library_files(), *extra])


def shown(path: Path) -> str:
    """A file's name as messages show it."""
    return path.relative_to(ROOT).as_posix()
