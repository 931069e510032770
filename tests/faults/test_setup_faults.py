"""Set-up on machines where something is wrong: each fault gets a sentence, the next call repairs it."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from tools import environment

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
if what == "index" and "--torch-backend" in sys.argv:
    sys.exit(1)
sys.exit(2 if what in ("disk", "hash") and "--dry-run" not in sys.argv else 0)
"""

GPU = "#!/bin/sh\necho 'GPU 0: a card'\n"  # an nvidia-smi

SITECUSTOMIZE = """
import pathlib, shutil
real = shutil.disk_usage
def disk_usage(path):
    full = pathlib.Path({folder!r}, "full").exists()
    return real(path)._replace(free=int(0.9e9 if full else 99e9))
shutil.disk_usage = disk_usage
"""


class Machine:
    """A checkout on a machine of its own: what is on PATH, what uv answers, how full the disk is."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.checkout, self.log = folder, folder / "course", folder / "calls"
        self.venv = self.checkout / ".venv"
        self.checkout.mkdir()
        for name in ("bootstrap.py", "pyproject.toml", "requirements.lock", "Makefile"):
            shutil.copy(ROOT / name, self.checkout)
        shutil.copytree(ROOT / "tools", self.checkout / "tools", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("bin", "patches"):
            (folder / name).mkdir()
        (folder / "patches" / "sitecustomize.py").write_text(SITECUSTOMIZE.format(folder=str(folder)))
        self.variables = {
            "PATH": f"{folder / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin",
            "PYTHONPATH": str(folder / "patches"),
            "HOME": str(folder),
            "UV_CACHE_DIR": str(folder / "cache"),
        }

    def put(self, name: str, script: str) -> None:
        """Put a program on PATH."""
        path = self.folder / "bin" / name
        path.write_text(script)
        path.chmod(0o755)

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        self.log.unlink(missing_ok=True)
        return subprocess.Popen(
            [sys.executable, "bootstrap.py", *(arguments or ["setup"])],
            cwd=self.checkout,
            env={**self.variables, **variables},
            text=True,
            start_new_session=True,
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # background jobs ignore it
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def run(self, *arguments: str, status: int = 0, **variables: str) -> str:
        """What it says; it must end with this status."""
        process = self.start(*arguments, **variables)
        output, _ = process.communicate(timeout=120)
        assert process.returncode == status and "Traceback" not in output, output
        return output

    def calls(self) -> list[str]:
        """What uv was asked for in the last run."""
        return self.log.read_text().splitlines() if self.log.exists() else []


DEAD = "http://127.0.0.1:9/simple"  # nothing listens there: refused at once, without any network
pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-ins for uv and venv are POSIX scripts")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path)
    made.put("uv", FAKE_UV.format(python=sys.executable, folder=str(tmp_path)))
    made.put("nvidia-smi", GPU)
    return made


def test_set_up_is_done_once_and_again_when_the_lock_changes(machine: Machine) -> None:
    assert "GB, usually 2 to 15 minutes" in machine.run()
    packages, itself = machine.calls()
    assert "--require-hashes -r requirements.lock" in packages and "--no-deps" in itself
    machine.run()
    assert machine.calls() == []
    settings = machine.checkout / "pyproject.toml"
    settings.write_text(settings.read_text().replace("line-length = 110", "line-length = 100"))
    machine.run()
    assert machine.calls() == [], "a formatter's setting installs nothing"
    with (machine.checkout / "requirements.lock").open("a") as lock:
        lock.write("# changed\n")
    machine.run()
    assert len(machine.calls()) == 2


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_set_up_stopped_half_way_is_begun_again(machine: Machine, how: signal.Signals) -> None:
    process = machine.start(FAULT="hang")
    deadline = time.monotonic() + 60
    while not machine.log.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    half = machine.venv / "half-installed"
    half.touch()
    os.killpg(process.pid, how)
    output, _ = process.communicate(timeout=60)
    assert process.returncode != 0 and "Traceback" not in output
    assert ("Run the same command again" in output) == (how == signal.SIGINT)
    machine.run()
    assert len(machine.calls()) == 2 and not half.exists()


@pytest.mark.parametrize("lost", ["seglib-setup.json", "bin/python"])
def test_a_state_file_cut_short_or_a_python_that_is_gone_begins_anew(machine: Machine, lost: str) -> None:
    machine.run()
    (machine.venv / lost).unlink()
    if lost.endswith("json"):
        (machine.venv / lost).write_text('{"key": "ab')
    machine.run()
    assert len(machine.calls()) == 2


def test_an_environment_made_by_somebody_else_is_kept(machine: Machine) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", machine.venv], check=True)
    (machine.venv / "theirs").touch()
    machine.run(status=1, FAULT="hash")
    machine.run()
    assert (machine.venv / "theirs").exists()


def test_another_torch_build_keeps_versions_and_all_other_hashes_and_is_remembered(machine: Machine) -> None:
    machine.run()
    machine.run(TORCH_BACKEND="cpu")
    others, pair, _ = machine.calls()
    assert "--require-hashes --no-deps" in others and "--torch-backend" not in others
    assert re.search(r"--torch-backend cpu torch==[\d.]+ torchvision==[\d.]+$", pair)
    lock = (machine.venv / "others.lock").read_text()
    assert "\ntorchmetrics==" in lock and "\nnumpy==" in lock and lock.count("sha256") > 1000
    assert not re.search(r"^(torch|torchvision|nvidia-\w+|triton|cuda-\w+)==", lock, re.MULTILINE)
    machine.run()
    assert machine.calls() == [], "without the variable the cpu build stays"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the lock's PyTorch has no CUDA")
def test_without_a_gpu_the_small_build_is_taken_where_its_index_is_reached(machine: Machine) -> None:
    (machine.folder / "bin" / "nvidia-smi").unlink()
    machine.variables["PATH"] = f"{machine.folder / 'bin'}{os.pathsep}/bin"  # none of this machine's own
    assert "--torch-backend cpu" in machine.run("plan")
    output = machine.run(FAULT="index")
    assert "no NVIDIA GPU was found" in output and "is not reached: PyTorch as the lock" in output
    assert "--require-hashes -r requirements.lock" in machine.calls()[-2]
    shutil.rmtree(machine.venv)
    output = machine.run()
    assert "about 2.5 GB" in output and "not reached" not in output
    assert "--torch-backend cpu torch==" in machine.calls()[-2]
    machine.put("nvidia-smi", GPU)
    machine.run()
    assert machine.calls() == [], "the choice is remembered"


def test_windows_with_an_nvidia_gpu_gets_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = subprocess.CompletedProcess([], 0, "GPU 0: a card\n", "")
    monkeypatch.setattr(environment.subprocess, "run", lambda *given, **options: listed)
    monkeypatch.setattr(environment.sys, "platform", "win32")
    assert environment.suited()[0] == "auto"
    monkeypatch.setattr(environment.sys, "platform", "linux")
    assert environment.suited()[0] == ""


def test_a_torch_backend_that_failed_is_not_remembered(machine: Machine) -> None:
    machine.run(status=1, TORCH_BACKEND="cu999", FAULT="hash")
    machine.run()
    assert "--require-hashes" in machine.calls()[0]


def test_a_disk_too_small_is_noticed_before_anything_is_made(machine: Machine) -> None:
    (machine.folder / "full").touch()
    output = machine.run(status=1)
    assert "The disk is too full" in output and "0.9 GB are free" in output
    assert not machine.venv.exists() and machine.calls() == []
    machine.run(SEGLIB_DISK_CHECK="off")


@pytest.mark.parametrize(
    ("fault", "said"), [("disk", "0.9 GB are free"), ("hash", "installer's own message")]
)
def test_an_installation_that_fails_says_why(machine: Machine, fault: str, said: str) -> None:
    assert said in machine.run(status=1, FAULT=fault)


def test_no_network_with_pip(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.variables["PATH"] = str(tmp_path / "bin")  # no uv
    output = machine.run(status=1, PIP_INDEX_URL=DEAD, PIP_RETRIES="0", PIP_CONFIG_FILE=os.devnull)
    assert "package index could not be reached" in output


def test_no_network_with_uv(tmp_path: Path) -> None:
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if not uv:
        pytest.skip("uv: not on this machine")
    machine = Machine(tmp_path)
    (tmp_path / "bin" / "uv").symlink_to(uv)
    output = machine.run(status=1, UV_DEFAULT_INDEX=DEAD, UV_HTTP_RETRIES="0")
    assert "package index could not be reached" in output
    assert json.loads((machine.venv / "seglib-setup.json").read_text())["key"] == ""


def test_python_without_venv_or_a_file_where_it_should_be(machine: Machine) -> None:
    machine.venv.touch()
    assert "could not be made anew" in machine.run(status=1)
    machine.venv.unlink()
    (machine.folder / "patches" / "venv.py").write_text("raise SystemExit('ensurepip is not available')")
    output = machine.run(status=1)
    assert "ensurepip is not available" in output and "-venv` helps" in output


def test_an_old_python_gets_a_sentence() -> None:
    ast.parse((ROOT / "bootstrap.py").read_text(), feature_version=(3, 7))
    for name in ("python3.7", "python3.8", "python3.9", "python3.10"):
        try:
            ran = subprocess.run([name, "bootstrap.py", "lab"], cwd=ROOT, capture_output=True, text=True)
        except OSError:
            continue
        if ran.returncode != 127:  # 127: a shim for a Python that is not there
            assert ran.returncode == 1 and "needs Python 3.11 or newer" in ran.stderr
            assert "Traceback" not in ran.stderr


def test_make_without_a_python_says_so(machine: Machine) -> None:
    if not shutil.which("make"):
        pytest.skip("make: not on this machine")
    ran = subprocess.run(["make", "lab", "PYTHON="], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 2 and "needs Python 3.11 or newer" in ran.stderr


def test_ports(machine: Machine) -> None:
    assert "PORT=http is not a port" in machine.run("lab", status=1, PORT="http")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert "is taken" in machine.run("lab", status=1, PORT=port, HOST="127.0.0.1")


def test_a_relative_data_folder_is_made_absolute(monkeypatch: pytest.MonkeyPatch) -> None:
    for folder, seen in (("tests", str(ROOT / "tests")), ("none", "none")):
        monkeypatch.setenv("SEGLIB_DATA", folder)
        assert environment.variables()["SEGLIB_DATA"] == seen
