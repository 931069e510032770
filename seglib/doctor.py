"""Is this machine ready for the course? `python -m seglib doctor` answers on one screen.

Checks whose imports may fail, crash or hang on a broken machine run in a child process: `python -m
seglib.doctor` prints one finding per line, as JSON, as soon as a check is done.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from seglib.machine import accelerator, cores, free_memory, pick_profile, total_memory

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
HELP = {  # for a check that the course cannot do without
    "GPU": "Restart the machine. If it happens again, SEGLIB_PROFILE=laptop runs the course on the CPU.",
    "libraries": f"Two copies of OpenMP end Python: install every package from one place. {SET_UP}",
    **dict.fromkeys(("torch", "widgets"), SET_UP),
}
LABEXTENSIONS = ("@jupyter-widgets/jupyterlab-manager", "anywidget")
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


def version(name: str) -> str:
    """The installed version of a package, found without importing it; "" if it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def computer() -> Finding:
    """Cores and memory that this process may use; in a container, those of the container."""
    total, free = total_memory() / 1e9, free_memory() / 1e9
    says = f"{cores()} cores, {total:.0f} GB of memory, {free:.0f} GB of it free"
    if free < 4:
        return Finding("computer", "note", says, "Close other programs: below 4 GB the course is slow.")
    return Finding("computer", "ok", says)


def disk() -> Finding:
    """Free disk space for progress and data sets, the smaller of the two."""
    project = Path(__file__).parents[1]
    folders = [os.environ.get("SEGLIB_HOME") or Path.home(), os.environ.get("SEGLIB_DATA") or project]
    places = [existing(Path(folder)) for folder in folders]
    free, place = min((shutil.disk_usage(path).free / 1e9, str(path)) for path in places)
    says = f"{free:.0f} GB free at {place}" if free >= 10 else f"{free:.1f} GB free at {place}"
    if free < 1:
        return Finding("disk", "wrong", says, "Free at least 1 GB.")
    if free < 5:
        return Finding("disk", "note", says, "Enough without downloads; data sets need 1 to 3 GB each.")
    return Finding("disk", "ok", says)


def existing(path: Path) -> Path:
    """The path itself if it exists, else the nearest folder above it that does."""
    path = path.expanduser().absolute()
    return next(place for place in (path, *path.parents) if place.exists())


# Checks in the child process: they import what may be broken.


def torch_pair() -> Finding:
    """Whether torch and torchvision import together; a CPU build and a CUDA build do not."""
    import torch

    pair = f"torch {torch.__version__} and torchvision {version('torchvision')}"
    try:
        import torchvision

        torchvision.ops.nms(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.ones(1), 0.5)  # its compiled part
    except Exception as error:
        if "torchvision::nms" not in str(error):
            raise
        says = f"{pair} do not fit: one is built for the CPU and one for CUDA, or they are of two releases"
        return Finding("torch", "wrong", f"{says} ({error})", ONE_PAIR)
    return Finding("torch", "ok", f"{pair}, working together")


def gpu() -> Finding:
    """What torch can compute on; a GPU that it cannot use is worth a note."""
    import torch

    if accelerator() == "cuda":
        name, free, total = torch.cuda.get_device_name(), *(each / 1e9 for each in torch.cuda.mem_get_info())
        if problem := computes_wrongly("cuda"):
            do = "`TORCH_BACKEND=auto make lab` installs what fits; SEGLIB_PROFILE=laptop takes the CPU."
            return Finding("GPU", "wrong", f"{name}: {problem}", do)
        return Finding("GPU", "ok", f"{name}, {free:.1f} of {total:.1f} GB free, computes as the CPU does")
    if torch.backends.mps.is_available():
        return Finding("GPU", "ok", "an Apple GPU, which the course does not use; none is needed")
    if shutil.which("nvidia-smi"):
        do = "Optional: `TORCH_BACKEND=auto make lab` installs the build that fits; or the driver is too old."
        return Finding("GPU", "note", "there is an NVIDIA driver, but torch cannot use the GPU", do)
    return Finding("GPU", "ok", "none, and none is needed")


