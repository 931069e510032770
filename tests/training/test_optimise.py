"""Learning rates and schedules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglib.training.optimise import Schedule, cosine, optimiser, poly
from tests.training.nets import Net


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
