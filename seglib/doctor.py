"""What the doctor says about one thing."""

from __future__ import annotations

import io
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from joblib import cpu_count
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from seglib.doctor_probe import STAGES
from seglib.machine import free_memory, total_memory

#: What the child process saw: stage -> facts, or {"error": ...}.
Seen = dict[str, dict[str, Any]]

AFTER = "First mend what stands above."
#: How to come to a sound environment, for the three ways in which one is made.
SET_UP = "In the project's folder: `make clean`, then `make lab`."
if "CONDA_PREFIX" in os.environ and sys.prefix == os.environ["CONDA_PREFIX"]:
    SET_UP = "In the project's folder: `conda env update -f environment.yml --prune`."
elif os.name == "nt":
    SET_UP = "In the project's folder: delete the folder .venv, then `py bootstrap.py lab`."


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: what it is: "torch", "disk".
        verdict: "ok"; "note" where the course works but something is worth knowing; "wrong" where it fails.
        says: what was seen.
        do: the next action; empty where there is none.
    """

    name: str
    verdict: str
    says: str
    do: str = ""


# GPU, cores, memory, disk, where one may write, the data at hand, and the time the course will take.

LITTLE_DISK, LITTLE_MEMORY = 1.0, 4.0  # GB; below these the course stops, or is slow


def gpu(seen: Seen) -> Finding:
    """What torch can compute on; a card that it cannot use is worth a note."""
    found = seen["device"]
    if found.get("kind") == "cuda":
        return Finding("GPU", "ok", f"{found['name']}, {found['free']:.1f} of {found['total']:.1f} GB free")
    if found.get("kind") == "mps":
        return Finding("GPU", "ok", "an Apple GPU, which the course does not use; none is needed")
    if "kind" in found and shutil.which("nvidia-smi"):
        do = "`TORCH_BACKEND=auto make lab` installs the fitting build, or the driver is too old. Optional."
        return Finding("GPU", "note", "there is an NVIDIA driver, but torch cannot use the card", do)
    return Finding("GPU", "ok", "none, and none is needed")


def cores_and_memory() -> Finding:
    """Cores this process may use, and memory in GB; in a container, those of the container."""
    total, free = total_memory() / 1e9, free_memory() / 1e9
    says = f"{cpu_count()} cores, {total:.0f} GB of memory, {free:.0f} GB of it free"
    if free < LITTLE_MEMORY:
        return Finding("computer", "note", says, "Close other programs: below 4 GB it gets slow.")
    return Finding("computer", "ok", says)


def disk(seen: Seen) -> Finding:
    """Free disk where progress and data sets go, the smaller of the two."""
    places = [place["folder"] for place in seen["places"].values() if isinstance(place, dict)]
    folders = [Path(place).absolute() for place in places or [Path.home()]]
    there = [next(path for path in (folder, *folder.parents) if path.is_dir()) for folder in folders]
    free, place = min((shutil.disk_usage(path).free / 1e9, str(path)) for path in there)
    says = f"{free:.0f} GB free at {place}" if free >= 10 else f"{free:.1f} GB free at {place}"
    if free < LITTLE_DISK:
        return Finding("disk", "wrong", says, "Free at least 1 GB.")
    if free < 5:
        return Finding("disk", "note", says, "Enough without downloads; the data sets want 1 to 3 GB each.")
    return Finding("disk", "ok", says)


def writing(seen: Seen) -> Finding:
    """Whether progress can be kept and data sets can be downloaded."""
    places = seen["places"]
    if "error" in places:
        return Finding("writing", "wrong", places["error"], AFTER)
    if places["progress"]["refused"]:
        says = f"your progress cannot be kept: {places['progress']['refused']}"
        return Finding("writing", "wrong", says, "Set SEGLIB_HOME to a folder that you may write to.")
    if places["data"]["refused"]:
        says = f"progress can be kept, but nothing downloaded: {places['data']['refused']}"
        return Finding("writing", "note", says, "To download, set SEGLIB_DATA to a folder you may write to.")
    folders = f"progress in {places['progress']['folder']}, data in {places['data']['folder']}"
    return Finding("writing", "ok", folders)


def data(seen: Seen) -> Finding:
    """The real photographs at hand; without them the notebooks use built-in scenes."""
    if "error" in seen["data"]:
        return Finding("data", "wrong", seen["data"]["error"], AFTER)
    found = seen["data"]["found"]
    if found:
        where = ", ".join(f"{name} in {folder}" for name, folder in found.items())
        return Finding("data", "ok", f"built-in scenes; {where}")
    do = "Optional: set SEGLIB_DATA to a folder that holds data sets, or see data/README.md."
    return Finding("data", "note", "built-in scenes and one photograph; no real data sets", do)


def course(seen: Seen) -> Finding:
    """The profile that this machine gets, and how long the course takes with it."""
    found = seen["course"]
    if "error" in found:
        return Finding("course", "wrong", found["error"], AFTER)
    profile = f"profile {found['profile']} ({found['why']})"
    yours = f"{found['notebooks']} notebooks, {found['minutes']} minutes of your time"
    waiting = f"{max(1, round(found['seconds'] / 60))} minutes of it waiting for this machine"
    return Finding("course", "ok", f"{profile}: {yours}, at most {waiting}")


# Python, the packages, torch with torchvision, and the widgets.

ONE_PAIR = (
    f"Install both from one place. {SET_UP} With TORCH_BACKEND=cpu set, it is the pair without CUDA. "
    "In an environment of your own: `uv pip install --reinstall --torch-backend=auto torch torchvision`."
)
LABEXTENSIONS = ("@jupyter-widgets/jupyterlab-manager", "anywidget")


def python() -> Finding:
    """Which Python; one older than 3.11 does not get this far."""
    own = sys.prefix != sys.base_prefix or "CONDA_PREFIX" in os.environ
    where = "in an environment of its own" if own else "system-wide"
    return Finding("Python", "ok", f"{platform.python_version()} {where}, {sys.executable}")


def packages() -> Finding:
    """Whether every package that seglib declares is there, in a version that serves."""
    try:
        from packaging.requirements import Requirement

        wanted = [Requirement(line) for line in metadata.requires("seglib") or [] if "extra ==" not in line]
    except ModuleNotFoundError as error:  # PackageNotFoundError is one
        return Finding("packages", "wrong", f"not installed: {error.name}", SET_UP)
    wrong = []
    for package in wanted:
        found = version(package.name)
        if not found or not package.specifier.contains(found, prereleases=True):
            wrong.append(f"{package.name} {found or 'is missing'} (needed: {package.specifier})")
    if wrong:
        return Finding("packages", "wrong", "; ".join(wrong), SET_UP)
    return Finding("packages", "ok", f"all {len(wanted)} that the course needs")


def torch_pair(seen: Seen) -> Finding:
    """Whether torch and torchvision import together; a CPU build beside a CUDA build does not."""
    torch, vision = seen["torch"], seen["torchvision"]
    if "error" in torch:
        return Finding("torch", "wrong", torch["error"], SET_UP)
    pair = f"torch {torch['version']} and torchvision {vision.get('version') or version('torchvision')}"
    if "torchvision::nms" in vision.get("error", ""):
        says = f"{pair} do not fit: one is built for the CPU and one for CUDA, or they are of two releases"
        return Finding("torch", "wrong", f"{says} ({vision['error']})", ONE_PAIR)
    if "error" in vision:
        return Finding("torch", "wrong", f"torchvision: {vision['error']}", SET_UP)
    return Finding("torch", "ok", f"{pair}, working together")


def widgets(seen: Seen) -> Finding:
    """Whether a notebook in JupyterLab will show a widget: packages, browser parts, and the right kernel."""
    found = seen["widgets"]
    if "error" in found:
        return Finding("widgets", "wrong", found["error"], SET_UP)
    missing = [name for name in LABEXTENSIONS if not _installed(name, found["labextensions"])]
    if missing:
        says = f"JupyterLab lacks the browser part of {' and '.join(missing)}, so widgets stay blank"
        return Finding("widgets", "wrong", says, "`uv pip install --reinstall jupyterlab-widgets anywidget`")
    if Path(found["kernel"]).name == found["kernel"] or Path(found["kernel"]) == Path(sys.executable):
        names = ("jupyterlab", "ipywidgets", "anywidget")
        return Finding("widgets", "ok", ", ".join(f"{name} {version(name)}" for name in names))
    says = f"the kernel python3 runs {found['kernel']}, not this Python, and lacks its packages"
    return Finding("widgets", "wrong", says, "`jupyter kernelspec remove python3`, then run this again.")


def _installed(name: str, folders: list[str]) -> bool:
    """Whether one of Jupyter's folders holds this browser extension."""
    return any((Path(folder) / name / "package.json").exists() for folder in folders)