def computes_wrongly(device: str) -> str:
    """What is wrong with a small convolution there, compared with the CPU; "" if nothing is.

    A card for which this build of torch has no code is listed as any other, until the first kernel is run.
    """
    import torch

    image = torch.arange(192.0).reshape(1, 3, 8, 8) / 192
    weight = torch.linspace(-1, 1, 54).reshape(2, 3, 3, 3)
    try:
        there = torch.nn.functional.conv2d(image.to(device), weight.to(device)).cpu()
    except RuntimeError as error:
        return f"torch cannot compute on it ({str(error).splitlines()[0]})"
    here = torch.nn.functional.conv2d(image, weight)
    return "" if torch.allclose(there, here, atol=1e-2) else "it gives other results than the CPU"


def libraries() -> Finding:
    """Whether torch, scikit-learn and OpenCV work in one process; last, since a clash ends the process."""
    import cv2
    import numpy as np
    import torch
    from sklearn.cluster import KMeans

    points = torch.rand(2000, 64) @ torch.rand(64, 4)
    cv2.GaussianBlur(np.zeros((256, 256), np.uint8), (5, 5), 0)
    KMeans(2, n_init=1, random_state=0).fit(points.numpy())
    return Finding("libraries", "ok", "torch, scikit-learn and OpenCV in one process")


def widgets() -> Finding:
    """Whether JupyterLab will show a widget: packages, browser parts, and the right kernel."""
    import anywidget
    import ipywidgets
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_core.paths import jupyter_path

    ipywidgets.HBox([ipywidgets.IntSlider(), anywidget.AnyWidget()])
    folders = jupyter_path("labextensions")
    parts = {name: [Path(folder, name, "package.json") for folder in folders] for name in LABEXTENSIONS}
    if missing := [name for name, files in parts.items() if not any(file.exists() for file in files)]:
        says = f"JupyterLab lacks the browser part of {' and '.join(missing)}, so widgets stay blank"
        return Finding("widgets", "wrong", says, "`uv pip install --reinstall jupyterlab-widgets anywidget`")
    kernel = Path(KernelSpecManager().get_kernel_spec("python3").argv[0])
    if kernel not in (Path(kernel.name), Path(sys.executable)):
        says = f"the kernel python3 runs {kernel}, not this Python, and lacks its packages"
        return Finding("widgets", "wrong", says, "`jupyter kernelspec remove python3`, then run this again.")
    names = ("jupyterlab", "ipywidgets", "anywidget")
    return Finding("widgets", "ok", ", ".join(f"{name} {version(name)}" for name in names))


def writing() -> Finding:
    """Whether progress can be saved and data sets can be downloaded; leaves nothing behind."""
    from seglib.course import store
    from seglib.data import catalog

    progress = store.folder()
    data = next(iter(catalog.roots()), progress)  # SEGLIB_DATA=none: nothing is downloaded
    saved = "progress can be saved, but nothing can be downloaded"
    for folder, verdict, says, name in (
        (progress, "wrong", "your progress cannot be saved", "SEGLIB_HOME"),
        (data, "note", saved, "SEGLIB_DATA"),
    ):
        try:
            with tempfile.TemporaryFile(dir=existing(folder)) as scratch:
                scratch.write(b"seglib")
        except OSError as error:
            says += f": {existing(folder)}: {error.strerror}"
            return Finding("writing", verdict, says, f"Set {name} to a folder that you may write to.")
    return Finding("writing", "ok", f"progress in {progress}, data in {data}")


def data() -> Finding:
    """The photographs on this machine; without them the notebooks use built-in scenes."""
    from seglib.data import catalog

    if found := catalog.found():
        where = ", ".join(f"{name} in {folder}" for name, folder in found.items())
        return Finding("data", "ok", f"built-in scenes; {where}")
    do = "Optional: set SEGLIB_DATA to a folder that holds data sets, or see data/README.md."
    return Finding("data", "note", "built-in scenes and one photograph; no other data sets", do)


