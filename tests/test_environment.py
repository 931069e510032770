"""pyproject.toml, environment.yml and requirements.lock say the same."""

from __future__ import annotations

import ast
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
FILES = tuple(
    (ROOT / name).read_text() for name in ("pyproject.toml", "environment.yml", "requirements.lock")
)
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


def differences(pyproject: str, environment: str, lock: str) -> list[str]:
    """One sentence for each place where the three files disagree."""
    project = tomllib.loads(pyproject)["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    wanted = {canonicalize_name(r.name): r.specifier for r in map(Requirement, lines)}
    python = SpecifierSet(project["requires-python"])
    return [*_conda(wanted, python, environment), *_comments(environment), *_locked(wanted, lock)]


def _conda(wanted: dict[str, SpecifierSet], python: SpecifierSet, environment: str) -> list[str]:
    """Where environment.yml has another package or another bound than pyproject.toml."""
    content = yaml.safe_load(environment)
    found = []
    if content["channels"] != ["conda-forge", "nodefaults"]:
        found.append(f"environment.yml: channels are {content['channels']}, expected conda-forge, nodefaults")
    *conda, last = content["dependencies"]
    pip = [line for line in last["pip"] if line != "-e ."]
    if last["pip"][-1:] != ["-e ."]:
        found.append("environment.yml: the last line must install seglib itself: -e .")
    here = {r.name: r.specifier for r in map(Requirement, [*conda, *pip])}
    expected = {CONDA_NAMES.get(name, name): bound for name, bound in wanted.items()} | {
        "python": python,
        "pip": SpecifierSet(),
    }
    for name in sorted(expected.keys() | here.keys()):
        if here.get(name) != expected.get(name):
            found.append(
                f"environment.yml: {name} is {here.get(name)}, pyproject.toml says {expected.get(name)}"
            )
    return found


def _comments(environment: str) -> list[str]:
    """The dependency lines of environment.yml that do not say who needs them."""
    lines = environment.split("dependencies:")[1].splitlines()
    items = [line for line in lines if line.lstrip().startswith("- ") and "pip:" not in line]
    return [
        f"environment.yml: no comment on `{line.strip()}`" for line in items if not re.search(r" # \w", line)
    ]


def _locked(wanted: dict[str, SpecifierSet], lock: str) -> list[str]:
    """Where requirements.lock lacks a package, breaks a bound, lacks a hash, or holds what nobody wants."""
    found, pins, asked = [], {}, set()
    for block in re.split(r"\n(?=\S)", lock.strip()):
        if not block[0].isalnum():
            found.append(f"requirements.lock: an option or an address, `{block.splitlines()[0]}`")
            continue
        pin = Requirement(re.split(r"\s*\\\n|\n", block)[0])
        name, version = canonicalize_name(pin.name), next(iter(pin.specifier)).version
        pins.setdefault(name, []).append((version, pin.marker))
        asked |= {name} if "seglib (pyproject.toml)" in block else set()
        if "--hash=sha256:" not in block:
            found.append(f"requirements.lock: {name} has no hash")
        if name in wanted and Version(version) not in wanted[name]:
            found.append(f"requirements.lock: {name} {version} is outside {wanted[name]}; run `make lock`")
    found += [
        f"requirements.lock: {name} is asked for by nobody; run `make lock`" for name in asked - wanted.keys()
    ]
    for name in sorted(wanted):
        if name not in asked or not all(_serves(pins[name], machine) for machine in MACHINES):
            found.append(f"requirements.lock: {name} is missing; run `make lock`")
    return found


def _serves(pins: list[tuple[str, Marker | None]], machine: dict[str, str]) -> bool:
    """Whether exactly one of a package's pins applies on this machine."""
    return sum(marker is None or marker.evaluate(machine) for _, marker in pins) == 1


def test_the_three_files_agree() -> None:
    assert differences(*FILES) == []


def test_what_seglib_imports_is_declared() -> None:
    project = tomllib.loads(FILES[0])["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    declared = {canonicalize_name(Requirement(line).name) for line in lines}
    declared |= {"seglib", "jupyter-client", "jupyter-core"}  # the last two: parts of ipykernel
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
