"""Is this machine ready for the course? `python -m seglib doctor` answers on one screen.

Imports that may fail, crash or hang on a broken machine happen in a child process (doctor_probe.py). The
checks here are small functions of what it saw.
"""

import io
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from seglib.doctor_probe import STAGES
from seglib.machine import cores, free_memory, total_memory

#: What the child process saw: stage -> facts, or {"error": ...}.
Seen = dict[str, dict[str, Any]]

#: How to repair the environment, for the three ways in which one is made.
SET_UP = "In the project's folder: `make clean`, then `make lab`."
if "CONDA_PREFIX" in os.environ and sys.prefix == os.environ["CONDA_PREFIX"]:
    SET_UP = "In the project's folder: `conda env update -f environment.yml --prune`."
elif os.name == "nt":
    SET_UP = "In the project's folder: delete the folder .venv, then `py bootstrap.py lab`."
ONE_PAIR = (
    f"Install both from one place. {SET_UP} With TORCH_BACKEND=cpu set, it is the pair without CUDA. "
    "In an environment of your own: `uv pip install --reinstall --torch-backend=auto torch torchvision`."
)
HELP = {  # for a stage of the child process that failed
    "GPU": "Restart the machine. If it happens again, SEGLIB_PROFILE=laptop runs the course on the CPU.",
    "widgets": SET_UP,
}
LABEXTENSIONS = ("@jupyter-widgets/jupyterlab-manager", "anywidget")
LITTLE_DISK, LITTLE_MEMORY = 1.0, 4.0  # GB; below these the course fails, or is slow
COLORS = {"ok": "green", "note": "yellow", "wrong": "bold red"}


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        name: what was checked: "torch", "disk".
        verdict: "ok"; "note" if the course works but something is worth knowing; "wrong" if it does not work.
        says: what was seen.
        do: the next action, or "".
    """

    name: str
    verdict: str
    says: str
    do: str = ""


def gpu(seen: Seen) -> Finding:
    """What torch can compute on; a GPU that it cannot use is worth a note."""
    found = seen["device"]
    if found["kind"] == "cuda":
        return Finding("GPU", "ok", f"{found['name']}, {found['free']:.1f} of {found['total']:.1f} GB free")
    if found["kind"] == "mps":
        return Finding("GPU", "ok", "an Apple GPU, which the course does not use; none is needed")
    if shutil.which("nvidia-smi"):
        do = "Optional: `TORCH_BACKEND=auto make lab` installs the build that fits; or the driver is too old."
        return Finding("GPU", "note", "there is an NVIDIA driver, but torch cannot use the GPU", do)
    return Finding("GPU", "ok", "none, and none is needed")


def cores_and_memory() -> Finding:
    """Cores and memory that this process may use; in a container, those of the container."""
    total, free = total_memory() / 1e9, free_memory() / 1e9
    says = f"{cores()} cores, {total:.0f} GB of memory, {free:.0f} GB of it free"
    if free < LITTLE_MEMORY:
        return Finding("computer", "note", says, "Close other programs: below 4 GB the course is slow.")
    return Finding("computer", "ok", says)


def disk(seen: Seen) -> Finding:
    """Free disk space for progress and data sets, the smaller of the two."""
    places = [place["folder"] for place in seen["places"].values() if isinstance(place, dict)]
    folders = [Path(place).absolute() for place in places or [Path.home()]]
    there = [next(path for path in (folder, *folder.parents) if path.is_dir()) for folder in folders]
    free, place = min((shutil.disk_usage(path).free / 1e9, str(path)) for path in there)
    says = f"{free:.0f} GB free at {place}" if free >= 10 else f"{free:.1f} GB free at {place}"
    if free < LITTLE_DISK:
        return Finding("disk", "wrong", says, "Free at least 1 GB.")
    if free < 5:
        return Finding("disk", "note", says, "Enough without downloads; data sets need 1 to 3 GB each.")
    return Finding("disk", "ok", says)


def writing(seen: Seen) -> Finding:
    """Whether progress can be saved and data sets can be downloaded."""
    progress, data = seen["places"]["progress"], seen["places"]["data"]
    if progress["refused"]:
        do = "Set SEGLIB_HOME to a folder that you may write to."
        return Finding("writing", "wrong", f"your progress cannot be saved: {progress['refused']}", do)
    if data["refused"]:
        says = f"progress can be saved, but nothing can be downloaded: {data['refused']}"
        return Finding("writing", "note", says, "To download, set SEGLIB_DATA to a folder you may write to.")
    return Finding("writing", "ok", f"progress in {progress['folder']}, data in {data['folder']}")


def data(seen: Seen) -> Finding:
    """The photographs on this machine; without them the notebooks use built-in scenes."""
    if found := seen["data"]["found"]:
        where = ", ".join(f"{name} in {folder}" for name, folder in found.items())
        return Finding("data", "ok", f"built-in scenes; {where}")
    do = "Optional: set SEGLIB_DATA to a folder that holds data sets, or see data/README.md."
    return Finding("data", "note", "built-in scenes and one photograph; no other data sets", do)


def course(seen: Seen) -> Finding:
    """The profile for this machine, and how long the course takes with it."""
    found = seen["course"]
    profile = f"profile {found['profile']} ({found['why']})"
    yours = f"{found['notebooks']} notebooks, {found['minutes']} minutes of your time"
    waiting = f"{max(1, round(found['seconds'] / 60))} minutes of it waiting for this machine"
    return Finding("course", "ok", f"{profile}: {yours}, at most {waiting}")


def python() -> Finding:
    """Which Python; one older than 3.11 does not get this far."""
    own = sys.prefix != sys.base_prefix or "CONDA_PREFIX" in os.environ
    where = "in its own environment" if own else "system-wide"
    return Finding("Python", "ok", f"{platform.python_version()} {where}, {sys.executable}")


def packages() -> Finding:
    """Whether every package that seglib declares is installed in a version that works."""
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
    """Whether torch and torchvision import together; a CPU build and a CUDA build do not."""
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
    """Whether JupyterLab will show a widget: packages, browser parts, and the right kernel."""
    found = seen["widgets"]
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
    """The installed version of a package, found without importing it; "" if it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


