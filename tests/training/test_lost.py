"""What must not be lost, and what must not be kept."""

from __future__ import annotations

import contextlib
import errno
import gc
import signal
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seglib import files as tensor_files
from seglib.losses import cross_entropy
from seglib.train import finish, train
from seglib.training import precision as trial
from seglib.training.checkpoint import CheckpointError, Keeper
from seglib.training.state import state_of
from tests.training.nets import LONG, Net, Squares, weights

ROOT = Path(__file__).resolve().parents[2]
SHORT: dict[str, Any] = LONG | {"steps": 20}


def number(path: Path) -> int:
    return torch.load(path, weights_only=True)["number"]


@pytest.mark.skipif(
    not Path("/dev/full").exists(), reason="no /dev/full here: only Linux has a full disk to hand"
)
def test_a_disk_that_is_really_full_is_an_error_of_the_system() -> None:
    """PyTorch makes a RuntimeError of it."""
    full, refused = Path("/dev/full"), pytest.raises(OSError)
    with contextlib.suppress(OSError), full.open("wb") as file, refused as raised:  # closing it fails, too
        tensor_files._save({"weights": torch.zeros(10**6)}, file)
    assert raised.value.errno == errno.ENOSPC


def steep(at: int) -> Any:
    """A loss with a finite value and, at one step, an infinite slope."""
    calls: list[int] = []

    def loss(logits: Tensor, masks: Tensor) -> Tensor:
        calls.extend([1] * logits.requires_grad)
        cliff = (logits * 0).abs().sqrt().sum() if len(calls) == at else 0
        return cross_entropy(logits, masks) + cliff

    loss.__name__ = "cross_entropy"
    return loss


def test_a_gradient_that_is_not_a_number_stops_it_before_it_spoils_the_weights(tmp_path: Path) -> None:
    net, path = Net(), tmp_path / "a.pt"
    with pytest.raises(
        ValueError, match=r"the loss or its gradient is nan at step 4\. .* holds an earlier, good"
    ):
        list(train(net, Squares(), loss=steep(4), checkpoint=path, checkpoint_seconds=0, **SHORT))
    assert weights(net).isfinite().all() and number(path) <= 3
    state = torch.load(path, weights_only=True)
    assert all(value.isfinite().all() for value in state["net"].values())


