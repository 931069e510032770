"""bfloat16 where it pays: tried out on a few steps."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from seglib.losses import cross_entropy
from seglib.training import precision
from seglib.training.precision import choose
from tests.training.nets import Net, Squares, Tight, run, weights


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor with instructions for bfloat16."""
    monkeypatch.setattr(precision, "_slowdown", lambda: 1.0)


def tried(net: Any, count: int = 2, **options: Any) -> tuple[str, str]:
    images = torch.zeros(count, 3, 8, 8, dtype=torch.uint8)
    return choose(net, cross_entropy, images, torch.zeros(count, 8, 8).long(), **options)


class Noting(Tight):
    """Notes in which precision it saw how many images."""

    always, room = True, 99

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, bool]] = []

    def __deepcopy__(self, memo: object) -> Noting:
        return self

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.seen.append((len(images), torch.is_autocast_enabled("cpu")))
        return super().forward(images)


@pytest.mark.usefixtures("fast")
def test_bfloat16_is_taken_where_it_is_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    net, state = Net(), torch.get_rng_state()
    before = weights(net)
    assert tried(net)[0] in ("float32", "bfloat16")
    assert torch.equal(weights(net), before) and torch.equal(torch.get_rng_state(), state)
    assert all(parameter.grad is None for parameter in net.parameters())
    for half, chosen in ((0.084, "bfloat16"), (0.086, "float32")):
        monkeypatch.setattr(precision, "_seconds", lambda *_, half=half: (0.1, half))
        why = f"{chosen}: a step takes 100 ms in float32, {1e3 * half:.0f} ms in bfloat16."
        assert tried(net) == (chosen, why)


@pytest.mark.usefixtures("fast")
def test_the_precisions_take_turns_and_a_batch_that_is_too_large_is_halved() -> None:
    """One after the other, a moment's other work on the machine decided for a whole run."""
    net = Noting()
    net.room = 2
    tried(net, 8)
    assert net.seen == [(8, False), (4, False), *[(2, False), (2, True)] * 3]
    net.room = 0
    assert tried(net) == ("float32", "float32: memory is too small to try both.")


@pytest.mark.usefixtures("fast")
def test_a_trial_that_would_take_long_is_left_out() -> None:
    net = Noting()
    assert tried(net, max_seconds=0.0) == ("float32", "float32: steps take too long to try both.")
    assert net.seen == [(2, False)]


def test_without_instructions_for_bfloat16_no_step_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a processor that has AVX2 and no more, trying it out took 50 of the 60 seconds of a run."""
    assert 0.1 < precision._slowdown() < 10_000
    monkeypatch.setattr(precision, "_seconds", lambda *_: pytest.fail("tried"))
    monkeypatch.setattr(precision, "_slowdown", lambda: 90.4)
    assert tried(Net()) == ("float32", "float32: a convolution takes 90 times as long in bfloat16 here.")


def test_a_short_run_is_not_worth_a_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seglib.training.run.choose", lambda *_, **__: pytest.fail("tried"))
    assert run(Net(), steps=5, precision="auto")[0].message == ""


@pytest.mark.usefixtures("fast")
def test_memory_that_is_too_small_for_a_trial_or_a_validation_ends_no_run() -> None:
    net = Tight()
    net.always = True
    *_, last = run(net, val=Squares(5, split="val"), steps=60, precision="auto")
    assert last.scores is not None and last.scores.confusion.sum() == 5 * 22 * 32
