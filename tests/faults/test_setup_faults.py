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

    def put_gpu(self) -> None:
        """Put an nvidia-smi on PATH that has a GPU."""
        script = self.folder / "bin" / "nvidia-smi"
        script.write_text("#!/bin/sh\necho 'GPU 0: a card'\n")
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


DEAD = "http://127.0.0.1:9/simple"  # nothing listens there: refused at once, without any network
pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-ins for uv and venv are POSIX scripts")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path)
    made.put_uv()
    made.put_gpu()
    return made


def test_set_up_is_done_once_and_again_when_the_lock_changes(machine: Machine) -> None:
    status, output = machine.run()
    assert status == 0 and "GB, usually 2 to 15 minutes" in output
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
    machine.wait_for_a_call()
    half = machine.checkout / ".venv" / "half-installed"
    half.touch()
    os.killpg(process.pid, how)
    output, _ = process.communicate(timeout=60)
    assert process.returncode != 0 and "Traceback" not in output
    assert ("Run the same command again" in output) == (how == signal.SIGINT)
    machine.calls()
    assert machine.run()[0] == 0
    assert len(machine.calls()) == 2 and not half.exists()


@pytest.mark.parametrize("lost", ["seglib-setup.json", "bin/python"])
def test_a_state_file_cut_short_or_a_python_that_is_gone_begins_anew(machine: Machine, lost: str) -> None:
    machine.run()
    (machine.checkout / ".venv" / lost).unlink()
    if lost.endswith("json"):
        (machine.checkout / ".venv" / lost).write_text('{"key": "ab')
    machine.calls()
    assert machine.run()[0] == 0
    assert len(machine.calls()) == 2


def test_an_environment_made_by_somebody_else_is_kept(machine: Machine) -> None:
    venv = machine.checkout / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    (venv / "theirs").touch()
    assert machine.run(FAULT="hash")[0] == 1
    assert machine.run()[0] == 0
    assert (venv / "theirs").exists()


def test_another_torch_build_keeps_versions_and_all_other_hashes_and_is_remembered(machine: Machine) -> None:
    machine.run()
    machine.calls()
    machine.run(TORCH_BACKEND="cpu")
    others, pair, _ = machine.calls()
    assert "--require-hashes --no-deps" in others and "--torch-backend" not in others
    assert re.search(r"--torch-backend cpu torch==[\d.]+ torchvision==[\d.]+$", pair)
    lock = (machine.checkout / ".venv" / "others.lock").read_text()
    assert "\ntorchmetrics==" in lock and "\nnumpy==" in lock and lock.count("sha256") > 1000
    assert not re.search(r"^(torch|torchvision|nvidia-\w+|triton|cuda-\w+)==", lock, re.MULTILINE)
    machine.run()
    assert machine.calls() == [], "without the variable the cpu build stays"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the lock's PyTorch has no CUDA")
def test_without_a_gpu_the_small_build_is_taken_where_its_index_is_reached(machine: Machine) -> None:
    (machine.folder / "bin" / "nvidia-smi").unlink()
    machine.variables["PATH"] = f"{machine.folder / 'bin'}{os.pathsep}/bin"  # none of this machine's own
    assert "--torch-backend cpu" in machine.run("plan")[1]
    status, output = machine.run(FAULT="index")
    assert (
        status == 0
        and "no NVIDIA GPU was found" in output
        and "is not reached: PyTorch as the lock" in output
    )
    assert "--require-hashes -r requirements.lock" in machine.calls()[-2]
    shutil.rmtree(machine.checkout / ".venv")
    status, output = machine.run()
    assert status == 0 and "about 2.5 GB" in output and "not reached" not in output
    assert "--torch-backend cpu torch==" in machine.calls()[-2]
    machine.put_gpu()
    assert machine.run()[0] == 0 and machine.calls() == [], "the choice is remembered"


def test_windows_with_an_nvidia_gpu_gets_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = subprocess.CompletedProcess([], 0, "GPU 0: a card\n", "")
    monkeypatch.setattr(environment.subprocess, "run", lambda *given, **options: listed)
    monkeypatch.setattr(environment.sys, "platform", "win32")
    assert environment.suited()[0] == "auto"
    monkeypatch.setattr(environment.sys, "platform", "linux")
    assert environment.suited()[0] == ""


def test_a_torch_backend_that_failed_is_not_remembered(machine: Machine) -> None:
    assert machine.run(TORCH_BACKEND="cu999", FAULT="hash")[0] == 1
    machine.calls()
    assert machine.run()[0] == 0
    assert "--require-hashes" in machine.calls()[0]


def test_a_disk_too_small_is_noticed_before_anything_is_made(machine: Machine) -> None:
    (machine.folder / "full").touch()
    status, output = machine.run()
    assert status == 1 and "The disk is too full" in output and "0.9 GB are free" in output
    assert not (machine.checkout / ".venv").exists() and machine.calls() == []
    assert machine.run(SEGLIB_DISK_CHECK="off")[0] == 0


@pytest.mark.parametrize(
    ("fault", "said"), [("disk", "0.9 GB are free"), ("hash", "installer's own message")]
)
def test_an_installation_that_fails_says_why(machine: Machine, fault: str, said: str) -> None:
    status, output = machine.run(FAULT=fault)
    assert status == 1 and said in output


def test_no_network_with_pip(tmp_path: Path) -> None:
    dead = {"PIP_INDEX_URL": DEAD, "PIP_RETRIES": "0", "PIP_CONFIG_FILE": os.devnull}
    machine = Machine(tmp_path)
    machine.variables["PATH"] = str(tmp_path / "bin")  # no uv
    status, output = machine.run(**dead)
    assert status == 1 and "package index could not be reached" in output


def test_no_network_with_uv(tmp_path: Path) -> None:
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if not uv:
        pytest.skip("uv: not on this machine")
    machine = Machine(tmp_path)
    (tmp_path / "bin" / "uv").symlink_to(uv)
    status, output = machine.run(UV_DEFAULT_INDEX=DEAD, UV_HTTP_RETRIES="0")
    assert status == 1 and "package index could not be reached" in output
    assert json.loads((machine.checkout / ".venv" / "seglib-setup.json").read_text())["key"] == ""


def test_python_without_venv_or_a_file_where_it_should_be(machine: Machine) -> None:
    (machine.checkout / ".venv").touch()
    status, output = machine.run()
    assert status == 1 and "could not be made anew" in output
    (machine.checkout / ".venv").unlink()
    (machine.folder / "patches" / "venv.py").write_text("raise SystemExit('ensurepip is not available')")
    status, output = machine.run()
    assert status == 1 and "ensurepip is not available" in output and "-venv` helps" in output


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
    status, output = machine.run("lab", PORT="http")
    assert status == 1 and "PORT=http is not a port" in output
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        status, output = machine.run("lab", PORT=str(taken.getsockname()[1]), HOST="127.0.0.1")
    assert status == 1 and "is taken" in output


def test_a_relative_data_folder_is_made_absolute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGLIB_DATA", "tests")
    assert environment.variables()["SEGLIB_DATA"] == str(ROOT / "tests")
    monkeypatch.setenv("SEGLIB_DATA", "none")
    assert environment.variables()["SEGLIB_DATA"] == "none"
