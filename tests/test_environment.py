"""pyproject.toml, environment.yml and requirements.lock say the same, and drift is noticed.

`differences` compares three texts and returns sentences; the tests below feed it the real files (no sentence)
and copies with one fault each (the sentence that names it).
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
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


PYPROJECT, CONDA, LOCKED = range(3)  # the three texts, in the order of FILES
LINE = r'"joblib>=1.4",'
FAULTS = {
    "only pyproject.toml has it": (PYPROJECT, LINE, f'{LINE} "attrs>=25",', "attrs is None"),
    "pyproject.toml lost it": (PYPROJECT, LINE, "", "joblib is >=1.4, pyproject.toml says None"),
    "lost, and the lock is old": (PYPROJECT, LINE, "", "joblib is asked for by nobody"),
    "a bound raised in pyproject.toml": (PYPROJECT, LINE, '"joblib>=99",', "joblib is >=1.4"),
    "a lock older than the bound": (PYPROJECT, LINE, '"joblib>=99",', "is outside >=99; run `make lock`"),
    "not in the lock": (PYPROJECT, '"ruff>=0.9"', '"ruff>=0.9", "nox"', "lock: nox is missing"),
    "another Python": (PYPROJECT, r'python = ">=3.11"', 'python = ">=3.12"', "python is >=3.11"),
    "a line missing for conda": (CONDA, r"  - scipy.*\n", "", "scipy is None, pyproject.toml says >=1.14"),
    "another bound for conda": (CONDA, r"pytorch>=2.11", "pytorch>=2.4", "pytorch is >=2.4"),
    "torch from pip with conda": (CONDA, r"  - pytorch>=2.11", "  - torch>=2.11", "pytorch is None"),
    "the default channel": (CONDA, r"  - nodefaults.*\n", "  - defaults\n", "channels are"),
    "a line without a comment": (CONDA, r"(- joblib>=1.4) #.*", r"\1", "no comment on `- joblib>=1.4`"),
    "a pip line without a comment": (CONDA, r"- -e \. #.*", "- -e .", "no comment on `- -e .`"),
    "seglib itself missing": (CONDA, r"      - -e \. #.*\n", "", "-e ."),
    "a package missing in the lock": (LOCKED, r"\njoblib==(.|\n)*?(?=\n\S)", "", "joblib is missing"),
    "below the bound": (LOCKED, r"\njoblib==\S+", "\njoblib==1.3.0", "joblib 1.3.0 is outside >=1.4"),
    "only for one system": (LOCKED, r"(\njoblib==\S+)", r"\1 ; os_name == 'posix'", "joblib is missing"),
    "no hash": (LOCKED, r"(\njoblib==\S+) \\\n(.*\n)*?(?=    #)", r"\1\n", "joblib has no hash"),
    "an address": (LOCKED, r"\A", "--index-url https://example.org/simple\n", "an option or an address"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_drift_is_noticed(fault: str) -> None:
    file, pattern, replacement, said = FAULTS[fault]
    texts = list(FILES)
    texts[file], changed = re.subn(pattern, replacement, texts[file], count=1)
    assert changed == 1
    assert any(said in sentence for sentence in differences(*texts)), differences(*texts)


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
