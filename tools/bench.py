"""Run benchmarks: scripts that print their numbers, and experiments whose rows the claims are judged by.

    python -m tools.bench                       every script of benchmarks/, one after the other
    python -m tools.bench scenes metrics        these
    python -m tools.bench --claim R2 A1         the rows that these claims lack; `all` for every claim
    python -m tools.bench --claims              docs/claims.md from the rows; 1 if rows are missing or stale
    python -m tools.bench --quick               at most 10 minutes: do the strongest relations hold on scenes?

Filling resumes: a row is kept as soon as its run ends. `--minutes 30` starts no run after 30 minutes.
`--workers 8` does runs side by side, in processes with a thread each, on the GPU if there is one; those that
measure time are left out then.
"""

from __future__ import annotations

import argparse
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from itertools import chain, groupby
from pathlib import Path
from typing import Any, NamedTuple

from joblib import Parallel, delayed

from benchmarks import render, rows
from benchmarks.claims import BY_ID, CLAIMS, DATA, EXPERIMENTS, HOLDS, Claim, Experiment, Results, Shown

FOLDER = rows.ROOT / "benchmarks"
HELPERS = ("claims", "experiments", "peers", "render", "rows")  # modules of benchmarks/ that are not scripts
#: what `--quick` runs: experiments with fewer images and steps, and claims that must hold with them
QUICK = {
    "skips": {"images": 80, "judged": 30, "steps": 60},
    "starts": {"images": 80, "judged": 30, "steps": 80},
    "strides": {"judged": 20},
    "touching": {"judged": 40},
    "ceilings": {"judged": 8, "number": 100},
    "times": {"judged": 1, "number": 250, "crop": 96},
    "blur_score": {"judged": 20},
}
STRONGEST = ("R1", "R2", "R4", "R5", "A5", "P4")


class Job(NamedTuple):
    """One run: a group of arms of an experiment, on one data set, with one seed."""

    experiment: Experiment
    data: str
    group: tuple[str, ...]
    seed: int

    def __str__(self) -> str:
        """The run in a few words."""
        return f"{self.experiment.name}, {self.data}, seed {self.seed}: {', '.join(self.group)}"


def scripts() -> list[Path]:
    """The benchmarks that print their own numbers."""
    found = sorted(FOLDER.glob("*.py"))
    return [path for path in found if not path.stem.startswith("_") and path.stem not in HELPERS]


def run_scripts(names: Sequence[str]) -> int:
    """Run scripts one after the other; 1 if one fails, 2 if there is none of that name."""
    chosen = [path for path in scripts() if not names or path.stem in names]
    if not chosen:
        there = ", ".join(path.stem for path in scripts())
        print(f"There is no benchmark {', '.join(names)}; there are {there}.")
        return 2
    failed = []
    for path in chosen:
        print(f"\n== {path.stem}", flush=True)
        if subprocess.call([sys.executable, str(path)], cwd=FOLDER.parent):
            failed.append(path.stem)
    print(f"\nFAILED: {', '.join(failed)}" if failed else f"\n{len(chosen)} benchmarks ran.")
    return 1 if failed else 0


def every() -> list[Claim | Shown]:
    """What needs rows: all claims, and the tables that are no claim's."""
    return [*CLAIMS, *render.shown()]


def missing(claims: Sequence[Claim | Shown], results: Results) -> Iterator[Job]:
    """The runs that claims and tables lack, or whose rows are stale, the most important first."""
    for data in DATA:
        for one in results.experiments.values():
            wanted = {arm for claim in claims if data in claim.sets for arm in claim.arms} & set(one.arms)
            for group in one.groups if data in one.data else ():
                for seed in one.seeds if wanted & set(group) else ():
                    if not all(results.is_fresh(results.row(arm, data, seed)) for arm in group):
                        yield Job(one, data, group, seed)


def unable(job: Job) -> str:
    """Why a run is not possible here, or an empty string."""
    from seglib.data.catalog import found

    if job.data != "scenes" and job.data not in found():
        return f"{job.data} is not on this machine: set SEGLIB_DATA to the folder that holds it"
    lacking = [name for name in job.experiment.packages if not _installed(name)]
    return f"{', '.join(lacking)} are not installed: see benchmarks/peers.py" if lacking else ""


