"""train: a generator of steps that learns, validates, stops, measures its time and handles lack of memory."""

import itertools
import math
import signal
import time
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from seglib import backbones
from seglib.data import in_memory
from seglib.evaluate import evaluate
from seglib.fcn import FCN
from seglib.losses import cross_entropy
from seglib.segmenters import NetSegmenter
from seglib.train import train
from seglib.training import distributed
from seglib.training.step import cosine, logits_of, optimiser, poly, uninterrupted
from tests.refused import refused
from tests.training.nets import (
    LONG,
    SHORT,
    Net,
    Squares,
    Tight,
    begin,
    loss_with,
    nan_from,
    run,
    running,
    weights,
)


def test_it_learns():
    net = Net()
    steps = run(net, steps=60, lr=0.02, val=Squares(6, split="val"), augment=None)
    assert [step.number for step in steps] == [*range(1, 61)] and all(step.total == 60 for step in steps)
    assert steps[-1].loss < 0.3 * steps[0].loss and not net.training
    last = steps[-1].scores
    assert last is not None and last.mean_iou > 0.8 > last.baseline.mean_iou
    assert steps[0].history.losses == pytest.approx([step.loss for step in steps])
    assert str(steps[2]).startswith("step 3 of 60, loss ") and "images/s, " in str(steps[2])


def test_the_same_seed_gives_the_same_numbers_and_another_does_not():
    nets = [Net(), Net(), Net()]
    reshaped = loss_with(lambda _, loss, __: loss[None])  # one number in any shape
    options = ({"seed": 1}, {"seed": 1, "loss": reshaped}, {"seed": 2})
    losses = [[step.loss for step in run(net, steps=5, **one)] for net, one in zip(nets, options)]
    assert losses[0] == losses[1] and losses[0] != losses[2]
    first, again, other = map(weights, nets)
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_one_step_is_the_optimiser_s_step_on_that_batch():
    """An oracle: the same step, written out by hand."""
    net, copy, data = Net(norm=False), Net(norm=False), in_memory(Squares(4))
    options = {"optimiser": "sgd", "schedule": lambda done: 1.0, "lr": 0.02}
    (step,) = run(net, data, steps=1, augment=None, **options)
    loss = cross_entropy(copy(data.images), data.masks)  # one batch has all four, in some order
    loss.backward()
    nn.utils.clip_grad_norm_(copy.parameters(), 1.0)
    with torch.no_grad():
        for parameter in copy.parameters():
            decay = 0.01 * parameter if parameter.ndim > 1 else 0
            parameter -= 0.02 * (parameter.grad + decay)
    assert step.loss == pytest.approx(loss.item()) and step.learning_rate == 0.02
    torch.testing.assert_close(weights(net), weights(copy))


def six_lines(net: Any, images: Tensor, masks: Tensor, optimiser: torch.optim.Optimizer) -> float:
    """The step of notebook 05b."""
    net.train()
    loss = nn.functional.cross_entropy(net(images), masks.long(), ignore_index=255)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return loss.item()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_step_of_one_s_own_gives_the_same_losses_as_the_library_s(precision):
    options = {"steps": 8, "lr": 0.05, "precision": precision, "val": Squares(2, split="val")}
    ours, theirs = Net(), Net()
    expected, steps = run(ours, **options), run(theirs, step=six_lines, **options)
    assert [s.learning_rate for s in steps] == [s.learning_rate for s in expected]
    assert [s.loss for s in steps] == pytest.approx([s.loss for s in expected], rel=1e-4)
    assert steps[-1].scores is not None and steps[-1].history.losses[-1] == steps[-1].loss
    torch.testing.assert_close(weights(theirs), weights(ours), rtol=1e-3, atol=1e-3)
    assert "forward" not in vars(theirs)


def test_a_step_of_one_s_own_resumes(tmp_path):
    options = {"steps": 6, "step": six_lines, "checkpoint": tmp_path / "a.pt"}
    whole, halved = Net(), Net()
    run(whole, **options | {"checkpoint": None})
    next(steps := train(halved, Squares(), **SHORT | options))
    steps.close()
    assert next(s.number for s in run(halved, **options)) == 2
    assert torch.equal(weights(whole), weights(halved))


test_a_step_that_cannot_be_used_is_said = refused(
    lambda options: run(Net(), **options),
    ({"step": lambda net, images, masks, optimiser: 1.0}, "did not call optimiser.step"),
    ({"step": lambda *given: six_lines(*given) and None}, "must return the loss, one number"),
    ({"step": "six lines"}, "must be a function"),
    ({"step": six_lines, "loss": nan_from(1)}, "give loss= or step=, not both"),
)


def test_a_step_whose_gradient_is_not_finite_spoils_no_weights():
    net, before = Net(norm=False), weights(Net(norm=False))

    def step(net: Any, images: Tensor, masks: Tensor, optimiser: Any) -> float:
        (net(images).sum() * math.nan).backward()
        optimiser.step()
        return 0.0

    with pytest.raises(ValueError, match="nan at step 1"):
        run(net, step=step)
    assert torch.equal(weights(net), before)


