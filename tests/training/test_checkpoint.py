"""Checkpoints: nothing is lost, nothing is run, and a resumed run is the same as one that never stopped."""

import contextlib
import errno
import gc
import multiprocessing
import random
import signal
import subprocess
import sys
import time
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seglib import files
from seglib.train import finish, train
from seglib.training import checkpoint
from seglib.training.checkpoint import CheckpointError, CheckpointWriter
from seglib.training.step import PendingLosses
from tests.training.nets import LONG, Net, Squares, begin, endless, loss_with, nan_from, run, running, weights

ROOT = Path(__file__).resolve().parents[2]
VAL = Squares(3, split="val")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.pt"


def stored(path: Path) -> dict[str, Any]:
    return torch.load(path, weights_only=True)


def stopped(net: Net, path: Path, count: int = 10, **options: Any) -> None:
    begin(net, count, checkpoint=path, **options).close()


@pytest.mark.parametrize("kind", ["adamw", "sgd"])
def test_resumed_it_gives_the_same_bits_as_if_it_had_never_stopped(path, kind):
    whole, second, options = Net(), Net(seed=5), {"optimiser": kind, "val": VAL}
    losses = [step.loss for step in run(whole, **options)]
    stopped(Net(), path, **options)
    torch.rand(99)  # another program's random numbers change nothing
    steps = run(second, checkpoint=path, **options)
    assert steps[0].number == 11 and "Resumed after step 10" in steps[0].message
    assert [step.loss for step in steps] == losses[10:] and steps[0].history.losses == losses
    assert torch.equal(weights(second), weights(whole))
    assert [*steps[0].history.scores] == [2, 4, 6, 8, 10, 12, 14, 16, 18, 20]


def test_parts_and_precision_are_kept_but_a_chosen_precision_is_used(path):
    stopped(Net(), path, precision="bfloat16")
    torch.save(stored(path) | {"micro_batches": 2}, path)
    stopped(Net(), path, 2, precision="auto")
    assert [stored(path)[name] for name in ("micro_batches", "precision", "number")] == [2, "bfloat16", 12]
    stopped(Net(), path, 1, precision="float32")
    assert stored(path)["precision"] == "float32"


def test_numpy_s_numbers_are_saved_as_python_s(path):
    rates = np.logspace(-4, -2, 3)
    options = {"lr": rates[1], "seed": np.int64(3), "schedule": lambda done: np.cos(done)}
    for number in (1, 2):
        steps = begin(Net(), 0, checkpoint=path, weight_decay=rates[0], **options)
        assert next(steps).number == number
        steps.close()


DAMAGED = r"missing or damaged \(.* weight 0"


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda state, _: state.update(format="seglib checkpoint 1"), "not a checkpoint of this version"),
        (lambda state, _: state.update(net=Net(4).state_dict()),
         r"is of another net: head.weight is \(4, 8, 3, 3\) in the file and \(3, 8, 3, 3\) here \(2 of 9"),
        # PyTorch ends the process with a segmentation fault at the first of these
        (lambda _, memory: memory.update(exp_avg=memory["exp_avg"].reshape(-1)[:-1]), DAMAGED),
        (lambda _, memory: memory.update(exp_avg_sq=memory["exp_avg_sq"].long()), DAMAGED),
        (lambda _, memory: memory.update(exp_avg=memory["exp_avg"].tolist()), DAMAGED),
        (lambda _, memory: memory.clear(), DAMAGED),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_and_nothing_changes(path, damage, words):
    """Also what the optimiser remembers. Damaged files and programs in them: `tests/test_saving.py`."""
    net = Net(seed=1)
    stopped(Net(), path, 1)
    before, state = weights(net), stored(path)
    damage(state, state["optimiser"]["state"][0])
    torch.save(state, path)
    spoilt = path.read_bytes()
    with pytest.raises(CheckpointError, match=words) as raised:
        begin(net, 0, checkpoint=path)
    assert str(path) in str(raised.value) and "\n" not in str(raised.value)
    assert torch.equal(weights(net), before) and path.read_bytes() == spoilt


def test_another_run_is_refused(path):
    stopped(Net(), path, 1)
    words = "it had batch_size 4, lr 0.01; this one has batch_size 5, lr 0.1"
    with pytest.raises(CheckpointError, match=words):
        begin(Net(), 0, checkpoint=path, lr=0.1, batch_size=5)
    with pytest.raises(CheckpointError, match="had data squares train, 10 images of 24 x 32; this one"):
        train(Net(), Squares(9), **LONG, checkpoint=path)
    net = Net(seed=3)
    net.stem.requires_grad_(False)
    before = weights(net)
    with pytest.raises(CheckpointError, match=r"trained other parts of the net .* freeze the same layers"):
        begin(net, 0, checkpoint=path)
    assert torch.equal(weights(net), before)
    assert next(begin(Net(), 0, checkpoint=path, resume=False, lr=0.5)).number == 1


