"""A floor imports only from floors below, and the other import rules of pyproject.toml."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.architecture.sources import PACKAGES, PYPROJECT, ROOT


def test_imports_keep_the_floors() -> None:
    linter = Path(sys.executable).parent / "lint-imports"
    result = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_package_has_a_floor() -> None:
    layers = PYPROJECT["tool"]["importlinter"]["contracts"][0]["layers"]
    floors = {name.strip() for layer in layers for name in layer.split("|")}
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "bench"}
    assert floors == set(PACKAGES) == packages
    assert set(PYPROJECT["tool"]["mypy"]["packages"]) == packages | {"tests", "bench"}