#: Checks that need a working torch: name -> check, stage of the child process that it reads.
CHECKS: dict[str, tuple[Callable[[Seen], Finding], str]] = {
    "GPU": (gpu, "device"),
    "widgets": (widgets, "widgets"),
    "writing": (writing, "places"),
    "data": (data, "data"),
    "course": (course, "course"),
}


def examine() -> list[Finding]:
    """Check everything that the course needs of this machine; takes some seconds and changes nothing."""
    seen = probe()
    pair = torch_pair(seen)
    findings = [python(), packages(), pair, cores_and_memory(), disk(seen)]
    for name, (check, stage) in CHECKS.items():
        if pair.verdict == "wrong":  # one cause, one message
            findings.append(Finding(name, "note", "not checked: torch comes first"))
        elif error := seen[stage].get("error"):
            findings.append(Finding(name, "wrong", error, HELP.get(name, "Fix the problems above first.")))
        else:
            findings.append(check(seen))
    return findings


def probe(timeout: float = 300) -> Seen:
    """What the child process saw, by stage; a stage that it did not reach has an error."""
    command = [sys.executable, "-m", "seglib.doctor_probe"]
    try:
        child = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=timeout)
        output, words = child.stdout, child.stderr.strip()[-300:]
        end = f"Python stopped with status {child.returncode} {words}".rstrip()
    except subprocess.TimeoutExpired as late:
        output, end = (late.stdout or b"").decode(errors="replace"), f"no answer within {timeout:.0f} s"
    stages = [json.loads(line) for line in output.splitlines() if line.startswith('{"stage": ')]
    seen: Seen = {stage: {"error": f"could not be checked: {end}"} for stage in STAGES}
    return seen | {stage.pop("stage"): stage for stage in stages}


def ready(findings: Sequence[Finding]) -> bool:
    """True if nothing is wrong; notes do not count."""
    return all(finding.verdict != "wrong" for finding in findings)


def report(findings: Sequence[Finding], *, as_json: bool = False) -> None:
    """Print the findings as a table, or as one line of JSON; as plain ASCII on a terminal without UTF-8."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a user's name in a path must not stop the report
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
    if ready(findings):
        console.print("\n[bold green]This machine is ready.[/] `make lab` opens the course.")
    else:
        names = ", ".join(finding.name for finding in findings if finding.verdict == "wrong")
        console.print(f"\n[bold red]Not ready.[/] Fix what is wrong, then run this again: {names}.")
