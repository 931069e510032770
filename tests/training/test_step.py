"""The parts of a step: interrupts that are ignored, precision, learning rates and schedules."""

from __future__ import annotations

import signal

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seglib.training.step import Schedule, cosine, logits_of, optimiser, poly, uninterrupted
from tests.training.nets import Net


def test_an_interrupt_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_bfloat16_is_used_and_gives_float32_logits() -> None:
    net, images = Net().eval(), torch.randint(0, 256, (1, 3, 8, 8), dtype=torch.uint8)
    full, half = (logits_of(net, images, kind) for kind in ("float32", "bfloat16"))
    assert half.dtype == torch.float32 and not torch.equal(full, half)
    torch.testing.assert_close(half, full, rtol=0.05, atol=0.02)


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
    groups = optimiser(net, "adamw", {"": 1.0, "head": 2.0, "head.bias": 3.0}, 0.1).param_groups
    assert {names[id(p)]: (g["lr"], g["weight_decay"]) for g in groups for p in g["params"]} == {
        "stem.weight": (1, 0.1), "stem.bias": (1, 0), "norm.weight": (1, 0), "norm.bias": (1, 0),
        "head.weight": (2, 0.1), "head.bias": (3, 0),
    }  # fmt: skip