def run_jobs(jobs: Sequence[Job], results: Results, limit: float, workers: int = 1) -> list[str]:
    """Do runs and append their rows; returns what was not run, or failed, and why.

    Args:
        jobs: the runs.
        results: where rows go, and the code that they rest on.
        limit: seconds after which no run is started.
        workers: processes; with more than one, runs that measure time are left out.
    """
    possible: list[Job] = []
    problems: dict[str, None] = {}
    for job in jobs:
        if workers > 1 and job.experiment.alone:
            problems[f"{job.experiment.name} measures time: run it alone, without --workers"] = None
        elif why := unable(job):
            problems[f"{job.experiment.name} on {job.data} was not run: {why}"] = None
        else:
            possible.append(job)
    chunks = [[job] for job in possible]
    if (
        workers > 1
    ):  # the seeds of a run in one process, which keeps their data; masks from boxes take longest
        chunks = [list(chunk) for _, chunk in groupby(possible, lambda job: job[:3])]
        chunks.sort(key=lambda chunk: "seglib/weak" not in chunk[0].experiment.code)
    began, end = time.monotonic(), time.time() + limit
    pool = Parallel(n_jobs=workers, return_as="generator_unordered")
    said = chain.from_iterable(pool(delayed(_run)(chunk, results, end) for chunk in chunks))
    for done, (line, problem) in enumerate(said, start=1):
        print(f"{done}/{len(possible)} {line} ({(time.monotonic() - began) / 60:.0f} min)", flush=True)
        problems |= {problem: None} if problem else {}
    return list(problems)


def _run(jobs: Sequence[Job], results: Results, end: float) -> list[tuple[str, str]]:
    """Do runs one after the other; for each a line about it, and the problem if there was one."""
    from benchmarks import experiments
    from benchmarks._machine import accelerated

    said = []
    for job in jobs:
        if time.time() > end:
            problem = "Time was over before some runs began; run this again to resume"
            said.append((f"{job}: not begun", problem))
            continue
        start, options = time.monotonic(), job.experiment.options_for(job.data)
        try:
            found = getattr(experiments, job.experiment.name)(job.data, job.seed, job.group, options)
        except Exception as error:  # the next claims do not depend on it
            problem = f"{job} failed: {type(error).__name__}: {error}"
            said.append((problem, problem))
            continue
        seconds = round(time.monotonic() - start, 1)
        common = {"options": options, "seconds": seconds, "device": accelerated(), **_origin()}
        common["code"] = results.code[job.experiment.name]
        about = {"experiment": job.experiment.name, "data": job.data, "seed": job.seed}
        values = {arm: {name: round(value, 5) for name, value in found[arm].items() if value == value}
                  for arm in job.group}  # fmt: skip
        lines = [{**about, "arm": arm, "values": values[arm], **common} for arm in job.group]
        rows.append(results.file(job.experiment.name), lines)
        scores = ", ".join(f"{arm} {next(iter(each.values())):.1f}" for arm, each in values.items())
        said.append((f"{job.experiment.name}, {job.data}, seed {job.seed}: {scores} ({seconds:.0f} s)", ""))
    return said


def _origin() -> dict[str, Any]:
    """The commit, marked where files other than rows differ from it, and the versions of the libraries."""

    def git(*command: str) -> str:
        try:
            ran = subprocess.run(["git", *command], cwd=rows.ROOT, capture_output=True, text=True)
        except FileNotFoundError:  # a machine without git
            return ""
        return ran.stdout.strip()

    commit = git("rev-parse", "--short", "HEAD")
    commit += "+" * bool(git("status", "--porcelain", "-uno", "--", ".", ":!benchmarks/results"))
    names = ("torch", "torchvision", "numpy", "scikit-image", "opencv-contrib-python-headless")
    found = {name: version(name) for name in names if _installed(name)}
    return {"commit": commit, "versions": {"python": platform.python_version(), **found}}