# Who may write, and when.


def test_an_older_run_that_is_closed_late_does_not_overwrite_a_newer_one(path):
    old = begin(Net(), 1, checkpoint=path)
    stopped(Net(), path, 7, resume=False)
    old.close()
    assert stored(path)["number"] == 7


def test_a_run_that_is_refused_or_never_begins_takes_no_checkpoint_from_the_one_that_runs(path):
    old = begin(Net(), 3, checkpoint=path)
    running(old).writer.write(running(old).state_dict())
    with pytest.raises(CheckpointError, match="of another run"):
        begin(Net(), 0, checkpoint=path, batch_size=5)
    never = begin(Net(), 0, checkpoint=path)
    next(old)
    old.close()
    assert stored(path)["number"] == 4
    del never
    assert stored(path)["number"] == 4
    net = Net().train()
    begin(net, 0)  # and is gone
    assert net.training


def test_a_net_that_an_older_run_went_on_training_starts_at_the_checkpoint(path):
    net, whole = Net(), Net()
    old = begin(net, 3, checkpoint=path)
    running(old).writer.write(running(old).state_dict())
    new = begin(net, 0, checkpoint=path)
    for _ in range(2):
        next(old)  # as in a thread of its own, until the new one begins
    run(whole)
    list(new)
    assert torch.equal(weights(net), weights(whole))


def test_at_most_the_seconds_since_the_last_checkpoint_are_lost(path, clock):
    lost, options = [], {"checkpoint": path, "checkpoint_seconds": 10.0}
    for step in begin(Net(), 0, **options):
        clock.now += 4
        if step.number > 3 and step.number < 20:
            lost.append(4 * (step.number - stored(path)["number"]))
    assert max(lost) == 8 and len(lost) == 16


def test_a_slow_disk_is_written_to_less_often(path, clock, monkeypatch):
    def slow(*_: Any) -> None:
        clock.now += 1

    monkeypatch.setattr(torch, "save", slow)
    writer = CheckpointWriter(path, 15)
    writer.claim()
    writer.write({})
    clock.now += 49
    assert not writer.due()
    clock.now += 2
    assert writer.due()