def version(name: str) -> str:
    """The installed version of a package, found without importing it; "" where there is none."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


# The whole examination, from the most basic to what stands on it.


def examine() -> list[Finding]:
    """Look at everything the course needs from this machine; takes some seconds and changes nothing."""
    seen = probe()
    pair = torch_pair(seen)
    basics = [python(), packages(), pair, cores_and_memory(), disk(seen)]
    looks = {
        "GPU": gpu,
        "widgets": widgets,
        "writing": writing,
        "data": data,
        "course": course,
    }
    if pair.verdict == "wrong":  # one cause, one complaint
        return basics + [Finding(name, "note", "not looked at: torch comes first") for name in looks]
    return basics + [look(seen) for look in looks.values()]


def probe(timeout: float = 300) -> Seen:
    """What the child process saw, by stage; a stage that it did not live to see says so."""
    command = [sys.executable, "-m", "seglib.doctor_probe"]
    try:
        child = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=timeout)
        output, words = child.stdout, child.stderr.strip()[-300:]
        end = f"Python stopped with status {child.returncode} {words}".rstrip()
    except subprocess.TimeoutExpired as late:
        output, end = (late.stdout or b"").decode(errors="replace"), f"no answer within {timeout:.0f} s"
    stages = [json.loads(line) for line in output.splitlines() if line.startswith('{"stage": ')]
    seen: Seen = {stage: {"error": f"could not be looked at: {end}"} for stage in STAGES}
    return seen | {stage.pop("stage"): stage for stage in stages}


# Show what was found: a table for a person, or one line of JSON for whoever collects thirty laptops.

COLORS = {"ok": "green", "note": "yellow", "wrong": "bold red"}


def ready(findings: Sequence[Finding]) -> bool:
    """True when nothing is wrong; notes do not count."""
    return all(finding.verdict != "wrong" for finding in findings)


def report(findings: Sequence[Finding], *, as_json: bool = False) -> None:
    """Print the findings; on a terminal that knows no UTF-8 in plain ASCII."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a user's name in a path must not end the report
    if as_json:
        about = {"ready": ready(findings), "host": platform.node(), "system": platform.platform()}
        print(json.dumps({**about, "findings": [asdict(finding) for finding in findings]}))
        return
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for finding in findings:
        verdict = f"[{COLORS[finding.verdict]}]{finding.verdict}[/]"
        table.add_row(verdict, finding.name, escape(finding.says))
        if finding.do:
            table.add_row("", "", f"[bold]-> {escape(finding.do)}[/]")
    console = Console(highlight=False)
    console.print(table)
    wrong = [finding.name for finding in findings if finding.verdict == "wrong"]
    if wrong:
        names = ", ".join(wrong)
        console.print(f"\n[bold red]Not ready.[/] Mend what is wrong, then run this again: {names}.")
    else:
        console.print("\n[bold green]This machine is ready.[/] `make lab` opens the course.")
