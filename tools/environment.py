"""The course's environment, `.venv`: made, filled exactly as requirements.lock says, and repaired.

Called by bootstrap.py; standard library only, because nothing else is installed yet.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
STATE = VENV / "seglib-setup.json"  # {"key": what is installed, "" while installing; "backend": torch build}
VERSIONS = VENV / "versions.txt"

NETWORK = (
    "The package index could not be reached. Check the connection and run the same command again:\n"
    "what was downloaded is kept. Behind a proxy, set HTTPS_PROXY. With a mirror of your own,\n"
    "set UV_DEFAULT_INDEX and PIP_INDEX_URL to its address."
)
AGAIN = (
    "The packages could not be installed; the installer's own message is above.\n"
    "Run the same command again: what was downloaded is kept. If it stops at the same place,\n"
    "try Python 3.13: PYTHON=python3.13 make lab"
)


@dataclass(frozen=True)
class Request:
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
        course = [*command, "--no-deps", "--no-build-isolation", "--editable", "."]
        install = [*command, "--compile-bytecode"]
        if not (self.backend or self.newest):
            return [[*install, "--require-hashes", "-r", LOCK.name], course]
        torch = ["--torch-backend", self.backend] if self.backend else []
        versions = ["--upgrade"] if self.newest else ["--constraints", str(VERSIONS)]
        return [[*install, *torch, *versions, "-r", "pyproject.toml", "--extra", "dev"], course]

    @property
    def key(self) -> str:
        """One value for what decides what is installed: the lock, the [project] table, this request."""
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        content = LOCK.read_text(encoding="utf-8") + json.dumps(project, sort_keys=True) + str(self)
        return hashlib.sha256(content.encode()).hexdigest()


def requested() -> Request:
    """What to install, by the variables; without TORCH_BACKEND the installed torch build stays."""
    state = recall()
    backend = os.environ.get("TORCH_BACKEND") or (state["backend"] if state.get("key") else "")
    return Request(backend, newest=os.environ.get("SEGLIB_VERSIONS") == "newest")


def setup() -> None:
    """Make `.venv` hold what is requested; done in a moment when it already does.

    A set-up that was killed half-way is thrown away and begun again, from the downloads in uv's cache. An
    environment that somebody else made in `.venv` is added to, never deleted, as long as its Python starts.
    """
    request, state, usable = requested(), recall(), starts(PYTHON)
    if usable and state.get("key") == request.key:
        return
    say(f"Setting up the course in .venv: about {request.gigabytes:g} GB, usually 2 to 15 minutes.")
    if request.gigabytes > 3:
        say("Most of it is PyTorch for NVIDIA GPUs; TORCH_BACKEND=cpu does without it and needs 2.5 GB.")
    place, free = free_space()
    if free < request.gigabytes and os.environ.get("SEGLIB_DISK_CHECK") != "off":
        sys.exit(
            f"The disk is too full: {request.gigabytes:g} GB are needed, {free:.1f} GB are free at {place}.\n"
            "Free some space, or set TORCH_BACKEND=cpu (2.5 GB). If uv's cache already holds the\n"
            "packages, SEGLIB_DISK_CHECK=off continues without this check."
        )
    if not usable or state.get("key") == "" or state.get("backend", request.backend) != request.backend:
        create(request)
    elif state:
        remember("", request)
    install(request)
    remember(request.key, request)
    say("Set up.")


def recall() -> dict[str, str]:
    """The state of the last set-up; empty where there was none."""
    try:
        state: dict[str, str] = json.loads(STATE.read_text())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except ValueError:  # cut short by a power failure: as good as an unfinished set-up
        return {"key": ""}
    return state


def remember(key: str, request: Request) -> None:
    """Write the state in one step, so that a kill leaves the old one or the new one; "" means unfinished."""
    scratch = STATE.with_suffix(".tmp")
    scratch.write_text(json.dumps({"key": key, "backend": request.backend}))
    scratch.replace(STATE)


def starts(python: Path) -> bool:
    """Whether this interpreter runs; it does not after the Python below it was upgraded away."""
    try:
        return subprocess.run([python, "-c", ""], capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def create(request: Request) -> None:
    """An empty environment, marked as unfinished; without pip where this machine has a uv to use instead."""
    try:
        if VENV.exists():
            shutil.rmtree(VENV)
        VENV.mkdir()
        remember("", request)
    except OSError as error:
        sys.exit(
            f"{VENV} could not be made anew ({error}).\n"
            "Close JupyterLab and whatever else uses it, check that you may write there, and run this again."
        )
    options = ["--without-pip"] if uv_on_path() else []
    made = subprocess.run([sys.executable, "-m", "venv", *options, VENV], capture_output=True, text=True)
    if made.returncode:
        sys.exit(
            f"Python could not create {VENV}:\n{(made.stderr + made.stdout).strip()[-400:]}\n"
            f"On Debian and Ubuntu `sudo apt install python{sys.version_info[0]}.{sys.version_info[1]}-venv` "
            "helps. Then run this again."
        )


def install(request: Request) -> None:
    """Fill the environment, with the installer's own progress on the screen; if it fails, say why."""
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    VERSIONS.write_text("".join(line.rstrip("\\ ") + "\n" for line in lines if line[:1].isalnum()))
    for command in request.commands(find_uv()):
        if subprocess.call(command, cwd=ROOT, env=variables()):
            sys.exit("\n" + why_it_stopped(command, request))
    settings = VENV / "share/jupyter/lab/settings/overrides.json"  # no question about news in a class room
    settings.parent.mkdir(parents=True, exist_ok=True)
    news = {"fetchNews": "false", "checkForUpdates": False}
    settings.write_text(json.dumps({"@jupyterlab/apputils-extension:notification": news}))


