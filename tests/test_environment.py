"""pyproject.toml, environment.yml and requirements.lock say the same."""

from __future__ import annotations

import ast
import itertools
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import yaml
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT, ENVIRONMENT, LOCK = (
    (ROOT / name).read_text() for name in ("pyproject.toml", "environment.yml", "requirements.lock")
)
PROJECT = tomllib.loads(PYPROJECT)["project"]
LINES = map(Requirement, [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]])
WANTED = {canonicalize_name(line.name): line.specifier for line in LINES}
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}
MACHINES = [  # the lock must serve all of these
    {"sys_platform": system, "platform_system": name, "os_name": os, "platform_machine": machine, **python}
    for system, name, os, machine in [
        ("linux", "Linux", "posix", "x86_64"),
        ("linux", "Linux", "posix", "aarch64"),
        ("darwin", "Darwin", "posix", "arm64"),
        ("win32", "Windows", "nt", "AMD64"),
    ]
    for python in [
        {"python_version": minor, "python_full_version": f"{minor}.5"} for minor in ("3.11", "3.12", "3.13")
    ]
]


def test_environment_yml_has_the_packages_and_bounds_of_pyproject() -> None:
    content = yaml.safe_load(ENVIRONMENT)
    assert content["channels"] == ["conda-forge", "nodefaults"]
    *conda, last = content["dependencies"]
    *pip, itself = last["pip"]
    assert itself == "-e .", "the last line must install seglib itself"
    here = {line.name: line.specifier for line in map(Requirement, [*conda, *pip])}
    expected = {CONDA_NAMES.get(name, name): bound for name, bound in WANTED.items()}
    expected |= {"python": SpecifierSet(PROJECT["requires-python"]), "pip": SpecifierSet()}
    assert here == expected


def test_every_line_of_environment_yml_says_who_needs_it() -> None:
    lines = ENVIRONMENT.split("dependencies:")[1].splitlines()
    items = [line for line in lines if line.lstrip().startswith("- ") and "pip:" not in line]
    assert [line for line in items if not re.search(r" # \w", line)] == []


def test_the_lock_serves_every_machine_with_hashes_and_holds_nothing_that_nobody_wants() -> None:
    pins, asked = {}, set()
    for block in re.split(r"\n(?=\S)", LOCK.strip()):
        assert block[0].isalnum(), f"an option or an address, `{block.splitlines()[0]}`"
        pin = Requirement(re.split(r"\s*\\\n|\n", block)[0])
        name, version = canonicalize_name(pin.name), next(iter(pin.specifier)).version
        pins.setdefault(name, []).append((version, pin.marker))
        asked |= {name} if "seglib (pyproject.toml)" in block else set()
        assert "--hash=sha256:" in block, f"{name} has no hash"
        outside = name in WANTED and Version(version) not in WANTED[name]
        assert not outside, f"{name} {version} is outside {WANTED[name]}; run `make lock`"
    assert asked == WANTED.keys(), "run `make lock`"
    for name, machine in itertools.product(WANTED, MACHINES):
        assert _serves(pins[name], machine), f"{name} is missing for {machine}; run `make lock`"


def _serves(pins: list[tuple[str, Marker | None]], machine: dict[str, str]) -> bool:
    """Whether exactly one of a package's pins applies on this machine."""
    return sum(marker is None or marker.evaluate(machine) for _, marker in pins) == 1


def test_what_seglib_imports_is_declared() -> None:
    declared = WANTED.keys() | {
        "seglib",
        "jupyter-client",
        "jupyter-core",
    }  # the last two: parts of ipykernel
    providers = metadata.packages_distributions()
    for path in (ROOT / "seglib").rglob("*.py"):
        for module in _imports(path) - sys.stdlib_module_names:
            names = {canonicalize_name(name) for name in providers.get(module, [module])}
            assert names & declared, f"{path.name} imports {module}: declare one of {sorted(names)}"


def _imports(path: Path) -> set[str]:
    """The top-level names of the modules that a file imports, wherever it does."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    plain = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    sources = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    return {name.split(".")[0] for name in plain | sources}
