"""The course's environment, `.venv`: made, filled exactly as requirements.lock says, and repaired.

Called by bootstrap.py; standard library only, because nothing else is installed yet.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
STATE = VENV / "seglib-setup.json"  # {"key": what is installed, "" while installing; "backend": torch build}
OTHERS = VENV / "others.lock"  # the lock without PyTorch, for a build of it that the lock does not have
PAIR = ("torch", "torchvision")
OF_CUDA = ("nvidia-", "cuda-", "triton")  # beginnings of the names of packages that only PyTorch needs

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
        why: the reason for a build that nobody asked for.
    """

    backend: str = ""
    newest: bool = False
    why: str = field(default="", repr=False)

    @property
    def gigabytes(self) -> float:
        """Disk space of a fresh set-up: only PyTorch for Linux with CUDA is large."""
        return 7 if sys.platform == "linux" and self.backend != "cpu" else 2.5

    def commands(self, uv: str) -> list[list[str]]:
        """The commands that fill the environment: the packages, then the course itself, editable.

        Another torch build has other files than the lock, hence other hashes: then the lock only says the
        versions of torch and torchvision, and everything else has its hashes checked. Modules are compiled
        here, on every core: else Python does it while a student waits for the first cell, and each time anew
        where it may not write.
        """
        command = [uv, "pip", "install", "--python", str(PYTHON)]
        course = [*command, "--no-deps", "--no-build-isolation", "--editable", "."]
        install = [*command, "--compile-bytecode"]
        torch = ["--torch-backend", self.backend] if self.backend else []
        if self.newest:
            return [[*install, *torch, "--upgrade", "-r", "pyproject.toml", "--extra", "dev"], course]
        if not self.backend:
            return [[*install, "--require-hashes", "-r", LOCK.name], course]
        pair = [lines[0].rstrip(" \\") for name, lines in locked().items() if name in PAIR]
        others = [*install, "--require-hashes", "--no-deps", "-r", str(OTHERS)]
        return [others, [*install, *torch, *pair], course]

    @property
    def key(self) -> str:
        """One value for what decides what is installed: the lock, the [project] table, this request."""
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        content = LOCK.read_text(encoding="utf-8") + json.dumps(project, sort_keys=True) + str(self)
        return hashlib.sha256(content.encode()).hexdigest()


def requested() -> Request:
    """What to install: by the variables, else as it was installed, else what fits the machine."""
    state, asked = recall(), os.environ.get("TORCH_BACKEND")
    newest = os.environ.get("SEGLIB_VERSIONS") == "newest"
    if asked or state.get("key"):
        return Request(asked or state["backend"], newest)
    backend, why = suited()
    return Request(backend, newest, why)


def suited() -> tuple[str, str]:
    """The torch build for this machine, and why.

    What the lock names has CUDA on Linux, which takes 7 GB, and none on Windows and macOS.
    """
    nvidia = "GPU" in (answer("nvidia-smi", "--list-gpus") or "")
    if sys.platform == "win32" and nvidia:
        return "auto", "PyTorch with CUDA, because there is an NVIDIA GPU"
    if sys.platform == "linux" and not nvidia:
        return "cpu", "PyTorch without CUDA, because no NVIDIA GPU was found"
    return "", "PyTorch as the lock names it" + ", with CUDA, because there is an NVIDIA GPU" * nvidia


def setup() -> None:
    """Make `.venv` hold what is requested; done in a moment when it already does.

    A set-up that was killed half-way is thrown away and begun again, from the downloads in uv's cache. An
    environment that somebody else made in `.venv` is added to, never deleted, as long as its Python starts.
    """
    request, state = requested(), recall()
    usable = answer(PYTHON, "-c", "") is not None  # not after the Python below it was upgraded away
    if usable and state.get("key") == request.key:
        return
    say(f"Setting up the course in .venv: about {request.gigabytes:g} GB, usually 2 to 15 minutes.")
    if request.why:
        say(f"{request.why}. TORCH_BACKEND=cpu, or auto, asks for another build.")
    check_space(request)
    if not usable or state.get("key") == "" or state.get("backend", request.backend) != request.backend:
        create(request)
    elif state:
        remember("", request)
    request = install(request)
    remember(request.key, request)
    say("Set up.")