def _installed(package: str) -> bool:
    try:
        return bool(version(package))
    except PackageNotFoundError:
        return False


def fill(names: Sequence[str], data: Sequence[str], minutes: float, workers: int = 1) -> int:
    """Fill the rows of claims on some data sets; 0 if none is missing afterwards."""
    if unknown := [name for name in names if name not in BY_ID and name != "all"]:
        print(f"There is no claim {', '.join(unknown)}; there are {', '.join(BY_ID)}, and all.")
        return 2
    claims = every() if "all" in names else [BY_ID[name] for name in names]
    results = Results()
    jobs = [job for job in missing(claims, results) if job.data in data]
    print(f"{len(jobs)} runs to do.", flush=True)
    problems = run_jobs(jobs, results, 60 * minutes, workers) if jobs else []
    print("\n".join(problems) or "Every row is there.")
    return 1 if problems else 0


def show(root: Path = rows.ROOT) -> int:
    """Write docs/claims.md, and the tables of README and docs; 1 if a row is missing or stale.

    Claims that need other libraries are named as not run, and do not count as failures.
    """
    results = Results(root / "benchmarks/results")
    (root / "docs/claims.md").write_text(render.page(results), encoding="utf-8")
    for path in render.documents(root):
        text = path.read_text(encoding="utf-8")
        if (made := render.refresh(text, results)) != text:
            path.write_text(made, encoding="utf-8")
    print(re.sub(r"(?m)^\|[-|]+\|\n", "", render.summary(results)))
    gaps = []
    for claim in every():
        if packages := [name for arm in claim.arms for name in results.of_arm[arm].packages]:
            state = ", and has rows that are missing or stale" if results.gaps(claim) else ""
            needs = ", ".join(dict.fromkeys(packages))
            print(f"{claim.id} needs {needs}: it is not run with the others{state}.")
        else:
            gaps += results.gaps(claim)
    print("\n".join(gaps) or "No other row is missing or stale.")
    print("Notebooks show these tables after `python bootstrap.py run -m tools.course.build --text`.")
    return 1 if gaps else 0


def quick() -> int:
    """Small runs in a folder of their own; 1 if one fails, or a strong relation does not hold on scenes."""
    few = [
        replace(one, options={**one.options, **QUICK[one.name]}, data=("scenes",), seeds=(0,))
        for one in EXPERIMENTS
        if one.name in QUICK
    ]
    with tempfile.TemporaryDirectory() as folder:
        results = Results(Path(folder), experiments=few)
        claims = [claim for claim in CLAIMS if set(claim.arms) <= set(results.of_arm)]
        problems = run_jobs(list(missing(claims, results)), results, 600)
        results = Results(Path(folder), experiments=few)
        for claim in claims:
            verdict = results.verdict(claim, "scenes")
            margins = ", ".join(f"{margin:+.1f}" for margin in verdict.margins)
            print(f"{claim.id}: {verdict.word} ({margins}). {claim.says}")
            if claim.id in STRONGEST and verdict.word != HOLDS:
                problems.append(f"{claim.id} must hold on scenes.")
    print("\n".join(problems) or "The strongest relations hold.")
    return 1 if problems else 0


def main(arguments: list[str]) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench", description="Run benchmarks.")
    parser.add_argument("names", nargs="*", metavar="SCRIPT", help="scripts of benchmarks/; all by default")
    parser.add_argument("--claim", nargs="+", metavar="ID", help="fill the rows of these claims, or of all")
    parser.add_argument("--data", nargs="+", default=DATA, choices=DATA, help="of --claim: data sets")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="of --claim: start no run later")
    parser.add_argument("--workers", type=int, default=1, help="of --claim: runs at the same time")
    parser.add_argument("--claims", action="store_true", help="make docs/claims.md from the rows")
    parser.add_argument("--quick", action="store_true", help="small runs on scenes, kept nowhere")
    asked = parser.parse_args(arguments)
    if asked.quick:
        return quick()
    if asked.claims:
        return show()
    if asked.claim:
        return fill(asked.claim, asked.data, asked.minutes, asked.workers)
    return run_scripts(asked.names)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
