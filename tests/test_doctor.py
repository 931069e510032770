"""The doctor on a working machine, and on machines with one fault each: what it says, advises and returns."""

import json
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from seglib import doctor as checks
from seglib.doctor import Finding, report

ROOT = Path(__file__).resolve().parent.parent
TORCH_CPU = '__version__ = "2.15.0+cpu"\n'
TORCHVISION_CUDA = 'raise RuntimeError("operator torchvision::nms does not exist")\n'


def doctor(*options: str, python: tuple[str, ...] = (), **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *python, "-m", "seglib", "doctor", *options]
    environment = {**os.environ, **variables}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280)


def findings(ran: subprocess.CompletedProcess[str]) -> dict[str, dict[str, str]]:
    return {finding["name"]: finding for finding in json.loads(ran.stdout)["findings"]}


def modules(folder: Path, **sources: str) -> str:
    """A folder to put on PYTHONPATH in which these modules are broken."""
    for name, source in sources.items():
        (folder / f"{name}.py").write_text(source)
    return str(folder)


def test_a_working_machine_is_ready_without_data_sets_too():
    if shutil.which("jupyter", path=str(Path(sys.executable).parent)) is None:
        pytest.skip("JupyterLab: not installed here, so this machine is rightly not ready")
    ran = doctor("--json", SEGLIB_PROFILE="tiny", SEGLIB_DATA="none")
    found = findings(ran)
    assert ran.returncode == 0 and json.loads(ran.stdout)["ready"], found
    for name in ("Python", "packages", "torch", "widgets", "writing", "libraries"):
        assert found[name]["verdict"] == "ok", name
    says = found["course"]["says"]
    assert "profile tiny" in says and "minutes of your time, at most" in says
    assert found["data"]["verdict"] == "note"


def test_torch_for_the_cpu_and_torchvision_for_cuda(tmp_path):
    ran = doctor(PYTHONPATH=modules(tmp_path, torch=TORCH_CPU, torchvision=TORCHVISION_CUDA), COLUMNS="400")
    assert ran.returncode == 1 and "Traceback" not in ran.stderr
    assert "torch 2.15.0+cpu and torchvision" in ran.stdout and "do not fit" in ran.stdout
    assert "TORCH_BACKEND=cpu" in ran.stdout and "Not ready" in ran.stdout
    assert ran.stdout.count("nms") == 1, "one cause, one message"


def test_a_torch_that_stops_python(tmp_path):
    ran = doctor("--json", PYTHONPATH=modules(tmp_path, torch="import os\nos.abort()\n"))
    torch = findings(ran)["torch"]
    assert ran.returncode == 1 and torch["verdict"] == "wrong" and "Python stopped" in torch["says"]


def test_no_torch_on_a_terminal_without_utf8(tmp_path):
    missing = "raise ModuleNotFoundError(\"No module named 'torch' for J\u00fcrgen\", name='torch')\n"
    ran = doctor(PYTHONPATH=modules(tmp_path, torch=missing), COLUMNS="400", PYTHONIOENCODING="ascii")
    assert ran.returncode == 1 and "No module named 'torch' for J?rgen" in ran.stdout
    assert "make lab" in ran.stdout and ran.stdout.isascii()


def test_an_import_that_fails_is_wrong_and_the_rest_is_checked(tmp_path):
    error = "raise RuntimeError('CUDA error: out of memory')\n"
    found = findings(doctor("--json", PYTHONPATH=modules(tmp_path, anywidget=error)))
    assert found["widgets"]["verdict"] == "wrong" and "out of memory" in found["widgets"]["says"]
    assert found["widgets"]["do"] and found["torch"]["verdict"] == "ok"


def test_an_import_that_hangs(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", modules(tmp_path, torch="import time\ntime.sleep(60)\n"))
    found = {finding.name: finding for finding in checks.examine(timeout=1)}
    assert "no answer within 1 s" in found["torch"].says and found["GPU"].verdict == "note"


@pytest.mark.parametrize(
    ("installed", "says"), [("", "joblib is missing"), ("0.1", "joblib 0.1 (needed: >=1.4)")]
)
def test_a_package_that_is_missing_or_too_old(monkeypatch, installed, says):
    real = checks.version
    monkeypatch.setattr(checks, "version", lambda name: installed if name == "joblib" else real(name))
    finding = checks.packages()
    assert finding.verdict == "wrong" and says in finding.says and finding.do
    monkeypatch.setattr(metadata, "requires", lambda name: metadata.distribution("no such package"))
    assert checks.packages().verdict == "wrong"  # seglib itself is not installed


def test_a_python_without_any_package():
    ran = doctor(python=("-S",))
    assert ran.returncode == 1 and "make doctor" in ran.stderr and "Traceback" not in ran.stderr


@pytest.mark.parametrize(("variable", "verdict"), [("SEGLIB_HOME", "wrong"), ("SEGLIB_DATA", "note")])
def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch, variable, verdict):
    (tmp_path / "file").touch()
    for name in ("SEGLIB_HOME", "SEGLIB_DATA"):
        monkeypatch.setenv(name, str(tmp_path / "file" / "home" if name == variable else tmp_path))
    finding = checks.writing()
    assert finding.verdict == verdict and str(tmp_path / "file") in finding.says and variable in finding.do
    assert list(tmp_path.iterdir()) == [tmp_path / "file"], "looking leaves nothing behind"