def check_space(request: Request) -> None:
    """Stop where the disk is too full."""
    place, free = free_space()
    if free < request.gigabytes and os.environ.get("SEGLIB_DISK_CHECK") != "off":
        sys.exit(
            f"The disk is too full: {request.gigabytes:g} GB are needed, {free:.1f} GB are free at {place}.\n"
            "Free some space, or set TORCH_BACKEND=cpu (2.5 GB). If uv's cache already holds the\n"
            "packages, SEGLIB_DISK_CHECK=off continues without this check."
        )


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


def install(request: Request) -> Request:
    """Fill the environment, with the installer's own progress on the screen; if it fails, say why.

    Returns:
        What was installed: the build that the lock names where the index of the one that fits is not reached.
    """
    uv = find_uv()
    if request.why and request.backend and not reached(uv, request.backend):
        say("The index of PyTorch's own builds is not reached: PyTorch as the lock names it is installed.")
        request = Request("", request.newest)
        check_space(request)
    kept = [lines for name, lines in locked().items() if name not in PAIR and not name.startswith(OF_CUDA)]
    OTHERS.write_text("".join(line + "\n" for lines in kept for line in lines), encoding="utf-8")
    for command in request.commands(uv):
        if subprocess.call(command, cwd=ROOT, env=variables()):
            sys.exit("\n" + why_it_stopped(request, uv))
    settings = VENV / "share/jupyter/lab/settings/overrides.json"  # no question about news in a class room
    settings.parent.mkdir(parents=True, exist_ok=True)
    news = {"fetchNews": "false", "checkForUpdates": False}
    settings.write_text(json.dumps({"@jupyterlab/apputils-extension:notification": news}))
    return request


def locked() -> dict[str, list[str]]:
    """The lock's lines, for each package; there may be two versions of one, for different machines."""
    found: dict[str, list[str]] = {}
    for line in LOCK.read_text(encoding="utf-8").splitlines():
        if line[:1].isalnum():
            name = line.split("==")[0]
        if line[:1].isalnum() or line.startswith(" "):
            found.setdefault(name, []).append(line)
    return found


def reached(uv: str, backend: str) -> bool:
    """Whether the package index, or that of a torch build, answers within a minute."""
    probe = [uv, "pip", "install", "--python", str(PYTHON)]
    probe += ["--dry-run", "--reinstall", "--refresh", "--no-deps"]
    probe += ["--torch-backend", backend, "torch"] if backend else ["uv"]
    return answer(*probe) is not None


def find_uv() -> str:
    """A uv to install with: the machine's own, else the locked one, installed by pip, its hash checked."""
    inside = BIN / ("uv.exe" if os.name == "nt" else "uv")
    found = uv_on_path() or (str(inside) if inside.exists() else "")
    if not found:
        pinned = VENV / "uv.txt"
        pinned.write_text("\n".join(locked()["uv"]) + "\n")
        options = ["--quiet", "--require-hashes", "--no-deps", "-r", str(pinned)]
        if subprocess.call([str(PYTHON), "-m", "pip", "install", *options], env=variables()):
            sys.exit("\n" + NETWORK)
    return found or str(inside)


def uv_on_path() -> str:
    """This machine's uv if it is 0.8 or newer and really starts (a name on PATH can be a shim), else ""."""
    path = shutil.which("uv") or ""
    found = re.match(r"uv (\d+)\.(\d+)", answer(path, "--version") or "")
    return path if found and (int(found[1]), int(found[2])) >= (0, 8) else ""


def free_space() -> tuple[Path, float]:
    """Where the disk is fullest, and the GB free there: the project's own, or the one with uv's cache."""
    places = [ROOT, Path(os.environ.get("UV_CACHE_DIR") or Path.home())]
    there = [next(place for place in (path, *path.parents) if place.exists()) for path in places]
    return min(((place, shutil.disk_usage(place).free / 1e9) for place in there), key=lambda pair: pair[1])


def why_it_stopped(request: Request, uv: str) -> str:
    """The likely reason, as far as the disk and one small request to the package index can tell."""
    place, free = free_space()
    if free < 2:  # the installer cleans up after a failure, so a full disk is no longer quite full
        return f"The disk is full: {request.gigabytes:g} GB are needed, {free:.1f} GB are free at {place}."
    return AGAIN if reached(uv, request.backend) else NETWORK


def answer(*command: str | Path) -> str | None:
    """What a command prints; None if it does not start, fails, or takes longer than a minute."""
    try:
        ran = subprocess.run(
            command, env=variables(), cwd=ROOT, capture_output=True, errors="replace", timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return ran.stdout if ran.returncode == 0 else None


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
