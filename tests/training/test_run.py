"""What cannot be seen on a CPU, with a GPU played by a name: losses that are looked at late."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from seglib.losses import cross_entropy
from seglib.train import train
from seglib.training import checkpoint
from seglib.training.checkpoint import Keeper
from seglib.training.clock import Clock, uninterrupted
from seglib.training.step import History, Step
from seglib.training.unread import LOOK, Unread
from tests.training.nets import LONG, Net, Squares


def unread(at_once: bool) -> Unread:
    return Unread(at_once, [], lambda value, step: f"{value} at step {step}")


def test_a_gpu_is_waited_for_only_now_and_then() -> None:
    losses = unread(at_once=False)
    for number in range(2 * LOOK + 3):
        losses.add(torch.tensor(float(number)))
        assert len(losses.seen) == (number + 1) // LOOK * LOOK
    losses.read()
    assert losses.seen == [float(number) for number in range(2 * LOOK + 3)]


def test_a_loss_that_is_found_late_names_its_own_step() -> None:
    losses = unread(at_once=False)
    for number in range(LOOK - 1):
        losses.add(torch.tensor(math.nan if number > 3 else 1.0))
    with pytest.raises(ValueError, match="nan at step 5"):
        losses.add(torch.tensor(math.nan))
    assert losses.seen == [1.0] * 4 and not losses.healthy  # so that no checkpoint is made of it


def test_on_a_cpu_every_loss_is_looked_at() -> None:
    losses = unread(at_once=True)
    losses.add(torch.tensor(1.0))
    with pytest.raises(ValueError, match="-inf at step 2"):
        losses.add(torch.tensor(-math.inf))


def test_in_bfloat16_float32_is_advised() -> None:
    with pytest.raises(ValueError, match=r"nan at step 2\. .* bfloat16 \(try precision='float32'\)"):
        list(train(Net(), Squares(), loss=spoilt(2), **LONG | {"precision": "bfloat16"}))


def test_one_interrupt_waits_and_a_second_does_not() -> None:
    done = []
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts what it sends behind without
    with pytest.raises(KeyboardInterrupt), uninterrupted():
        signal.raise_signal(signal.SIGINT)
        done.append(1)
        signal.raise_signal(signal.SIGINT)
        done.append(2)
    assert done == [1] and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with pytest.raises(KeyboardInterrupt):
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            done.append(3)
        done.append(4)
    assert done == [1, 3]


def test_an_interrupt_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_the_clock_counts_what_came_before_and_no_long_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    clock = Clock(7.0)
    now[0] += 2
    with clock.paused():
        now[0] += 0.5
    assert clock.seconds() == 9.5
    with clock.paused():
        now[0] += 60
    assert clock.seconds() == 9.5


def test_reading_a_loss_is_left_to_the_reader() -> None:
    read = []

    class Loss:
        def item(self) -> float:
            read.append(1)
            return 0.25

    step = Step(3, 9, 1.0, 2.0, 40.0, 0.1, History(), _loss=Loss())  # type: ignore[arg-type]
    assert read == [] and step.loss == 0.25 and str(step) == "step 3 of 9, loss 0.250, 40 images/s, 2 s left"


def test_a_keeper_without_a_path_keeps_nothing(tmp_path: Path) -> None:
    keeper = Keeper(None, 0)
    assert not keeper.due()
    keeper.write({})
    keeper.close({})
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def looked_at_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Losses are remembered as on a GPU; everything else stays on the CPU."""
    add = Unread.add

    def as_on_a_gpu(losses: Unread, loss: torch.Tensor) -> None:
        losses.at_once = False
        add(losses, loss)

    monkeypatch.setattr(Unread, "add", as_on_a_gpu)


def spoilt(number: int) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """A loss that is no number from this step on."""
    calls: list[int] = []

    def loss(logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        calls.extend([1] * logits.requires_grad)  # it is tried once before the first step
        return cross_entropy(logits, masks) * (math.nan if len(calls) >= number else 1)

    loss.__name__ = "cross_entropy"  # for a checkpoint it is the same training
    return loss


@pytest.mark.usefixtures("looked_at_late")
def test_no_training_ends_before_all_losses_were_looked_at(tmp_path: Path) -> None:
    steps = list(train(Net(), Squares(), **LONG | {"steps": 5}))
    assert [len(step.history.losses) for step in steps] == [5] * 5  # one history, whole at the end
    path = tmp_path / "a.pt"
    with pytest.raises(ValueError, match="the loss or its gradient is nan at step 3"):
        list(train(Net(), Squares(), checkpoint=path, loss=spoilt(3), **LONG | {"steps": 5}))
    with pytest.raises(ValueError, match="the loss or its gradient is nan at step 3"):
        val = Squares(2, split="val")
        list(train(Net(), Squares(), checkpoint=path, loss=spoilt(3), val=val, val_every=4, **LONG))
    assert not path.exists()


@pytest.mark.usefixtures("looked_at_late")
def test_who_leaves_keeps_no_net_that_is_spoilt(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    left = train(Net(), Squares(), checkpoint=path, **LONG)
    for _ in range(4):
        next(left)
    left.close()
    assert len(checkpoint.load(path)["losses"]) == 4
    left = train(Net(), Squares(), checkpoint=path, loss=spoilt(2), **LONG)
    for _ in range(3):
        next(left)
    with pytest.warns(UserWarning, match="the loss or its gradient is nan at step 6"):
        left.close()
    assert checkpoint.load(path)["number"] == 4  # as it was before