def course() -> Finding:
    """The profile for this machine, and how long the course takes with it."""
    from seglib.course import content

    profile = pick_profile()
    lessons = [content.load(number) for number in content.numbers()]
    yours = f"{len(lessons)} notebooks, {sum(one.minutes for one in lessons)} minutes of your time"
    waiting = max(1, round(sum(one.budgets[profile.name].seconds for one in lessons) / 60))
    says = (
        f"profile {profile.name} ({profile.why}): {yours}, at most {waiting} of it waiting for this machine"
    )
    free = free_memory()
    large = [one.number for one in lessons if one.budgets[profile.name].megabytes * 1e6 > free]
    if large:
        fit = f"; {free / 1e9:.1f} GB of memory are free, which is too little for {', '.join(large)}"
        return Finding("course", "note", says + fit, "Close other programs, or set SEGLIB_PROFILE=tiny.")
    return Finding("course", "ok", f"{says}; every notebook fits the free memory")


#: The checks of the child process; all need the first one.
CHECKS: dict[str, Callable[[], Finding]] = {
    "torch": torch_pair, "GPU": gpu, "widgets": widgets, "writing": writing, "data": data, "course": course,
    "libraries": libraries,
}  # fmt: skip


def examine(timeout: float = 300) -> list[Finding]:
    """Check everything that the course needs of this machine; takes some seconds and changes nothing.

    Args:
        timeout: seconds for the child process.
    """
    try:
        command = [sys.executable, "-m", "seglib.doctor"]
        child = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=timeout)
        output, words = child.stdout, child.stderr.strip()[-300:]
        end = f"Python stopped with status {child.returncode} {words}".rstrip()
    except subprocess.TimeoutExpired as late:
        output, end = (late.stdout or b"").decode(errors="replace"), f"no answer within {timeout:.0f} s"
    found = [Finding(**json.loads(line)) for line in output.splitlines() if line.startswith('{"name": ')]
    found += [failed(name, f"could not be checked: {end}") for name in [*CHECKS][len(found) :]]
    if found[0].verdict == "wrong":  # one cause, one message
        found[1:] = [Finding(one.name, "note", "not checked: torch comes first") for one in found[1:]]
    return [python(), packages(), looked("computer", computer), looked("disk", disk), *found]


def looked(name: str, check: Callable[[], Finding]) -> Finding:
    """The finding of a check; whatever stops it, the report shows it."""
    try:
        return check()
    except BaseException as error:
        return failed(name, f"{type(error).__name__}: {error}")


def failed(name: str, why: str) -> Finding:
    """The finding of a check that raised an error, or was not reached.

    It is wrong where the course needs what was checked; else nothing is known, and the course may work.
    """
    if name in HELP:
        return Finding(name, "wrong", why, HELP[name])
    return Finding(name, "note", f"not known: {why}")


def report(findings: Sequence[Finding], *, as_json: bool = False) -> bool:
    """Print the findings as a table, or as one line of JSON; as plain ASCII on a terminal without UTF-8.

    Returns:
        Whether nothing is wrong; notes do not count.
    """
    wrong = [finding.name for finding in findings if finding.verdict == "wrong"]
    if as_json:
        about = {"ready": not wrong, "host": platform.node(), "system": platform.platform()}
        print(json.dumps({**about, "findings": [asdict(finding) for finding in findings]}))
        return not wrong
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for finding in findings:
        verdict = f"[{COLORS[finding.verdict]}]{finding.verdict}[/]"
        table.add_row(verdict, finding.name, escape(finding.says))
        if finding.do:
            table.add_row("", "", f"[bold]-> {escape(finding.do)}[/]")
    console = Console(highlight=False)
    console.print(table)
    if wrong:
        again = f"Fix what is wrong, then run this again: {', '.join(wrong)}."
        console.print(f"\n[bold red]Not ready.[/] {again}")
    else:
        console.print("\n[bold green]This machine is ready.[/] `make lab` opens the course.")
    return not wrong


if __name__ == "__main__":
    for name, check in CHECKS.items():
        print(json.dumps(asdict(looked(name, check))), flush=True)
