"""Run every test and end with one summary: what passed, how long it took, what was skipped and why.

    python tools/checks.py                 everything (`make test`)
    python tools/checks.py lint units      only these (`make lint`)

Runs in the environment of the Python that calls it, so it serves conda users too.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
REPORTS = ROOT / "artefacts" / "reports"
PAIRED = ["--numprocesses=2", "--dist=loadfile"]  # two files at a time, each on a core of its own
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
NBVAL = "-o addopts= -p no:cacheprovider --nbval-current-env --nbval-cell-timeout=300 --timeout=360"


@dataclass
class Result:
    """The result of one step: its verdict, and the reasons why parts of it did not run."""

    name: str
    passed: bool = True
    done: str = ""
    seconds: float = 0.0
    skipped: Counter[str] = field(default_factory=Counter)


def lint() -> Result:
    """Style, types, and the course's own rules for notebooks."""
    commands = [
        ["-m", "ruff", "check", "."],
        ["-m", "ruff", "format", "--check", "."],
        ["-m", "mypy"],
        ["-m", "tools.course.lint"],
    ]
    passed = [run(command) for command in commands]
    return Result("lint", all(passed), f"{sum(passed)} of {len(commands)} linters passed")


def units() -> Result:
    """Unit tests and doctests; the tests in a browser come last, on their own."""
    return pytest("units", ["--ignore=tests/browser", *PAIRED], OMP_NUM_THREADS="1")


def solutions() -> Result:
    """The solved notebooks run on built-in scenes, and every output that is stored comes out the same."""
    return nbval("solutions", "--nbval", "notebooks/solutions", SEGLIB_DATA="none")


def students() -> Result:
    """Run All passes on what a student opens, nothing filled in, wherever the browser does not run the same.

    The browser opens every notebook on scenes. What is left are those that use real photographs, if there are
    any; without a Chromium it is all.
    """
    real = os.environ.get("SEGLIB_DATA", "none") != "none"
    word = ".photographs(" if find_chromium() else ""
    if real or not word:
        result = nbval("students", "--nbval-lax", "notebooks", word, SEGLIB_STRICT="0")
    else:
        result = Result("students", done="0 cells: the browser opens them all")
    if not real:
        result.skipped["notebooks on real photographs: set SEGLIB_DATA to a folder with the data sets"] += 1
    return result


def browser() -> Result:
    """JupyterLab in Chromium, on the notebooks as a student without photographs opens them."""
    arguments = ["--durations=20", *PAIRED, "--no-loadscope-reorder", "tests/browser"]
    return pytest("browser", arguments, SEGLIB_STRICT="0", SEGLIB_DATA="none", OMP_NUM_THREADS="1")


def find_chromium() -> str | None:
    """Where there is one: what SEGLIB_CHROMIUM names, or else on the PATH."""
    return os.environ.get("SEGLIB_CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)


STEPS: dict[str, Callable[[], Result]] = {
    step.__name__: step for step in (lint, units, solutions, students, browser)
}


def nbval(name: str, how: str, folder: str, word: str = "", **variables: str) -> Result:
    """Run the notebooks of one folder, not of those below it, that hold a word."""
    every = sorted((ROOT / folder).glob("*.ipynb"))
    found = [str(path.relative_to(ROOT)) for path in every if word in path.read_text("utf-8")]
    if not found:
        return Result(name, False, f"no notebooks in {folder}: run `make notebooks`")
    return pytest(
        name, [*NBVAL.split(), *PAIRED, how, *found], what="cells", OMP_NUM_THREADS="1", **variables
    )


def pytest(name: str, arguments: list[str], what: str = "tests", **variables: str) -> Result:
    """One pytest run in the tiny profile, with a home folder of its own; counts come from its report."""
    report = REPORTS / f"{name}.xml"
    report.unlink(missing_ok=True)
    passed = run(["-m", "pytest", "-q", f"--junitxml={report}", *arguments], **variables)
    if not report.exists():
        return Result(name, False, "pytest wrote no report")
    cases = list(ElementTree.parse(report).iter("testcase"))
    skips = [skip.get("message", "") for case in cases for skip in case.findall("skipped")]
    return Result(name, passed, f"{len(cases) - len(skips)} {what}", skipped=Counter(skips))


def run(arguments: list[str], **variables: str) -> bool:
    """`python ARGUMENTS` at the project's root; True when it exits with 0."""
    print(f"\n$ python {' '.join(arguments)}", flush=True)
    if arguments[0] == "-m" and not importlib.util.find_spec(arguments[1]):
        print(f"Python has no module {arguments[1]}. Set the course up with: python bootstrap.py setup")
        return False
    with tempfile.TemporaryDirectory() as home:
        own = {"SEGLIB_HOME": home, "SEGLIB_PROFILE": "tiny", "SEGLIB_STRICT": "1"}
        environment = {**os.environ, **own, **variables}
        return subprocess.call([sys.executable, *arguments], cwd=ROOT, env=environment) == 0


def summary(results: list[Result]) -> Table:
    """The one table at the end."""
    table = Table("", "step", "ran", "seconds", "not run, and why", box=None, padding=(0, 2, 0, 0))
    for result in results:
        skipped = "\n".join(f"{count} x {reason}" for reason, count in result.skipped.items())
        verdict = "ok" if result.passed else "FAILED"
        table.add_row(verdict, result.name, result.done, f"{result.seconds:.0f}", skipped)
    return table


def main(names: list[str]) -> int:
    """Run the named steps, or all; continue after a failure, so that one call shows everything."""
    unknown = [name for name in names if name not in STEPS]
    if unknown:
        print(f"There is no step {unknown[0]!r}; the steps are {', '.join(STEPS)}.")
        return 2
    os.chdir(ROOT)
    REPORTS.mkdir(parents=True, exist_ok=True)
    results = []
    for name in names or STEPS:
        began = time.monotonic()
        result = STEPS[name]()
        result.seconds = time.monotonic() - began
        results.append(result)
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print("", summary(results), "")
    failed = [result.name for result in results if not result.passed]
    print(f"FAILED: {', '.join(failed)}" if failed else "All passed.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
