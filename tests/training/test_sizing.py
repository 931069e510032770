"""Size and batch of a run: from profile, images, free memory and seconds, and never more than there is."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seglib import losses
from seglib.data.in_memory import in_memory, scaled
from seglib.machine import pick_profile
from seglib.train import finish, train
from seglib.training import sizing
from seglib.training.checkpoint import load
from tests.training.nets import Net, Squares, running, weights

CAMERA = (966, 1296)
GB = 10**9


def chosen(data: Any = None, **options: Any) -> tuple[tuple[int, int], int]:
    """The size and the batch of a run, by default of images of 160 x 160."""
    data = data or Squares(3, (160, 160))
    run = running(train(Net(), data, device="cpu", **options))
    return run.size, run.options.batch_size


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Set the free memory, in bytes."""
    return lambda amount: monkeypatch.setattr(sizing, "free_bytes", lambda device: amount)


def test_images_of_a_camera_are_scaled_down_and_it_is_said_first(caplog):
    steps = train(Net(), Squares(3, CAMERA), steps=1, device="cpu")
    said = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert len(said) == 1 and "(the images are 966 x 1296), 8 images a step, in float32" in said[0]
    assert next(steps).size == (192, 256)
    height, width = pick_profile().size
    assert 2 * height * width >= 192 * 256 and in_memory(Squares(1, CAMERA)).size == (192, 256)


@pytest.mark.parametrize(
    ("size", "batch", "expected"),
    [(None, None, ((24, 32), 16)), (None, 3, ((24, 32), 3)), ((320, 320), None, ((320, 320), 4))],
)
def test_what_is_asked_for_is_obeyed_and_small_images_stay(size, batch, expected, caplog):
    assert chosen(data=Squares(2), size=size, batch_size=batch, steps=2) == expected
    assert bool(caplog.records) == (expected[1] == 4 and batch is None)


@pytest.mark.parametrize(("h", "w"), [(966, 1296), (1, 9000), (4000, 4000), (500, 4000), (33, 31)])
@pytest.mark.parametrize("pixels", [1024, 51200])
def test_a_scaled_size_keeps_the_shape_and_the_bound(h, w, pixels):
    high, wide = scaled((h, w), pixels)
    assert high * wide <= pixels and high % 32 == wide % 32 == 0
    if 0.3 < h / w < 3 and pixels > 1024:
        inside = (h * min(high / h, wide / w)) * (w * min(high / h, wide / w))
        assert inside > 0.75 * pixels or (h, w) == (33, 31)


def test_live_bytes_by_hand():
    kept: list[Tensor] = []
    held = torch.ones(100)

    def compute() -> None:
        doubled = held * 2  # 400
        kept.append(doubled[:50] + 1)  # a view takes nothing, the sum 200
        held.add_(1)  # in place: nothing
        del doubled  # 200 are left
        torch.empty(10, dtype=torch.float64)  # 80

    assert sizing.live_bytes([held], compute) == 600
    assert sizing.live_bytes([held], lambda: held.view(10, 10).t()) == 0


def test_the_cost_of_a_net_by_hand_and_nothing_in_it_changes():
    """What is kept for the backward pass: the input and ReLU maps of 8 floats, 3 channels, the logits."""
    net, task = Net(), (losses.cross_entropy, 3)
    before, rng, modes = weights(net), torch.get_rng_state(), [part.training for part in net.modules()]
    cpu = torch.device("cpu")
    cost = sizing.cost_of(net, *task, (64, 64), cpu, "float32")
    assert cost is not None and torch.equal(weights(net), before) and torch.equal(torch.get_rng_state(), rng)
    assert [part.training for part in net.modules()] == modes
    assert all(parameter.grad is None for parameter in net.parameters())
    assert 8 * 4 * 2 + 3 * 4 <= cost.pixel <= 300  # conv, norm, ReLU: at least two of them stay
    other = sizing.cost_of(net, *task, (400, 400), cpu, "float32")
    assert other is not None and other.pixel == pytest.approx(cost.pixel, rel=0.02)
    assert cost.fixed == pytest.approx(3 * sum(p.nbytes for p in net.parameters()), abs=200)
    assert cost.bytes((64, 64), 8) - cost.bytes((64, 64), 4) == pytest.approx(1.15 * 4 * 4096 * cost.pixel)
    assert sizing.cost_of(nn.Flatten(), *task, (64, 64), cpu, "float32") is None


