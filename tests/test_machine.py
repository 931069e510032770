"""machine: the memory of a container, and the profile for this machine."""

from pathlib import Path

import psutil
import pytest
import torch

from seglib import machine
from seglib.data.in_memory import free_bytes

GB = 10**9


@pytest.fixture
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(machine, "GROUP", tmp_path)
    return tmp_path


def write(folder: Path, limit: str, used: int, cache: int, version: int) -> None:
    names = machine.FILES[2 - version]
    (folder / "memory").mkdir(exist_ok=True)
    for name, text in zip(names, (limit, str(used), f"anon 5\n{names[3]} {cache}")):
        (folder / name).write_text(text + "\n")


@pytest.mark.parametrize("version", [1, 2])
def test_the_limit_counts(group, version, monkeypatch):
    monkeypatch.setattr(machine, "accelerator", lambda: "cpu")
    write(group, str(GB), 6 * GB // 10, GB // 10, version)
    assert machine.total_memory() == GB and machine.free_memory() == GB // 2
    assert machine.memory_gb() == 1.0 and machine.pick_profile({}).name == "tiny"
    assert free_bytes(torch.device("cpu")) == GB // 2


@pytest.mark.parametrize("limit", ["max", str(2**63), None])  # None: there are no groups
def test_without_a_limit_the_machine_counts(group, limit):
    if limit:
        write(group, limit, GB, 0, 2)
    assert machine.total_memory() == psutil.virtual_memory().total
    assert 0 < machine.free_memory() <= psutil.virtual_memory().total


def test_processes_of_one_machine_share_its_memory(group, monkeypatch):
    write(group, str(GB), 0, 0, 2)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert free_bytes(torch.device("cpu")) == GB // 4


@pytest.mark.parametrize(
    ("name", "words"), [("huge", "'huge'; set it to tiny, laptop or gpu"), ("gpu", "no CUDA device")]
)
def test_an_unknown_profile_and_gpu_without_a_gpu_are_refused(monkeypatch, name, words):
    monkeypatch.setattr(machine, "accelerator", lambda: "cpu")
    with pytest.raises(ValueError, match=words):
        machine.pick_profile({"SEGLIB_PROFILE": name})
    for given in ("tiny", "laptop"):  # the variable decides, and the CPU is used
        profile = machine.pick_profile({"SEGLIB_PROFILE": f" {given.upper()} "})
        assert (profile.name, profile.device) == (given, "cpu")


@pytest.mark.parametrize(
    ("device", "cores", "memory", "name"),
    [("cuda", 2, 2, "gpu"), ("cpu", 1, 64, "tiny"), ("cpu", 8, 3.5, "tiny"),
     ("cpu", 2, 4, "laptop"), ("cpu", 64, 500, "laptop")],
)  # fmt: skip
def test_the_machine_decides(monkeypatch, device, cores, memory, name):
    monkeypatch.setattr(machine, "accelerator", lambda: device)
    monkeypatch.setattr(machine, "cores", lambda: cores)
    monkeypatch.setattr(machine, "memory_gb", lambda: memory)
    profile = machine.pick_profile({})
    assert profile.name == name and profile.why
    assert profile.device == (device if name == "gpu" else "cpu")