def test_the_statistics_of_batch_norm_are_those_of_the_data_after_a_short_run():
    """With EfficientNet's momentum alone, a net trained from scratch learns and predicts one class only."""
    net, data, val = Net(), in_memory(Squares()), Squares(6, split="val")
    net.norm.momentum = 0.01
    *_, last = run(net, data, steps=60, lr=0.02, val=val, augment=None)
    with torch.no_grad():
        maps = net.stem(data.images / 255 - 0.5)
    mean, var = maps.mean((0, 2, 3)), maps.var((0, 2, 3))
    torch.testing.assert_close(net.norm.running_mean, mean, atol=0.1 * var.max().sqrt().item(), rtol=0.05)
    torch.testing.assert_close(net.norm.running_var, var, atol=0, rtol=0.3)
    assert last.scores is not None and last.scores.mean_iou > 0.8 and net.norm.momentum == 0.01


def test_frozen_statistics_stay():
    net = FCN(backbones.load("small"), 3, stride=32).freeze()
    before = weights(net.backbone)
    run(net, steps=2)
    assert torch.equal(weights(net.backbone), before)


def test_each_part_has_its_learning_rate_and_what_is_frozen_stays():
    net, frozen, before = Net(), Net(), Net()
    run(net, steps=3, lr={"": 0.01, "stem.": 0.0})
    frozen.stem.requires_grad_(False)
    run(frozen, steps=3)
    for one in (net, frozen):
        assert torch.equal(one.stem.weight, before.stem.weight)
        assert not torch.equal(one.head.weight, before.head.weight)


# Time.


def limited(clock: SimpleNamespace, seconds: float = 10.0, data: Any = None, **options: Any) -> Any:
    """A run limited by seconds, whose steps take two."""

    def wait(number: int, loss: Tensor, _: Tensor) -> Tensor:
        clock.now += 2 if number else 0
        return loss

    options = LONG | {"steps": None, "seconds": seconds, "loss": loss_with(wait)} | options
    return train(Net(), data or Squares(), **options)


class Slow(Squares):
    """It takes a second to read an image."""

    def __init__(self, clock: SimpleNamespace, **options: Any) -> None:
        super().__init__(**options)
        self.clock = clock

    def __getitem__(self, index: int) -> Any:
        self.clock.now += 1
        return super().__getitem__(index)


def test_epochs_and_seconds_stop_it(clock):
    assert run(Net(), steps=None, epochs=1.5)[-1].number == math.ceil(1.5 * 10 / 4)
    steps = list(limited(clock))
    assert [step.seconds for step in steps] == [2, 4, 6, 8, 10]
    assert [step.total for step in steps] == [5] * 5 and steps[2].seconds_left == pytest.approx(4)
    assert steps[2].images_per_second == 2


@pytest.mark.parametrize("pause", [0.9, 60])
def test_a_pause_of_more_than_a_second_is_not_counted(clock, pause):
    steps = limited(clock)
    clock.now += 1000  # before the first step
    assert next(steps).seconds == 2
    clock.now += pause
    assert next(steps).seconds == pytest.approx(4 + (pause if pause < 1 else 0))


def test_if_preparing_took_all_the_time_one_step_is_done_and_it_says_so(clock, tmp_path):
    """The checkpoint does not say that the run is complete after zero steps."""
    path = tmp_path / "a.pt"
    (step,) = limited(clock, 5, Slow(clock), checkpoint=path)
    assert step.number == 1 and "s of the 5 s allowed, so only one step" in step.message
    assert torch.load(path, weights_only=True)["number"] == 1


def test_decoding_is_no_part_of_the_schedule_and_no_second_part_of_a_resumed_run(clock, tmp_path):
    options = {"checkpoint": tmp_path / "a.pt", "val": Slow(clock, split="val"), "val_every": 1000}
    steps = limited(clock, 60, Slow(clock), **options)
    first = next(steps)
    assert first.learning_rate == 0 and first.seconds > 20  # the warm-up begins at the first step
    steps.close()
    again = next(limited(clock, 60, Slow(clock), **options))
    assert again.number == 2 and again.seconds == first.seconds + 2