@pytest.mark.parametrize(("free", "verdict"), [(0.4e9, "wrong"), (3e9, "note"), (50e9, "ok")])
def test_free_disk(monkeypatch, free, verdict):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free))
    assert checks.disk().verdict == verdict


@pytest.mark.parametrize(
    ("lost", "kernel", "says"),
    [
        ("", sys.executable, "anywidget"),
        ("anywidget", sys.executable, "lacks the browser part of anywidget"),
        ("", "/opt/another/bin/python", "runs /opt/another/bin/python, not this Python"),
    ],
)
def test_widgets(tmp_path, monkeypatch, lost, kernel, says):
    for name in {*checks.LABEXTENSIONS} - {lost}:
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "package.json").touch()
    manager = "jupyter_client.kernelspec.KernelSpecManager.get_kernel_spec"
    monkeypatch.setattr(manager, lambda *_: SimpleNamespace(argv=[kernel]))
    monkeypatch.setattr("jupyter_core.paths.jupyter_path", lambda _: [str(tmp_path)])
    finding = checks.widgets()
    assert says in finding.says and finding.verdict == ("ok" if says == "anywidget" else "wrong")


@pytest.mark.parametrize(("driver", "verdict"), [(None, "ok"), ("/usr/bin/nvidia-smi", "note")])
def test_no_gpu_is_needed_but_one_that_torch_cannot_use_is_noted(monkeypatch, driver, verdict):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr(shutil, "which", lambda name: driver)
    finding = checks.gpu()
    assert finding.verdict == verdict and ("TORCH_BACKEND=auto" in finding.do) == bool(driver)


@pytest.mark.parametrize(
    ("computed", "says"),
    [
        (lambda right: right, ""),
        (lambda right: right + 0.1, "it gives other results than the CPU"),
        (None, "torch cannot compute on it (no kernel image is available)"),
    ],
)
def test_a_gpu_computes_before_it_is_called_ok(monkeypatch, computed, says):
    """The CPU plays the GPU: the first convolution is the one on the device."""
    real, calls = torch.nn.functional.conv2d, []

    def conv2d(*given):
        calls.append(given)
        if len(calls) > 1:
            return real(*given)
        if computed is None:
            raise RuntimeError("no kernel image is available\nand more")
        return computed(real(*given))

    monkeypatch.setattr("torch.nn.functional.conv2d", conv2d)
    assert checks.computes_wrongly("cpu") == says
    calls.clear()
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda: (7.5e9, 8e9))
    monkeypatch.setattr("torch.cuda.get_device_name", lambda: "A card")
    monkeypatch.setattr(torch.Tensor, "to", lambda tensor, device: tensor)
    finding = checks.gpu()
    ok = Finding("GPU", "ok", "A card, 7.5 of 8.0 GB free, computes as the CPU does")
    assert finding.verdict == "wrong" and says in finding.says if says else finding == ok


def test_two_copies_of_openmp_are_wrong_and_other_failed_looks_are_not_known(tmp_path, monkeypatch):
    clash = "import os\nos.write(2, b'OMP: Error #15: already initialized')\nos.abort()\n"
    monkeypatch.setenv("PYTHONPATH", modules(tmp_path, sklearn=clash))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: 1 / 0)
    monkeypatch.setattr(checks, "free_memory", lambda: 8e9)
    found = {finding.name: finding for finding in checks.examine()}
    assert found["libraries"].verdict == "wrong" and "OMP: Error #15" in found["libraries"].says
    assert found["disk"].verdict == "note" and "not known: ZeroDivisionError" in found["disk"].says


@pytest.mark.parametrize(("free", "verdict"), [(64e9, "ok"), (1e9, "note")])
def test_notebooks_that_the_free_memory_is_too_small_for_are_named(monkeypatch, free, verdict):
    monkeypatch.setattr(checks, "free_memory", lambda: free)
    finding = checks.course()
    assert finding.verdict == verdict and ("too little for 00" in finding.says) == (verdict == "note")


def test_notes_do_not_make_a_machine_unready(capsys):
    notes = [Finding("a", "ok", "fine"), Finding("b", "note", "[x] is not a style", "do this")]
    assert report(notes)
    assert "[x] is not a style" in (printed := capsys.readouterr().out) and "is ready" in printed
    assert not report([*notes, Finding("c", "wrong", "no")])
    assert "Fix what is wrong, then run this again: c." in capsys.readouterr().out
