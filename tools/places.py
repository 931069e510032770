"""Where things are, and the variables that everything started from here sees."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
STATE = VENV / "seglib-setup.json"  # {"key": what is installed, "" while installing; "backend": torch build}
VERSIONS = VENV / "versions.txt"


def variables() -> dict[str, str]:
    """The variables for all that is started: this environment first, and no other Python's settings in it."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "PYTHONPATH")}
    path = str(BIN) + os.pathsep + kept.get("PATH", "")
    own = {
        "PATH": path,
        "VIRTUAL_ENV": str(VENV),
        "JUPYTER_PREFER_ENV_PATH": "1",  # a kernel called python3 in the home folder must not win
        "PIP_USER": "0",
    }
    for name in ("SEGLIB_DATA", "SEGLIB_HOME"):  # notebooks run in another folder than `make`
        if kept.get(name) and (ROOT / kept[name]).exists():
            own[name] = str((ROOT / kept[name]).resolve())
    patience = {"UV_HTTP_TIMEOUT": "120", "UV_COMPILE_BYTECODE_TIMEOUT": "600"}  # seconds for each file
    return {**patience, **kept, **own}