def find_uv() -> str:
    """A uv to install with: the machine's own, else the locked one, installed by pip, its hash checked."""
    inside = BIN / ("uv.exe" if os.name == "nt" else "uv")
    found = uv_on_path() or (str(inside) if inside.exists() else "")
    if not found:
        lines = LOCK.read_text(encoding="utf-8").splitlines()
        first = next(number for number, line in enumerate(lines) if line.startswith("uv=="))
        last = next((n for n in range(first + 1, len(lines)) if not lines[n].startswith(" ")), len(lines))
        pinned = VENV / "uv.txt"
        pinned.write_text("\n".join(lines[first:last]) + "\n")
        options = ["--quiet", "--require-hashes", "--no-deps", "-r", str(pinned)]
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


def free_space() -> tuple[Path, float]:
    """Where the disk is fullest, and the GB free there: the project's own, or the one with uv's cache."""
    places = [ROOT, Path(os.environ.get("UV_CACHE_DIR") or Path.home())]
    there = [next(place for place in (path, *path.parents) if place.exists()) for path in places]
    return min(((place, shutil.disk_usage(place).free / 1e9) for place in there), key=lambda pair: pair[1])


def why_it_stopped(command: list[str], request: Request) -> str:
    """The likely reason, as far as the disk and one small request to the package index can tell."""
    place, free = free_space()
    if free < 2:  # the installer cleans up after a failure, so a full disk is no longer quite full
        return f"The disk is full: {request.gigabytes:g} GB are needed, {free:.1f} GB are free at {place}."
    torch = ["--torch-backend", request.backend, "torch"]  # torch builds have an index of their own
    probe = [*command[:5], "--dry-run", "--reinstall", "--refresh", "--no-deps"]
    probe += torch if request.backend else ["uv"]
    reachable = subprocess.run(probe, cwd=ROOT, env=variables(), capture_output=True).returncode == 0
    return AGAIN if reachable else NETWORK


def variables() -> dict[str, str]:
    """The variables for all that is started: this environment first, and no other Python's settings in it."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "PYTHONPATH")}
    own = {
        "PATH": str(BIN) + os.pathsep + kept.get("PATH", ""),
        "VIRTUAL_ENV": str(VENV),
        "JUPYTER_PREFER_ENV_PATH": "1",  # a kernel called python3 in the home folder must not win
        "PIP_USER": "0",
    }
    for name in ("SEGLIB_DATA", "SEGLIB_HOME"):  # notebooks run in another folder than `make`
        if kept.get(name) and (ROOT / kept[name]).exists():
            own[name] = str((ROOT / kept[name]).resolve())
    patience = {"UV_HTTP_TIMEOUT": "120", "UV_COMPILE_BYTECODE_TIMEOUT": "600"}  # seconds for each file
    return {**patience, **kept, **own}


def say(text: str) -> None:
    """One line, at once even into a file."""
    print(text, flush=True)
