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

from tools.packages import Plan, free_space, install, uv_on_path
from tools.places import LOCK, PYTHON, ROOT, STATE, VENV


def plan() -> Plan:
    """What to install, as the variables say; without TORCH_BACKEND the torch build that is there stays."""
    state = recall()
    backend = os.environ.get("TORCH_BACKEND") or (state["backend"] if state.get("key") else "")
    return Plan(backend, newest=os.environ.get("SEGLIB_VERSIONS") == "newest")


def setup() -> None:
    """Make `.venv` hold what the plan says; done in a moment when it already does.

    A set-up that was killed half-way is thrown away and begun again, from the downloads in uv's cache. An
    environment that somebody else made in `.venv` is added to, never deleted, as long as its Python starts.
    """
    wish, state, usable = plan(), recall(), starts(PYTHON)
    key = fingerprint(wish)
    if usable and state.get("key") == key:
        return
    say(
        f"Setting up the course in .venv: about {wish.gigabytes:g} GB, 2 to 15 minutes on a usual connection."
    )
    if wish.gigabytes > 3:
        say("Most of it is PyTorch for NVIDIA GPUs; TORCH_BACKEND=cpu does without it and needs 2.5 GB.")
    require_space(wish)
    if not usable or state.get("key") == "" or state.get("backend", wish.backend) != wish.backend:
        create(wish)
    elif state:
        remember("", wish)
    install(wish)
    remember(key, wish)
    say("Set up.")


def fingerprint(wish: Plan) -> str:
    """One value for all that decides what is installed: the lock, the [project] table and the wish."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    content = LOCK.read_text(encoding="utf-8") + json.dumps(project, sort_keys=True) + str(wish)
    return hashlib.sha256(content.encode()).hexdigest()


def recall() -> dict[str, str]:
    """The state of the last set-up; empty where there was none."""
    try:
        state: dict[str, str] = json.loads(STATE.read_text())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except ValueError:  # cut short by a power failure: as good as an unfinished set-up
        return {"key": ""}
    return state


def remember(key: str, wish: Plan) -> None:
    """Write the state in one step, so that a kill leaves the old one or the new one; "" means unfinished."""
    scratch = STATE.with_suffix(".tmp")
    scratch.write_text(json.dumps({"key": key, "backend": wish.backend}))
    scratch.replace(STATE)


def starts(python: Path) -> bool:
    """Whether this interpreter runs; it does not after the Python below it was upgraded away."""
    try:
        return subprocess.run([python, "-c", ""], capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def require_space(wish: Plan) -> None:
    """Stop before a download that cannot fit, on the project's disk or on the one with uv's cache."""
    place, free = free_space()
    if free < wish.gigabytes and os.environ.get("SEGLIB_DISK_CHECK") != "off":
        sys.exit(
            f"The disk is too full: {wish.gigabytes:g} GB are needed, {free:.1f} GB are free at {place}.\n"
            "Free some space, or set TORCH_BACKEND=cpu (2.5 GB). If uv's cache already holds the\n"
            "packages, SEGLIB_DISK_CHECK=off goes on without this check."
        )


def create(wish: Plan) -> None:
    """An empty environment, marked as unfinished; without pip where this machine has a uv to use instead."""
    try:
        if VENV.exists():
            shutil.rmtree(VENV)
        VENV.mkdir()
        remember("", wish)
    except OSError as error:
        sys.exit(
            f"{VENV} could not be made anew ({error}).\n"
            "Close JupyterLab and whatever else uses it, see that you may write there, and run this again."
        )
    options = ["--without-pip"] if uv_on_path() else []
    made = subprocess.run([sys.executable, "-m", "venv", *options, VENV], capture_output=True, text=True)
    if made.returncode:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        sys.exit(
            f"Python could not create {VENV}:\n{(made.stderr + made.stdout).strip()[-400:]}\n"
            f"On Debian and Ubuntu `sudo apt install python{version}-venv` helps. Then run this again."
        )


def say(text: str) -> None:
    """One line, at once even into a file."""
    print(text, flush=True)
