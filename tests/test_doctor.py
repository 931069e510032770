"""The doctor on a working machine, and on machines with one fault each: what it says, advises and returns."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

from seglib import doctor as checks
from seglib import doctor_probe as probe
from seglib.doctor import Finding, Seen, ready, report

ROOT = Path(__file__).resolve().parent.parent
TORCH_CPU = '__version__ = "2.15.0+cpu"\n'
TORCHVISION_CUDA = 'raise RuntimeError("operator torchvision::nms does not exist")\n'


def doctor(*options: str, python: tuple[str, ...] = (), **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *python, "-m", "seglib", "doctor", *options]
    environment = {**os.environ, **variables}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280)


def modules(folder: Path, **sources: str) -> str:
    """A folder to put on PYTHONPATH in which these modules are broken."""
    for name, source in sources.items():
        (folder / f"{name}.py").write_text(source)
    return str(folder)


def test_a_sound_machine_is_ready():
    if shutil.which("jupyter", path=str(Path(sys.executable).parent)) is None:
        pytest.skip("JupyterLab: not installed here, so this machine is rightly not ready")
    ran = doctor("--json", SEGLIB_PROFILE="tiny")
    answer = json.loads(ran.stdout)
    verdicts = {finding["name"]: finding["verdict"] for finding in answer["findings"]}
    assert ran.returncode == 0 and answer["ready"], answer
    for name in ("Python", "packages", "torch", "widgets", "writing", "course"):
        assert verdicts[name] == "ok", name
    (course,) = (finding["says"] for finding in answer["findings"] if finding["name"] == "course")
    assert "profile tiny" in course and "minutes of your time" in course


def test_a_cpu_torch_beside_a_cuda_torchvision(tmp_path):
    ran = doctor(PYTHONPATH=modules(tmp_path, torch=TORCH_CPU, torchvision=TORCHVISION_CUDA), COLUMNS="400")
    assert ran.returncode == 1 and "Traceback" not in ran.stderr
    assert "torch 2.15.0+cpu and torchvision" in ran.stdout and "do not fit" in ran.stdout
    assert "TORCH_BACKEND=cpu" in ran.stdout and "Not ready" in ran.stdout
    assert ran.stdout.count("nms") == 1, "one cause, one complaint"


def test_a_torch_that_takes_python_down_with_it(tmp_path):
    ran = doctor("--json", PYTHONPATH=modules(tmp_path, torch="import os\nos.abort()\n"))
    torch = next(finding for finding in json.loads(ran.stdout)["findings"] if finding["name"] == "torch")
    assert ran.returncode == 1 and torch["verdict"] == "wrong" and "Python stopped" in torch["says"]


def test_no_torch_at_all(tmp_path):
    missing = "raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')\n"
    ran = doctor(PYTHONPATH=modules(tmp_path, torch=missing), COLUMNS="400", PYTHONIOENCODING="ascii")
    assert ran.returncode == 1 and "No module named 'torch'" in ran.stdout and "make lab" in ran.stdout
    assert ran.stdout.isascii()


def test_a_hanging_import(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", modules(tmp_path, torch="import time\ntime.sleep(60)\n"))
    seen = checks.probe(timeout=1)
    assert "no answer within 1 s" in checks.torch_pair(seen).says


@pytest.mark.parametrize(
    ("installed", "says"), [("", "joblib is missing"), ("0.1", "joblib 0.1 (needed: >=1.4)")]
)
def test_a_package_that_is_missing_or_too_old(monkeypatch, installed, says):
    real = checks.version
    monkeypatch.setattr(checks, "version", lambda name: installed if name == "joblib" else real(name))
    finding = checks.packages()
    assert finding.verdict == "wrong" and says in finding.says and finding.do


def test_seglib_itself_not_installed(monkeypatch):
    def requires(name: str) -> list[str]:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", requires)
    assert checks.packages().verdict == "wrong"


def test_a_python_without_any_package():
    ran = doctor(python=("-S",))
    assert ran.returncode == 1 and "make doctor" in ran.stderr and "Traceback" not in ran.stderr


def test_a_home_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SEGLIB_HOME", str(tmp_path / "file" / "home"))
    monkeypatch.setenv("SEGLIB_DATA", str(tmp_path))
    finding = checks.writing({"places": probe.places()})
    assert finding.verdict == "wrong"
    assert str(tmp_path / "file") in finding.says and "SEGLIB_HOME" in finding.do
    assert list(tmp_path.iterdir()) == [tmp_path / "file"], "looking leaves nothing behind"


def test_data_sets_that_cannot_be_downloaded_are_only_a_note(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SEGLIB_HOME", str(tmp_path))
    monkeypatch.setenv("SEGLIB_DATA", str(tmp_path / "file"))
    assert checks.writing({"places": probe.places()}).verdict == "note"


@pytest.mark.parametrize(("free", "verdict"), [(0.4e9, "wrong"), (3e9, "note"), (50e9, "ok")])
def test_free_disk(monkeypatch, free, verdict):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free))
    assert checks.disk({"places": {"error": "torch is broken"}}).verdict == verdict


def jupyter(tmp_path: Path, **changes: str) -> Seen:
    for name in checks.LABEXTENSIONS:
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "package.json").touch()
    return {"widgets": {"kernel": sys.executable, "labextensions": [str(tmp_path)], **changes}}


def test_widgets(tmp_path):
    seen = jupyter(tmp_path)
    assert checks.widgets(seen).verdict == "ok"
    shutil.rmtree(tmp_path / "anywidget")
    finding = checks.widgets(seen)
    assert finding.verdict == "wrong" and "browser part of anywidget" in finding.says


def test_a_kernel_of_another_python(tmp_path):
    finding = checks.widgets(jupyter(tmp_path, kernel="/opt/another/bin/python"))
    assert finding.verdict == "wrong" and "/opt/another/bin/python" in finding.says


@pytest.mark.parametrize(
    ("device", "says"),
    [
        ({"kind": "cuda", "name": "A card", "free": 7.5, "total": 8.0}, "A card, 7.5 of 8.0 GB free"),
        ({"kind": "mps"}, "Apple GPU, which the course does not use"),
        ({"kind": "cpu"}, "none is needed"),
    ],
)
def test_gpus(monkeypatch, device, says):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    finding = checks.gpu({"device": device})
    assert finding.verdict == "ok" and says in finding.says


def test_a_card_that_torch_cannot_use(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    finding = checks.gpu({"device": {"kind": "cpu"}})
    assert finding.verdict == "note" and "TORCH_BACKEND=auto" in finding.do


def test_a_stage_that_failed_is_wrong_and_never_reported_as_fine(monkeypatch):
    error = {"error": "RuntimeError: CUDA error: out of memory"}
    working = {"torch": {"version": "2"}, "torchvision": {"version": "1"}}
    stages = [stage for _, stage in checks.CHECKS.values()]
    monkeypatch.setattr(checks, "probe", lambda: working | dict.fromkeys(stages, error))
    failed = {finding.name: finding for finding in checks.examine() if finding.name in checks.CHECKS}
    assert len(failed) == 5
    for finding in failed.values():
        assert finding.verdict == "wrong" and "out of memory" in finding.says and finding.do
    assert "SEGLIB_PROFILE" in failed["GPU"].do


def test_data_and_course():
    assert checks.data({"data": {"found": {}}}).verdict == "note"
    assert "pets in /d" in checks.data({"data": {"found": {"pets": "/d"}}}).says
    facts = {"profile": "laptop", "why": "2 cores", "notebooks": 3, "minutes": 105, "seconds": 200}
    assert "3 notebooks, 105 minutes of your time, at most 3 minutes" in checks.course({"course": facts}).says


def test_notes_do_not_make_a_machine_unready(capsys):
    notes = [Finding("a", "ok", "fine"), Finding("b", "note", "[x] is not a style", "do this")]
    assert ready(notes) and not ready([*notes, Finding("c", "wrong", "no")])
    report(notes)
    assert "[x] is not a style" in (printed := capsys.readouterr().out) and "is ready" in printed
    report([*notes, Finding("c", "wrong", "no")])
    assert "Fix what is wrong, then run this again: c." in capsys.readouterr().out


def test_a_terminal_without_utf8():
    code = "from seglib.doctor import *; report([Finding('disk', 'ok', 'at /home/J\\u00fcrgen \\u2713')])"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)
    assert ran.stdout.isascii() and b"/home/J?rgen" in ran.stdout
