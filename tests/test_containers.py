"""Memory in a container: its limit counts, and what caches files is free."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from seglib import machine as containers
from seglib import machine as profiles
from seglib.data import in_memory as stack

GB = 10**9


@pytest.fixture
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(containers, "GROUP", tmp_path)
    return tmp_path


def write(folder: Path, limit: str, used: int, cache: int, version: int) -> None:
    names = containers.FILES[2 - version]
    (folder / "memory").mkdir(exist_ok=True)
    for name, text in zip(names, (limit, str(used), f"anon 5\n{names[3]} {cache}")):
        (folder / name).write_text(text + "\n")


@pytest.mark.parametrize("version", [1, 2])
def test_the_limit_counts(group: Path, version: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles, "accelerator", lambda: "cpu")
    write(group, str(GB), 6 * GB // 10, GB // 10, version)
    assert containers.total_memory() == GB and containers.free_memory() == GB // 2
    assert profiles.memory() == 1.0 and profiles.pick_profile({}).name == "tiny"
    assert stack.free(stack.torch.device("cpu")) == GB // 2


@pytest.mark.parametrize("limit", ["max", str(2**63)])
def test_without_a_limit_the_machine_counts(group: Path, limit: str) -> None:
    write(group, limit, GB, 0, 2)
    assert containers.total_memory() == psutil.virtual_memory().total
    assert 0 < containers.free_memory() <= psutil.virtual_memory().total


def test_where_there_are_no_groups_the_machine_counts(group: Path) -> None:
    assert containers.total_memory() == psutil.virtual_memory().total


def test_processes_of_one_machine_share_its_memory(group: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(group, str(GB), 0, 0, 2)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert stack.free(stack.torch.device("cpu")) == GB // 4