def test_little_memory_makes_the_batch_smaller_then_the_images(free):
    def within(amount: float, **options: Any) -> tuple[tuple[int, int], int]:
        free(amount)
        size, batch = chosen(steps=1, **options)
        step = sizing.cost_of(Net(), losses.cross_entropy, 3, (96, 96), torch.device("cpu"), "float32")
        assert step and step.bytes(size, batch) <= amount
        return size, batch

    assert within(1 * GB) == ((160, 160), 16)
    sizes = [within(amount) for amount in (60e6, 40e6, 20e6, 5e6)]
    assert [batch for _, batch in sizes] == sorted((batch for _, batch in sizes), reverse=True)
    assert sizes[0][0] == (160, 160) and sizes[-1][0] < (160, 160) and sizes[-1][1] <= 4
    assert within(20e6, size=(160, 160))[0] == (160, 160) and within(20e6, batch_size=16)[1] == 16


def test_what_cannot_fit_is_refused_with_what_would(free):
    free(50e6)
    net, data = Net(), Squares(3)
    asked = {"size": (512, 512), "batch_size": 8}
    with pytest.raises(ValueError, match=r"8 images of 512 x 512 .* too much for the 0\.1 GB") as it:
        train(net, data, steps=1, device="cpu", **asked)
    would = str(it.value).split("free; ")[1].removesuffix(" would fit").split(" or ")
    for way in would:  # the advice can be followed
        name, _, value = way.partition("=")
        assert next(train(net, data, steps=1, device="cpu", **asked | {name: eval(value)})).number == 1
    assert len(would) == 2
    free(1e4)
    with pytest.raises(ValueError, match="a smaller net would fit"):
        train(net, data, steps=1, device="cpu")


def test_a_step_takes_a_fair_part_of_the_seconds(monkeypatch):
    """A net that would take 16 s a step of 16 images gets a minute."""
    cost = sizing.Cost(100.0, 0.0, 1 / 160**2)
    monkeypatch.setattr(sizing, "cost_of", lambda *_: cost)
    assert chosen(seconds=600) == ((160, 160), 16) and chosen(seconds=100) == ((160, 160), 8)
    (height, width), batch = chosen(seconds=20)
    assert batch == 4 and 4 * height * width <= 2 * 160**2 and chosen(steps=9) == ((160, 160), 16)
    assert chosen(seconds=20, batch_size=16, size=(160, 160)) == ((160, 160), 16)


def test_a_resumed_run_keeps_what_was_chosen_where_less_is_free(free, tmp_path):
    path, data = tmp_path / "a.pt", Squares(3, (160, 160))
    options: dict[str, Any] = {"precision": "float32", "device": "cpu", "checkpoint": path}
    free(40e6)
    finish(train(Net(), data, steps=2, **options))
    batch = load(path)["settings"]["batch_size"]
    assert batch < 16 and load(path)["size"] == [160, 160]
    free(10 * GB)
    assert finish(train(Net(), data, steps=3, **options)).number == 3
    assert load(path)["settings"]["batch_size"] == batch


def test_batch_norm_of_a_single_value_is_refused_before_the_first_step():
    class Pooled(nn.Module):
        """Scores the image as a whole, after batch norm."""

        def __init__(self, frozen: bool = False) -> None:
            super().__init__()
            self.norm, self.score = nn.BatchNorm2d(3), nn.Conv2d(3, 3, 1)
            self.frozen = frozen

        def train(self, mode: bool = True) -> nn.Module:
            super().train(mode)
            self.norm.train(mode and not self.frozen)
            return self

        def forward(self, images: Tensor) -> Tensor:
            seen = self.score(self.norm(images.float().mean((2, 3), keepdim=True)))
            return seen.expand(-1, -1, *images.shape[2:])

    options: dict[str, Any] = {"steps": 1, "device": "cpu", "augment": None}
    with pytest.raises(ValueError, match=r"one image of 24 x 32 .* the batch norm norm sees a single"):
        train(Pooled(), Squares(), batch_size=1, **options)
    for net, batch in ((Pooled(), 2), (Pooled(frozen=True), 1), (Net(), 1)):
        assert finish(train(net, Squares(), batch_size=batch, **options)).number == 1