def test_a_training_that_is_refused_takes_no_checkpoint_from_the_one_that_runs(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    old = train(Net(), Squares(), checkpoint=path, checkpoint_seconds=0, **SHORT)
    for _ in range(3):
        next(old)
    Keeper.owners[path.resolve()].wait()
    with pytest.raises(CheckpointError, match="of another training"):
        train(Net(), Squares(), checkpoint=path, **SHORT | {"batch_size": 5})
    train(Net(), Squares(), checkpoint=path, **SHORT)  # never begun
    for _ in range(5):
        next(old)
    old.close()
    assert number(path) == 8


def test_a_net_that_an_older_training_went_on_with_begins_at_the_checkpoint(tmp_path: Path) -> None:
    net, path = Net(), tmp_path / "a.pt"
    old = train(net, Squares(), checkpoint=path, checkpoint_seconds=1e9, **SHORT)
    for _ in range(3):
        next(old)
    tensor_files.write(path, {"format": "seglib checkpoint 1", **state_of(old.gi_frame.f_locals["run"])})
    new = train(net, Squares(), checkpoint=path, **SHORT)
    for _ in range(2):
        next(old)  # in its thread, until the new one begins
    whole = Net()
    list(train(whole, Squares(), **SHORT))
    list(new)
    assert torch.equal(weights(net), weights(whole))


ENDS = """
from tests.training.nets import LONG, Net, Squares
from seglib.train import train
steps = train(Net(), Squares(), checkpoint={path!r}, **LONG)
for step in steps:
    if step.number == 3:
        break
"""
LEAVES = """
import time
from seglib.widgets import Monitor
from tests.training.nets import LONG, Net, Squares
from seglib.train import train
monitor = Monitor(train(Net(), Squares(), checkpoint={path!r}, **LONG | {{"steps": 10**7}}), live=True)
while monitor.step is None or monitor.step.number < 3:
    time.sleep(0.01)
"""


@pytest.mark.parametrize("script", [ENDS, LEAVES])
def test_a_script_that_ends_keeps_what_was_learnt(script: str, tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    ran = subprocess.run(
        [sys.executable, "-c", script.format(path=str(path))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0 and "Traceback" not in ran.stderr, ran.stderr
    assert number(path) >= 3


def test_a_step_that_was_broken_off_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net, whole, path = Net(), Net(), tmp_path / "a.pt"
    steps = train(net, Squares(), checkpoint=path, checkpoint_seconds=0, **SHORT)
    for _ in range(4):
        next(steps)

    def twice(*_: Any) -> Tensor:  # Ctrl-C, and again
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("not reached")

    signal.signal(signal.SIGINT, signal.default_int_handler)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(nn.utils, "clip_grad_norm_", twice)
        next(steps)
    assert number(path) <= 4
    list(train(net, Squares(), checkpoint=path, **SHORT))
    list(train(whole, Squares(), **SHORT))
    assert torch.equal(weights(net), weights(whole))


def test_a_validation_that_was_interrupted_comes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, val = tmp_path / "a.pt", Squares(3, split="val")
    steps = train(Net(), Squares(), val=val, checkpoint=path, **SHORT)

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("seglib.training.validation.Judge.judge", interrupted)
        with pytest.raises(KeyboardInterrupt):
            list(steps)
    assert number(path) == 2
    first, *_, last = train(Net(), Squares(), val=val, checkpoint=path, **SHORT)
    assert first.number == 3 and first.scores is not None and last.scores is not None
    torch.save(
        {**torch.load(path, weights_only=True), "scores": []}, path
    )  # as if the last one had been cut off
    (over,) = train(Net(), Squares(), val=val, checkpoint=path, **SHORT)
    assert "over already" in over.message and over.scores is not None
    assert over.scores.mean_iou == last.scores.mean_iou and [*over.history.scores] == [20]


def test_a_precision_that_is_asked_for_is_used_when_going_on(tmp_path: Path) -> None:
    path, half = tmp_path / "a.pt", LONG | {"precision": "bfloat16"}
    for settings in (half, LONG, LONG | {"precision": "auto"}):
        next(train(Net(), Squares(), checkpoint=path, **settings))
    assert torch.load(path, weights_only=True)["precision"] == "float32"


def test_other_frozen_layers_are_refused_and_nothing_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    next(train(Net(), Squares(), checkpoint=path, **LONG))
    net = Net(seed=3)
    net.stem.requires_grad_(False)
    before = weights(net)
    with pytest.raises(CheckpointError, match=r"of other parts of the net .* freeze the same layers"):
        train(net, Squares(), checkpoint=path, **LONG)
    assert torch.equal(weights(net), before)


class Little(Net):
    """More than two images at a time do not fit into memory, neither to learn from nor to judge."""

    def forward(self, images: Tensor) -> Tensor:
        big = images / 255
        if len(images) > 2:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return super().forward(big * 255)


def test_memory_that_is_too_small_for_a_trial_or_a_validation_ends_no_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trial, "_detour", lambda: 1.0)
    val = Squares(5, split="val")
    *_, last = train(Little(), Squares(), val=val, **SHORT | {"steps": 60, "precision": "auto"})
    assert last.scores is not None and last.scores.confusion.sum() == 5 * 22 * 32
    plenty = Net()
    *_, judged = train(plenty, Squares(), val=val, **SHORT)
    *_, halved = train(Little(), Squares(), val=val, **SHORT | {"batch_size": 4})
    assert judged.scores is not None and halved.scores is not None


def test_not_one_image_fits_into_memory_for_the_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "_detour", lambda: 1.0)

    class Roomless(Net):
        def forward(self, images: Tensor) -> Tensor:
            raise RuntimeError("CUDA out of memory")

    images, masks = torch.zeros(4, 3, 8, 8, dtype=torch.uint8), torch.zeros(4, 8, 8, dtype=torch.uint8)
    chosen = trial.choose("auto", Roomless(), cross_entropy, images, masks)
    assert chosen == ("float32", "float32: memory is too small to try both.")


def test_finish_closes_a_training_that_is_interrupted_between_two_steps(tmp_path: Path) -> None:
    net, path = Net(), tmp_path / "a.pt"
    steps = train(net, Squares(), checkpoint=path, **SHORT)

    class StopError(Exception):
        pass

    class Steps:
        def __iter__(self) -> Any:
            next(steps)
            return self

        def __next__(self) -> Any:
            raise StopError

        def close(self) -> None:
            steps.close()

    with pytest.raises(StopError):
        finish(Steps())
    assert number(path) == 1 and not net.training


def test_a_training_that_never_began_leaves_the_net_alone() -> None:
    net = Net().train()
    steps = train(net, Squares(), **SHORT)
    del steps
    assert net.training


def test_what_is_over_holds_on_to_nothing() -> None:
    net = Net()
    steps = train(net, Squares(), **SHORT)
    gone = weakref.ref(steps.gi_frame.f_locals["run"].optimiser)
    list(steps)
    gc.collect()
    assert gone() is None  # though `steps` is still here


def test_numbers_of_numpy_are_kept_as_those_of_python(tmp_path: Path) -> None:
    path, rates = tmp_path / "a.pt", np.logspace(-4, -2, 3)
    settings = SHORT | {
        "lr": rates[1],
        "seed": np.int64(3),
        "schedule": lambda done: np.cos(done),
        "clip": rates[2],
    }
    next(train(Net(), Squares(), checkpoint=path, weight_decay=rates[0], **settings))
    again = next(train(Net(), Squares(), checkpoint=path, weight_decay=rates[0], **settings))
    assert again.number == 2