def test_a_coarse_clock_may_stand_still_for_some_steps(monkeypatch):
    """Windows' ticks last 16 ms; a step of a small net takes 2, so that its speed seems infinite."""
    ticks = itertools.count()
    monkeypatch.setattr(time, "monotonic", lambda: next(ticks) // 20 / 64)
    *_, last = run(Net(), steps=None, seconds=0.05)
    assert last.seconds >= 0.05 and last.number == last.total


# Memory.


@pytest.mark.parametrize("words", [Tight.words, "[enforce fail] DefaultCPUAllocator: can't allocate memory"])
def test_if_memory_runs_out_the_batch_is_split(words):
    net, roomy = Tight(norm=False), Net(norm=False)
    net.words = words
    steps = run(net, steps=3, batch_size=8)
    assert "Out of memory at step 1: from now on, batches of 8 go through" in steps[0].message
    assert "in 4 parts of at most 2" in steps[0].message
    assert steps[1].message == ""
    assert steps[0].loss == pytest.approx(run(roomy, steps=3, batch_size=8)[0].loss, rel=0.02)
    net.room = 0
    with pytest.raises(ValueError, match=r"out of memory at step 1, even with one image of 24 x 32"):
        run(net, steps=1)


def test_another_runtime_error_is_not_hidden_and_in_bfloat16_float32_is_advised():
    net = Tight()
    net.words = "shapes cannot be multiplied"
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        run(net, steps=1)
    with pytest.raises(ValueError, match=r"nan at step 2\. .* bfloat16 \(try precision='float32'\)"):
        run(Net(), loss=nan_from(2), precision="bfloat16")


@pytest.mark.parametrize(
    ("fast", "steps", "chosen"), [(True, 60, "bfloat16"), (True, 59, "float32"), (False, 60, "float32")]
)
def test_bfloat16_is_used_in_long_runs_where_the_machine_has_it(monkeypatch, fast, steps, chosen):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": fast})
    first = begin(Net(), 1, steps=steps, precision="auto")
    assert running(first).progress.precision == chosen


def test_processes_that_find_different_checkpoints_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("seglib.training.run.dist.is_initialized", lambda: True)
    monkeypatch.setattr("seglib.training.run.dist.get_rank", lambda: 1)
    monkeypatch.setattr("seglib.training.run.dist.get_world_size", lambda: 2)
    monkeypatch.setattr(distributed, "broadcast", lambda value: 7.0)  # the first one is at step 7
    with pytest.raises(ValueError, match=r"processes disagree about the checkpoint .*a\.pt"):
        begin(Net(), 0, checkpoint=tmp_path / "a.pt")
    with pytest.raises(ValueError, match="batch_size=1 must be at least 2"):
        begin(Net(), 0, batch_size=1)


def test_it_counts_as_evaluate_does():
    net, val = Net(), Squares(5, split="val")
    (*_, last) = run(net, steps=8, val=val)
    segmenter = NetSegmenter(net, val.classes)
    scores = evaluate(segmenter, val, boundary=False)
    assert last.scores is not None and torch.equal(last.scores.confusion, scores.confusion)
    assert last.preview is not None and last.preview.images.shape == (4, 3, 24, 32)
    assert torch.equal(last.preview.preds[1].long(), segmenter.predict(last.preview.images[1]))


@pytest.mark.parametrize(
    ("options", "numbers"),
    [({}, [1, 2, 3, 4, 5, 6, 7]), ({"val_every": 3}, [3, 6, 7]), ({"steps": 30}, [*range(3, 31, 3)])],
)
def test_when_validation_comes(options, numbers):
    steps = run(Net(), val=Squares(2, split="val"), **{"steps": 7} | options)
    assert [*steps[-1].history.scores] == numbers == [step.number for step in steps if step.scores]


def test_images_that_do_not_fit_into_memory_together_are_predicted_in_halves():
    net = Tight()
    net.always = True
    *_, last = run(net, val=Squares(5, split="val"))
    assert last.scores is not None and last.scores.confusion.sum() == 5 * 22 * 32


def test_an_interrupt_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_bfloat16_is_used_and_gives_float32_logits():
    net, images = Net().eval(), torch.randint(0, 256, (1, 3, 8, 8), dtype=torch.uint8)
    full, half = (logits_of(net, images, kind) for kind in ("float32", "bfloat16"))
    assert half.dtype == torch.float32 and not torch.equal(full, half)
    torch.testing.assert_close(half, full, rtol=0.05, atol=0.02)


@pytest.mark.parametrize("schedule", [poly, cosine])
@given(done=st.floats(0, 2))
def test_a_schedule_rises_then_falls_and_stays_in_0_to_1(schedule, done):
    later = done + 0.01
    assert 0 <= schedule(done) <= 1
    assert schedule(later) >= schedule(done) if later <= 0.05 else True
    assert schedule(later) <= schedule(done) if done >= 0.05 else True


def test_norms_and_biases_do_not_decay():
    net = Net()
    names = {id(parameter): name for name, parameter in net.named_parameters()}
    groups = optimiser(net, "adamw", {"": 1.0, "head": 2.0, "head.bias": 3.0}, 0.1).param_groups
    assert {names[id(p)]: (g["lr"], g["weight_decay"]) for g in groups for p in g["params"]} == {
        "stem.weight": (1, 0.1), "stem.bias": (1, 0), "norm.weight": (1, 0), "norm.bias": (1, 0),
        "head.weight": (2, 0.1), "head.bias": (3, 0),
    }  # fmt: skip
