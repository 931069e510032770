"""Fill the environment with uv, exactly as requirements.lock says, and say why when that fails."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tools.places import BIN, LOCK, PYTHON, ROOT, VENV, VERSIONS, variables

NETWORK = (
    "The package index could not be reached. Check the connection and run the same command again:\n"
    "what was downloaded is kept. Behind a proxy, set HTTPS_PROXY. With a mirror of your own,\n"
    "set UV_DEFAULT_INDEX and PIP_INDEX_URL to its address."
)
AGAIN = (
    "The packages could not be installed; the installer's own words stand above.\n"
    "Run the same command again: what was downloaded is kept. If it stops at the same place,\n"
    "try Python 3.13: PYTHON=python3.13 make lab"
)


@dataclass(frozen=True)
class Plan:
    """What to install.

    Attributes:
        backend: the torch build, as `uv pip install --torch-backend` knows it; "" is the one in the lock.
        newest: the newest version of everything, to find out early what breaks.
    """

    backend: str = ""
    newest: bool = False

    @property
    def gigabytes(self) -> float:
        """Disk space of a fresh set-up: only PyTorch for Linux with CUDA is large."""
        return 7 if sys.platform == "linux" and self.backend != "cpu" else 2.5

    def commands(self, uv: str) -> list[list[str]]:
        """The commands that fill the environment: the packages, then the course itself, editable.

        Another torch build has other files than the lock, hence other hashes, and needs no nvidia packages:
        then the lock only fixes the versions. Modules are compiled here, on every core: else Python does it
        while a student waits for the first cell, and each time anew where it may not write.
        """
        command = [uv, "pip", "install", "--python", str(PYTHON)]
        itself = [*command, "--no-deps", "--no-build-isolation", "--editable", "."]
        install = [*command, "--compile-bytecode"]
        if not (self.backend or self.newest):
            return [[*install, "--require-hashes", "-r", LOCK.name], itself]
        torch = ["--torch-backend", self.backend] if self.backend else []
        versions = ["--upgrade"] if self.newest else ["--constraints", str(VERSIONS)]
        return [[*install, *torch, *versions, "-r", "pyproject.toml", "--extra", "dev"], itself]


def install(plan: Plan) -> None:
    """Fill the environment, with the installer's own progress on the screen; if it fails, say why."""
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    VERSIONS.write_text("".join(line.rstrip("\\ ") + "\n" for line in lines if line[:1].isalnum()))
    for command in plan.commands(find_uv()):
        if subprocess.call(command, cwd=ROOT, env=variables()):
            sys.exit("\n" + why_it_stopped(command, plan))
    settings = VENV / "share/jupyter/lab/settings/overrides.json"  # no question about news in a class room
    settings.parent.mkdir(parents=True, exist_ok=True)
    news = {"fetchNews": "false", "checkForUpdates": False}
    settings.write_text(json.dumps({"@jupyterlab/apputils-extension:notification": news}))


def find_uv() -> str:
    """A uv to install with: the machine's own, else the locked one, brought by pip, its hash checked."""
    inside = BIN / ("uv.exe" if os.name == "nt" else "uv")
    found = uv_on_path() or (str(inside) if inside.exists() else "")
    if not found:
        wanted = VENV / "uv.txt"
        wanted.write_text(pinned("uv"))
        options = ["--quiet", "--require-hashes", "--no-deps", "-r", str(wanted)]
        if subprocess.call([str(PYTHON), "-m", "pip", "install", *options], env=variables()):
            sys.exit("\n" + NETWORK)
    return found or str(inside)


def uv_on_path() -> str:
    """This machine's uv if it is 0.8 or newer and really starts (a name on PATH can be a shim), else ""."""
    try:
        path = shutil.which("uv") or ""
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=60).stdout
        return path if [int(part) for part in answer.split()[1].split(".")[:2]] >= [0, 8] else ""
    except (OSError, IndexError, ValueError, subprocess.TimeoutExpired):
        return ""


def pinned(name: str) -> str:
    """The lines of the lock that belong to one package: its version and its hashes."""
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith(name + "=="))
    last = next((n for n in range(first + 1, len(lines)) if not lines[n].startswith(" ")), len(lines))
    return "\n".join(lines[first:last]) + "\n"


def free_space() -> tuple[Path, float]:
    """Where the disk is fullest, and the GB free there: the project's own, or the one with uv's cache."""
    places = [ROOT, Path(os.environ.get("UV_CACHE_DIR") or Path.home())]
    there = [next(place for place in (path, *path.parents) if place.exists()) for path in places]
    return min(((place, shutil.disk_usage(place).free / 1e9) for place in there), key=lambda pair: pair[1])


def why_it_stopped(command: list[str], plan: Plan) -> str:
    """The likely reason, as far as a look at the disk and one small request can tell."""
    place, free = free_space()
    if free < 2:  # the installer tidies up after a failure, so a full disk is no longer quite full
        return f"The disk is full: {plan.gigabytes:g} GB are needed, {free:.1f} GB are free at {place}."
    wanted = (
        ["--torch-backend", plan.backend, "torch"] if plan.backend else ["uv"]
    )  # torch builds lie elsewhere
    probe = [*command[:5], "--dry-run", "--reinstall", "--refresh", "--no-deps", *wanted]
    reachable = subprocess.run(probe, cwd=ROOT, env=variables(), capture_output=True).returncode == 0
    return AGAIN if reachable else NETWORK
