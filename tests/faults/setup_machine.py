"""A machine to set the course up on, and its faults: a stand-in for uv, a disk that is full."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

FAKE_UV = """#!{python}
import os, pathlib, sys, time
here = pathlib.Path({folder!r})
if sys.argv[1:] == ["--version"]:
    print("uv 0.9.1")
    sys.exit()
with (here / "calls").open("a") as log:
    log.write(" ".join(sys.argv[1:]) + "\\n")
what = os.environ.get("FAULT", "")
if what == "hang":
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        sys.exit(130)
if what == "disk":
    (here / "full").touch()
sys.exit(2 if what in ("disk", "hash") and "--dry-run" not in sys.argv else 0)
"""

SITECUSTOMIZE = """
import pathlib, shutil
real = shutil.disk_usage
def disk_usage(path):
    full = pathlib.Path({folder!r}, "full").exists()
    return real(path)._replace(free=int(0.9e9)) if full else real(path)._replace(free=int(99e9))
shutil.disk_usage = disk_usage
"""


class Machine:
    """A checkout on a machine of its own: what is on PATH, what uv answers, how full the disk is."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.checkout = folder, folder / "course"
        self.checkout.mkdir()
        for name in ("bootstrap.py", "pyproject.toml", "requirements.lock", "Makefile"):
            shutil.copy(ROOT / name, self.checkout)
        shutil.copytree(ROOT / "tools", self.checkout / "tools", ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "bin").mkdir()
        (folder / "patches").mkdir()
        (folder / "patches" / "sitecustomize.py").write_text(SITECUSTOMIZE.format(folder=str(folder)))
        self.variables = {
            "PATH": f"{folder / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin",
            "PYTHONPATH": str(folder / "patches"),
            "HOME": str(folder),
            "UV_CACHE_DIR": str(folder / "cache"),
        }

    def put_uv(self) -> None:
        """Put a uv on PATH that installs nothing and writes down what it was asked for."""
        script = self.folder / "bin" / "uv"
        script.write_text(FAKE_UV.format(python=sys.executable, folder=str(self.folder)))
        script.chmod(0o755)

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        command = [sys.executable, "bootstrap.py", *(arguments or ["setup"])]
        environment = {**self.variables, **variables}
        return subprocess.Popen(
            command,
            cwd=self.checkout,
            env=environment,
            text=True,
            start_new_session=True,
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # background jobs ignore it
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def run(self, *arguments: str, **variables: str) -> tuple[int, str]:
        process = self.start(*arguments, **variables)
        output, _ = process.communicate(timeout=120)
        assert "Traceback" not in output
        return process.returncode, output

    def calls(self) -> list[str]:
        """What uv was asked for since the last look."""
        log = self.folder / "calls"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return lines

    def wait_for_a_call(self) -> None:
        deadline = time.monotonic() + 60
        while not (self.folder / "calls").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