def test_a_full_disk_does_not_stop_the_run(path, monkeypatch):
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.warns(UserWarning, match="the disk is full"):
        steps = run(Net(), checkpoint=path, checkpoint_seconds=0)
    assert len(steps) == 20 and "the disk is full; free some space" in steps[0].message
    assert list(path.parent.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, which is always full")
def test_a_disk_that_is_really_full_is_an_error_of_the_system():
    """PyTorch raises a RuntimeError."""
    full, refused = Path("/dev/full"), pytest.raises(OSError)
    with contextlib.suppress(OSError), full.open("wb") as file, refused as raised:  # closing it fails, too
        files._save({"weights": torch.zeros(10**6)}, file)
    assert raised.value.errno == errno.ENOSPC


# Interrupted, killed, spoilt.


@pytest.mark.skipif(sys.platform == "win32", reason="forkserver: not on Windows")
def test_killed_at_any_moment(path):
    """Killed again and again; the file is complete each time, and in the end nothing can be noticed."""
    rng, numbers = random.Random(0), [0]
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
    steps = [*train(resumed, Squares(), checkpoint=path, **LONG)]
    assert steps[0].number == numbers[-1] + 1
    list(train(whole, Squares(), **LONG))
    assert torch.equal(weights(resumed), weights(whole))
    assert [file.name for file in path.parent.iterdir() if not file.name.endswith(".part")] == ["a.pt"]


ENDS = """
from tests.training.nets import Net, begin
steps = begin(Net(), 3, checkpoint={path!r})
"""
LEAVES = """
import contextlib, time
from seglib.widgets import Monitor
from tests.training.nets import Net, begin
monitor, number = Monitor(begin(Net(), 3, checkpoint={path!r}, steps=10**7), live=True), 0
while not number:
    with contextlib.suppress(RuntimeError):  # there is no step yet
        number = monitor.step.number
    time.sleep(0.01)
"""


@pytest.mark.parametrize("script", [ENDS, LEAVES])
def test_a_script_that_ends_keeps_what_was_learned(script, path):
    command = [sys.executable, "-c", script.format(path=str(path))]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0 and "Traceback" not in ran.stderr, ran.stderr
    assert stored(path)["number"] >= 3


def test_break_leaves_a_net_that_can_be_used_and_a_checkpoint(tmp_path):
    net, path = Net(), tmp_path / "new" / "a.pt"
    for step in begin(net, 0, checkpoint=path):
        if step.number == 3:
            break
    assert not net.training and stored(path)["number"] == 3


@pytest.mark.usefixtures("ctrl_c")
def test_an_interrupt_waits_for_the_end_of_the_step(path):
    """The signal comes in the middle of the fifth loss; the step is completed and saved."""
    net, steps = Net(), []

    def pressed(number: int, loss: Tensor, _: Tensor) -> Tensor:
        if number == 5:
            signal.raise_signal(signal.SIGINT)
        return loss

    with pytest.raises(KeyboardInterrupt):
        for step in begin(net, 0, loss=loss_with(pressed), checkpoint=path):
            steps.append(step)
    assert len(steps) == 4 and stored(path)["number"] == 5 and not net.training
    assert torch.isfinite(net(torch.zeros(1, 3, 8, 8, dtype=torch.uint8))).all()


@pytest.mark.usefixtures("ctrl_c", "clock")
def test_a_step_that_was_broken_off_is_not_saved(path, monkeypatch):
    net, whole = Net(), Net()
    steps = begin(net, 4, checkpoint=path, checkpoint_seconds=0)

    def twice(*_: Any) -> Tensor:  # Ctrl-C, and again
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("not reached")

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(nn.utils, "clip_grad_norm_", twice)
        next(steps)
    assert stored(path)["number"] == 4
    run(net, checkpoint=path)
    run(whole)
    assert torch.equal(weights(net), weights(whole))


def test_an_interrupted_validation_is_repeated(path, monkeypatch):
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("seglib.training.validation.Validator.validate", interrupted)
        run(Net(), val=VAL, checkpoint=path)
    assert stored(path)["number"] == 2
    first, *_, last = run(Net(), val=VAL, checkpoint=path)
    assert first.number == 3 and first.scores is not None and last.scores is not None
    torch.save(stored(path) | {"scores": []}, path)  # as if the last one had been interrupted
    (over,) = run(net := Net(), val=VAL, checkpoint=path)
    assert "already complete" in over.message and over.scores is not None and not net.training
    assert over.number == over.total == 20 and over.seconds_left == 0
    assert over.scores.mean_iou == last.scores.mean_iou and [*over.history.scores] == [20]
    (again,) = run(Net(), val=VAL, checkpoint=path)  # now the scores are in the file
    assert again.history.scores[20].mean_iou == last.scores.mean_iou


def cliff(step: int) -> Any:
    """A loss with a finite value and, at one step, an infinite slope."""
    return loss_with(lambda number, loss, x: loss + ((x * 0).abs().sqrt().sum() if number == step else 0))


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    "loss", [cliff(4), nan_from(4), loss_with(lambda n, loss, _: loss / (0 if n == 4 else 1))]
)
def test_a_loss_or_gradient_that_is_not_finite_stops_it_before_it_spoils_the_weights(path, loss):
    net, three = Net(), Net()
    words = r"the loss or its gradient is (nan|inf) at step 4\. .* a tenth.* earlier, good"
    with pytest.raises(ValueError, match=words):
        run(net, loss=loss, checkpoint=path, checkpoint_seconds=0)
    assert weights(net).isfinite().all() and stored(path)["number"] == 3
    begin(three, 3)
    saved = Net()
    saved.load_state_dict(stored(path)["net"])
    assert torch.equal(weights(saved), weights(three))


@pytest.fixture
def as_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Losses are read late; everything else stays on the CPU."""
    append = PendingLosses.append

    def late(pending: PendingLosses, loss: Tensor) -> None:
        pending.at_once = False
        append(pending, loss)

    monkeypatch.setattr(PendingLosses, "append", late)


@pytest.mark.usefixtures("as_on_a_gpu")
def test_no_run_ends_before_all_losses_were_read(path):
    steps = run(Net(), steps=5)
    assert [len(step.history.losses) for step in steps] == [5] * 5  # one history, complete at the end
    for more in ({"steps": 5}, {"val": VAL, "val_every": 4}):
        with pytest.raises(ValueError, match="the loss or its gradient is nan at step 3"):
            run(Net(), checkpoint=path, loss=nan_from(3), **more)
    assert not path.exists()


@pytest.mark.usefixtures("as_on_a_gpu")
def test_a_caller_that_leaves_saves_no_spoilt_net(path):
    stopped(Net(), path, 4)
    assert len(stored(path)["losses"]) == 4
    left = begin(Net(), 3, checkpoint=path, loss=nan_from(2))
    with pytest.warns(UserWarning, match="the loss or its gradient is nan at step 6"):
        left.close()
    assert stored(path)["number"] == 4  # as before


def test_finish_closes_a_run_that_is_interrupted_between_two_steps(path):
    net = Net()
    steps = begin(net, 0, checkpoint=path)

    class Interrupted:
        def __iter__(self) -> Any:
            yield next(steps)
            raise InterruptedError

        def close(self) -> None:
            steps.close()

    with pytest.raises(InterruptedError):
        finish(Interrupted())
    assert stored(path)["number"] == 1 and not net.training


def test_a_run_that_is_over_holds_on_to_nothing():
    steps = begin(Net(), 1)
    gone = weakref.ref(running(steps).stepper)
    list(steps)
    gc.collect()
    assert gone() is None  # though `steps` is still here
