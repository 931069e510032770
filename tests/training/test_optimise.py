"""Learning rates, schedules and precision."""

from __future__ import annotations

import itertools
from typing import ClassVar

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from seglib.losses import cross_entropy
from seglib.train import train
from seglib.training import precision
from seglib.training.optimise import Schedule, cosine, optimiser, poly
from seglib.training.precision import choose, logits_of
from tests.training.nets import Net, Squares, weights


@pytest.mark.parametrize("schedule", [poly, cosine])
@given(done=st.floats(0, 2))
def test_a_schedule_rises_then_falls_and_stays_in_0_to_1(schedule: Schedule, done: float) -> None:
    later = done + 0.01
    assert 0 <= schedule(done) <= 1
    assert schedule(later) >= schedule(done) if later <= 0.05 else True
    assert schedule(later) <= schedule(done) if done >= 0.05 else True


def test_norms_and_biases_do_not_decay() -> None:
    net = Net()
    names = {id(parameter): name for name, parameter in net.named_parameters()}
    moves = optimiser(net, "adamw", {"": 1.0, "head": 2.0, "head.bias": 3.0}, 0.1)
    groups = {names[id(p)]: (g["lr"], g["weight_decay"]) for g in moves.param_groups for p in g["params"]}
    assert groups == {
        "stem.weight": (1, 0.1), "stem.bias": (1, 0), "norm.weight": (1, 0), "norm.bias": (1, 0),
        "head.weight": (2, 0.1), "head.bias": (3, 0),
    }  # fmt: skip


def test_bfloat16_is_taken_where_it_is_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    net, images, masks = Net(), torch.zeros(2, 3, 8, 8, dtype=torch.uint8), torch.zeros(2, 8, 8).long()
    monkeypatch.setattr(precision, "_detour", lambda: 1.0)
    before, state = weights(net), torch.get_rng_state()
    assert choose("auto", net, cross_entropy, images, masks)[0] in ("float32", "bfloat16")
    assert torch.equal(weights(net), before) and torch.equal(torch.get_rng_state(), state)
    assert all(parameter.grad is None for parameter in net.parameters())
    for half, chosen in ((0.084, "bfloat16"), (0.086, "float32")):
        monkeypatch.setattr(precision, "_seconds", lambda *_, half=half: (0.1, half))
        why = f"{chosen}: a step takes 100 ms in float32, {1e3 * half:.0f} ms in bfloat16."
        assert choose("auto", net, cross_entropy, images, masks) == (chosen, why)


def test_the_two_precisions_are_tried_by_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other, a moment's other work on the machine decided for a whole training."""
    monkeypatch.setattr(precision, "_detour", lambda: 1.0)

    class Noting(Net):
        halves: ClassVar[list[bool]] = []

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            self.halves.append(torch.is_autocast_enabled("cpu"))
            return super().forward(images)

    images, masks = torch.zeros(2, 3, 8, 8, dtype=torch.uint8), torch.zeros(2, 8, 8).long()
    choose("auto", Noting(), cross_entropy, images, masks)
    assert Noting.halves == [False, True] * 3


def test_without_instructions_for_bfloat16_no_step_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a processor that has AVX2 and no more, trying it out took 50 of the 60 seconds of a training."""
    net, images, masks = Net(), torch.zeros(2, 3, 8, 8, dtype=torch.uint8), torch.zeros(2, 8, 8).long()
    monkeypatch.setattr(precision, "_seconds", lambda *_: pytest.fail("tried"))
    monkeypatch.setattr(precision, "_detour", lambda: 90.4)
    why = "float32: a convolution takes 90 times as long in bfloat16 here."
    assert choose("auto", net, cross_entropy, images, masks) == ("float32", why)
    monkeypatch.undo()
    assert 0.1 < precision._detour() < 10_000


def test_bfloat16_is_used_and_gives_float32_logits() -> None:
    net, images = Net().eval(), torch.randint(0, 256, (1, 3, 8, 8), dtype=torch.uint8)
    full, half = (logits_of(net, images, kind) for kind in ("float32", "bfloat16"))
    assert half.dtype == torch.float32 and not torch.equal(full, half)
    torch.testing.assert_close(half, full, rtol=0.05, atol=0.02)


def test_trying_out_a_batch_that_is_too_large_takes_half(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "_detour", lambda: 1.0)

    class Bursting(Net):
        sizes: ClassVar[list[int]] = []

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            self.sizes.append(len(images))
            if len(images) > 2:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return super().forward(images)

    images, masks = torch.zeros(8, 3, 8, 8, dtype=torch.uint8), torch.zeros(8, 8, 8).long()
    choose("auto", Bursting(), cross_entropy, images, masks)
    assert Bursting.sizes == [8, 4, 2, 2, 2, 2, 2, 2]


def test_a_short_training_is_not_worth_a_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "_seconds", lambda *_: pytest.fail("timed"))
    assert next(iter(train(Net(), Squares(), steps=5))).message == ""


def test_a_compiled_net_learns_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """As torch wraps it, but with the compiler left out: a compiled net is no `nn.Module` like others."""
    nets, calls, wrapped = [Net(norm=False), Net(norm=False)], itertools.count(), torch.compile

    def compiled(net: nn.Module) -> object:
        next(calls)
        return wrapped(net, backend="eager")

    monkeypatch.setattr(torch, "compile", compiled)
    for net, wish in zip(nets, (None, True)):
        steps = list(train(net, Squares(), steps=4, batch_size=4, precision="float32", compiled=wish))
    assert "torch.compile: as asked" in steps[0].message and next(calls) == 1
    assert torch.equal(weights(nets[0]), weights(nets[1]))
