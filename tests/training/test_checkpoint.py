"""Checkpoints: nothing is lost, nothing is run, and going on is the same as never having stopped."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import random
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from seglib.scenes import Scenes
from seglib.train import train
from seglib.training import checkpoint
from seglib.training.checkpoint import CheckpointError
from seglib.training.step import Step
from tests.training.nets import LONG, Net, Squares, endless, weights


def begun(net: Net, path: Path | None = None, **settings: Any) -> Any:
    """A training of 20 steps on the CPU, not run yet."""
    settings = {"steps": 20, "batch_size": 4, "precision": "float32", "device": "cpu", **settings}
    settings = {"checkpoint": path, **settings}
    return train(net, Squares(), val=Squares(3, split="val"), **settings)


def stopped(net: Net, path: Path, number: int = 10, **settings: Any) -> None:
    """A training that was stopped after some steps."""
    for step in begun(net, path, **settings):
        if step.number == number:
            break


@pytest.mark.parametrize("kind", ["adamw", "sgd"])
def test_going_on_gives_the_same_bits_as_never_having_stopped(tmp_path: Path, kind: str) -> None:
    whole, first, second, path = Net(), Net(), Net(seed=5), tmp_path / "a.pt"
    losses = [step.loss for step in begun(whole, optimiser=kind)]
    stopped(first, path, optimiser=kind)
    torch.rand(99)  # somebody else's random numbers change nothing
    steps: list[Step] = list(begun(second, path, optimiser=kind))
    assert steps[0].number == 11 and steps[0].message == f"Going on after step 10, from {path}."
    assert [step.loss for step in steps] == losses[10:] and steps[0].history.losses == losses
    assert torch.equal(weights(second), weights(whole))
    assert [*steps[0].history.scores] == [2, 4, 6, 8, 10, 12, 14, 16, 18, 20]


def test_pieces_and_precision_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    stopped(Net(), path, precision="bfloat16")
    state = torch.load(path, weights_only=True)
    torch.save(state | {"pieces": 2}, path)
    stopped(Net(), path, number=12, precision="auto")
    state = torch.load(path, weights_only=True)
    assert (state["pieces"], state["precision"], state["number"]) == (2, "bfloat16", 12)


def test_a_finished_training_says_so(tmp_path: Path) -> None:
    path, net = tmp_path / "a.pt", Net(seed=3)
    *_, last = begun(Net(), path)
    (step,) = begun(net, path)
    assert step.number == step.total == 20 and "is over already" in step.message and step.seconds_left == 0
    assert step.history.scores[20].mean_iou == last.scores.mean_iou and not net.training


def test_begin_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    stopped(Net(), path)
    assert next(begun(Net(), path, resume=False, lr=0.5)).number == 1


def test_an_older_training_that_ends_late_does_not_overwrite_a_newer_one(tmp_path: Path) -> None:
    path, old = tmp_path / "a.pt", begun(Net(), tmp_path / "a.pt")
    assert next(old).number == 1
    stopped(Net(), path, number=7, resume=False)
    old.close()
    assert torch.load(path, weights_only=True)["number"] == 7


class Evil:
    """What it leaves in a file runs a program when the file is opened."""

    def __reduce__(self) -> Any:
        return (os.system, (f"touch {os.environ['EVIL']}",))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def nonsense(path: Path) -> None:
    path.write_bytes(b"\x89PNG" + bytes(99))


def evil(path: Path) -> None:
    torch.save({"net": Evil()}, path)


def evil_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps(Evil(), protocol=2))


def other(path: Path) -> None:
    torch.save(Net().state_dict(), path)


def wider(path: Path) -> None:
    stopped_with(Net(4), path)


def stopped_with(net: Net, path: Path) -> None:
    state = torch.load(path, weights_only=True)
    torch.save(state | {"net": net.state_dict()}, path)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (cut, "is cut off(, | or )damaged"),
        (emptied, "is cut off(, | or )damaged"),
        (nonsense, "is cut off, damaged"),
        (evil, "holds more than tensors, numbers and words, and nothing of it was read"),
        (evil_pickle, "is cut off, damaged or no file of seglib's"),
        (other, "is no checkpoint of a training; give another path"),
        (
            wider,
            r"is of another net: head.weight is \(4, 8, 3, 3\) in the file and \(3, 8, 3, 3\) here \(2 of 9",
        ),
    ],
)
def test_what_cannot_be_used_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: Any, words: str
) -> None:
    path, net = tmp_path / "a.pt", Net(seed=1)
    monkeypatch.setenv("EVIL", str(tmp_path / "evil"))
    stopped(Net(), path, number=1)
    before = weights(net)
    spoil(path)
    spoilt = path.read_bytes()
    with pytest.raises(CheckpointError, match=words) as raised:
        begun(net, path)
    assert str(path) in str(raised.value) and "\n" not in str(raised.value)
    assert torch.equal(weights(net), before) and path.read_bytes() == spoilt
    assert not (tmp_path / "evil").exists()


def test_another_training_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    stopped(Net(), path, number=1)
    with pytest.raises(
        CheckpointError, match=r"it had batch_size 4, lr 0.001; this one has batch_size 5, lr 0.1"
    ):
        begun(Net(), path, lr=0.1, batch_size=5)
    with pytest.raises(CheckpointError, match="it had data squares train, 10 images of 24 x 32, classes"):
        begun_on_scenes(path)


def begun_on_scenes(path: Path) -> None:
    data = Scenes(2, size=(24, 32))
    state = torch.load(path, weights_only=True)
    net = Net(len(data.classes))
    torch.save(state | {"net": net.state_dict()}, path)
    train(net, data, steps=2, checkpoint=path)


def test_a_full_disk_does_not_stop_the_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.warns(UserWarning, match="the disk is full"):
        steps = list(begun(Net(), tmp_path / "a.pt", checkpoint_seconds=0))
    assert len(steps) == 20 and any("the disk is full; free some space" in step.message for step in steps)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="forkserver: not on Windows")
def test_killed_at_any_moment(tmp_path: Path) -> None:
    """Killed again and again; the file is whole each time, and in the end all is as if nothing had been."""
    path, rng, numbers = tmp_path / "a.pt", random.Random(0), [0]
    context = multiprocessing.get_context("forkserver")  # imports torch once, and forks before it is used
    context.set_forkserver_preload(["tests.training.nets"])
    for _ in range(5):
        process = context.Process(target=endless, args=(path,))
        process.start()
        while process.is_alive() and (not path.exists() or checkpoint.load(path)["number"] <= numbers[-1]):
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.1))
        process.kill()
        process.join()
        numbers.append(checkpoint.load(path)["number"])
    assert numbers == sorted(set(numbers)) and numbers[-1] < 400
    resumed, whole = Net(seed=2), Net()
    first = next(iter(train(resumed, Squares(), checkpoint=path, **LONG)))
    assert first.number == numbers[-1] + 1
    for net, where in ((resumed, path), (whole, None)):
        for _ in train(net, Squares(), checkpoint=where, **LONG):
            pass
    assert torch.equal(weights(resumed), weights(whole))
    assert [file.name for file in tmp_path.iterdir() if not file.name.endswith(".part")] == ["a.pt"]


def test_at_most_the_seconds_since_the_last_checkpoint_are_lost(tmp_path: Path) -> None:
    path, seen = tmp_path / "a.pt", []

    def slow(logits: Tensor, masks: Tensor) -> Tensor:
        time.sleep(0.05)
        return logits.square().mean()

    for step in begun(Net(), path, loss=slow, checkpoint_seconds=0.2):
        if path.exists() and step.number < 20:
            seen.append(step.number - torch.load(path, weights_only=True)["number"])
    assert len(seen) > 5 and max(seen) <= 0.2 / 0.05 + 3  # one step is under way, one is being written
