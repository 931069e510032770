"""The course's environment, `.venv`: made, filled exactly as requirements.lock says, and repaired.

Called by bootstrap.py; standard library only, because nothing else is there yet.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
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
    "The packages could not be installed; the installer's own words stand above.\n"
    "Run the same command again: what was downloaded is kept. If it stops at the same place,\n"
    "try Python 3.13: PYTHON=python3.13 make lab"
)


def setup() -> None:
    """Make `.venv` hold what the lock says; done in a moment when it already does.

    A set-up that was killed half-way is thrown away and begun again, from the downloads in uv's cache. An
    environment that somebody else made in `.venv` is added to, never deleted, as long as its Python starts.
    """
    state = recall()
    key, usable = fingerprint(backend()), starts(PYTHON)
    if usable and state.get("key") == key:
        return
    needed = gigabytes(backend())
    print(
        f"Setting up the course in .venv: about {needed:g} GB, 2 to 15 minutes on a usual connection.",
        flush=True,
    )
    if needed > 3:
        print(
            "Most of it is PyTorch for NVIDIA GPUs; TORCH_BACKEND=cpu does without and needs 2 GB.",
            flush=True,
        )
    require_space(needed)
    if not usable or state.get("key") == "":
        create()
        state = {"key": ""}
    if state:
        remember("", backend())
    install(backend(), needed)
    remember(key, backend())
    print("Set up.", flush=True)


def backend() -> str:
    """The torch build asked for now, else the one asked for at the last set-up; "" is what the lock holds."""
    return os.environ.get("TORCH_BACKEND") or recall().get("backend", "")


def fingerprint(backend: str) -> str:
    """One value for all that decides what is installed: the lock, the [project] table and the torch build."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    content = LOCK.read_text(encoding="utf-8") + json.dumps(project, sort_keys=True) + backend
    return hashlib.sha256(content.encode()).hexdigest()


def recall() -> dict[str, str]:
    """The state of the last set-up; empty where there was none."""
    try:
        state: dict[str, str] = json.loads(STATE.read_text())
    except FileNotFoundError:
        return {}
    except ValueError:  # cut short by a power failure: as good as an unfinished set-up
        return {"key": ""}
    return state


def remember(key: str, backend: str) -> None:
    """Write the state in one step, so that a kill leaves the old one or the new one."""
    scratch = STATE.with_suffix(".tmp")
    scratch.write_text(json.dumps({"key": key, "backend": backend}))
    scratch.replace(STATE)


def starts(python: Path) -> bool:
    """Whether this interpreter runs; it does not after the Python below it was upgraded away."""
    try:
        return subprocess.run([python, "-c", ""], capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def gigabytes(backend: str) -> float:
    """Disk space of a fresh set-up: only PyTorch for Linux with CUDA is large."""
    return 6.5 if sys.platform == "linux" and backend != "cpu" else 2


def require_space(needed: float) -> None:
    """Stop before a download that cannot fit, on the project's disk or on the one with uv's cache."""
    if os.environ.get("SEGLIB_DISK_CHECK") == "off":
        return
    for place in (ROOT, Path(os.environ.get("UV_CACHE_DIR") or Path.home())):
        while not place.exists():
            place = place.parent
        free = shutil.disk_usage(place).free / 1e9
        if free < needed:
            sys.exit(
                f"The disk is too full: {needed:g} GB are needed, {free:.1f} GB are free at {place}.\n"
                "Free some space, or set TORCH_BACKEND=cpu (2 GB). If uv's cache already holds the\n"
                "packages, SEGLIB_DISK_CHECK=off goes on without this check."
            )


def create() -> None:
    """An empty virtual environment; without pip where this machine has a uv: then nothing needs it."""
    options = ["--without-pip"] if uv_on_path() else []
    command = [sys.executable, "-m", "venv", "--clear", *options, str(VENV)]
    made = subprocess.run(command, capture_output=True, text=True)
    if made.returncode:
        version = "{}.{}".format(*sys.version_info)
        sys.exit(
            f"Python could not create {VENV}:\n{(made.stderr + made.stdout).strip()[-400:]}\n"
            f"On Debian and Ubuntu `sudo apt install python{version}-venv` helps. Then run this again."
        )


def install(backend: str, needed: float) -> None:
    """Fill the environment, with the installer's own progress on the screen; if it fails, say why."""
    if backend:
        lines = LOCK.read_text(encoding="utf-8").splitlines()
        VERSIONS.write_text("".join(line.rstrip("\\ ") + "\n" for line in lines if line[:1].isalnum()))
    for command in install_commands(find_uv(), backend):
        if subprocess.call(command, cwd=ROOT, env=variables()):
            sys.exit("\n" + why_it_stopped(command, needed))
    settings = VENV / "share/jupyter/lab/settings/overrides.json"  # no question about news in a class room
    settings.parent.mkdir(parents=True, exist_ok=True)
    news = {"fetchNews": "false", "checkForUpdates": False}
    settings.write_text(json.dumps({"@jupyterlab/apputils-extension:notification": news}))


def install_commands(uv: str, backend: str) -> list[list[str]]:
    """The commands that fill the environment: the locked packages, then the course itself, editable.

    Another torch build has other files than the lock, hence other hashes, and needs no nvidia packages: then
    the lock only fixes the versions.
    """
    install = [uv, "pip", "install", "--python", str(PYTHON)]
    itself = [*install, "--no-deps", "--no-build-isolation", "--editable", "."]
    if not backend:
        return [[*install, "--require-hashes", "-r", LOCK.name], itself]
    wanted = ["-r", "pyproject.toml", "--extra", "dev", "--constraints", str(VERSIONS)]
    return [[*install, "--torch-backend", backend, *wanted], itself]


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


def why_it_stopped(command: list[str], needed: float) -> str:
    """The likely reason, as far as a look at the disk and one small request can tell."""
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < 0.5:
        return f"The disk is full: {free:.1f} GB are free at {ROOT}. Free {needed:g} GB and run this again."
    probe = [*command[:5], "--dry-run", "--reinstall", "--refresh", "--no-deps", "uv"]
    reachable = subprocess.run(probe, cwd=ROOT, env=variables(), capture_output=True).returncode == 0
    return AGAIN if reachable else NETWORK


def variables() -> dict[str, str]:
    """The variables for all that is started: this environment first, and no other Python's settings in it."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "PYTHONPATH")}
    path = str(BIN) + os.pathsep + kept.get("PATH", "")
    # A kernel called python3 in the home folder must not win over this environment's.
    return {
        "UV_HTTP_TIMEOUT": "120",
        **kept,
        "PATH": path,
        "VIRTUAL_ENV": str(VENV),
        "JUPYTER_PREFER_ENV_PATH": "1",
    }
