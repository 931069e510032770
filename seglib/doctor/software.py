"""Python, the packages, torch with torchvision, and the widgets."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata
from pathlib import Path

from seglib.doctor.finding import SET_UP, Finding, Seen

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
