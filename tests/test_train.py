"""train: a generator of steps that learns, stops, goes on, and says what is wrong before it begins."""

from __future__ import annotations

import math
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seglib import metrics
from seglib.data import in_memory
from seglib.evaluate import evaluate
from seglib.labels import Classes
from seglib.losses import cross_entropy
from seglib.train import train
from seglib.training.checkpoint import Keeper
from seglib.training.step import Step
from tests.training.nets import Net, Squares, weights


def run(net: nn.Module, *, data: Any = None, **settings: Any) -> list[Step]:
    """A short training in float32 on the CPU, whose numbers do not depend on how busy the machine is."""
    settings = {"batch_size": 4, "precision": "float32", "lr": 0.02, "device": "cpu"} | settings
    return list(train(net, data or Squares(), **settings))


def test_it_learns() -> None:
    net = Net()
    steps = run(net, steps=60, val=Squares(6, split="val"), augment=None)
    assert [step.number for step in steps] == [*range(1, 61)] and all(step.total == 60 for step in steps)
    assert steps[-1].loss < 0.3 * steps[0].loss and not net.training
    last = steps[-1].scores
    assert last is not None and last.mean_iou > 0.8 > last.baseline.mean_iou
    assert steps[0].history.losses == pytest.approx([step.loss for step in steps])
    assert sum(step.scores is not None for step in steps) == 10
    assert [*steps[0].history.scores] == [6, 12, 18, 24, 30, 36, 42, 48, 54, 60]


def test_the_same_seed_gives_the_same_numbers_and_another_does_not() -> None:
    first, again, other = Net(), Net(), Net()
    losses = [[step.loss for step in run(net, steps=5, seed=seed)] for net, seed in
              ((first, 1), (again, 1), (other, 2))]  # fmt: skip
    assert losses[0] == losses[1] and losses[0] != losses[2]
    assert torch.equal(weights(first), weights(again)) and not torch.equal(weights(first), weights(other))


def test_one_step_is_the_optimiser_s_step_on_that_batch() -> None:
    """An oracle: the same step, written out by hand."""
    net, copy, data = Net(norm=False), Net(norm=False), in_memory(Squares(4))
    (step,) = run(net, data=data, steps=1, augment=None, optimiser="sgd", schedule=lambda done: 1.0, clip=1e9)
    loss = cross_entropy(copy(data.images), data.masks)  # one batch has all four, in some order
    loss.backward()
    with torch.no_grad():
        for parameter in copy.parameters():
            decay = 0.01 * parameter if parameter.ndim > 1 else 0
            parameter -= 0.02 * (parameter.grad + decay)
    assert step.loss == pytest.approx(loss.item()) and step.learning_rate == 0.02
    torch.testing.assert_close(weights(net), weights(copy))


def test_the_validation_is_the_judge() -> None:
    net, val = Net(), Squares(5, split="val")
    (*_, last) = run(net, steps=8, val=val)

    class Segmenter:
        name = "net"

        def predict(self, image: Tensor) -> Tensor:
            return net(image[None]).argmax(dim=1)[0]

    judged = evaluate(Segmenter(), val, boundary=False)
    assert last.scores is not None and torch.equal(last.scores.confusion, judged.confusion)
    assert last.preview is not None and last.preview.images.shape == (4, 3, 24, 32)
    (pred, mask) = last.preview.preds[1], last.preview.masks[1]
    assert torch.equal(pred, Segmenter().predict(last.preview.images[1]).to(torch.uint8))
    assert metrics.confusion_matrix(pred, mask, 3).sum() <= judged.confusion.sum()


@pytest.mark.parametrize(
    ("wish", "numbers"), [({"val_every": 3}, [3, 6, 7]), ({"val_every_seconds": 1e9}, [7])]
)
def test_when_validation_comes(wish: dict[str, Any], numbers: list[int]) -> None:
    (*_, last) = run(Net(), steps=7, val=Squares(2, split="val"), **wish)
    assert [*last.history.scores] == numbers


def test_epochs_and_seconds_stop_it() -> None:
    assert run(Net(), epochs=1.5)[-1].number == math.ceil(1.5 * 10 / 4)
    steps = run(Net(), seconds=0.6)
    assert 0.6 <= steps[-1].seconds < 5 and len(steps) > 3
    assert steps[-1].total == steps[-1].number and abs(steps[-1].learning_rate) < 0.02


def test_a_pause_is_not_counted() -> None:
    steps = iter(train(Net(), Squares(), seconds=1.5, batch_size=4, precision="float32"))
    first = next(steps)
    time.sleep(1.7)
    second = next(steps)
    assert second.number == 2 and second.seconds < first.seconds + 1 and next(steps).number == 3
    steps.close()


def test_break_leaves_a_net_that_can_be_used_and_a_checkpoint(tmp_path: Path) -> None:
    net, path = Net(), tmp_path / "new" / "a.pt"
    for step in train(net, Squares(), steps=50, batch_size=4, checkpoint=path):
        if step.number == 3:
            break
    assert not net.training and torch.load(path, weights_only=True)["number"] == 3


def test_an_interrupt_waits_for_the_end_of_the_step(tmp_path: Path) -> None:
    """The signal comes in the middle of the loss; the step is finished, kept, and then it stops."""
    net, path, steps = Net(), tmp_path / "a.pt", []
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts what it sends behind without

    def pressed(logits: Tensor, masks: Tensor) -> Tensor:
        if len(steps) == 4:
            signal.raise_signal(signal.SIGINT)
        return cross_entropy(logits, masks)

    settings: dict[str, Any] = {"steps": 9, "batch_size": 4, "precision": "float32", "device": "cpu"}
    with pytest.raises(KeyboardInterrupt):
        for step in train(net, Squares(), loss=pressed, checkpoint=path, **settings):
            steps.append(step)
    assert len(steps) == 4 and torch.load(path, weights_only=True)["number"] == 5 and not net.training
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert torch.isfinite(net(torch.zeros(1, 3, 8, 8, dtype=torch.uint8))).all()


class Bursting(Net):
    """Its memory holds no more than two images."""

    words, room = "CUDA out of memory. Tried to allocate 20.00 MiB", 2

    def forward(self, images: Tensor) -> Tensor:
        if self.training and len(images) > self.room:
            raise (torch.OutOfMemoryError if "CUDA" in self.words else RuntimeError)(self.words)
        return super().forward(images)


class Roomless(Net):
    """Its memory holds no image."""

    def forward(self, images: Tensor) -> Tensor:
        raise torch.OutOfMemoryError(Bursting.words)


@pytest.mark.parametrize(
    "words", [Bursting.words, "[enforce fail] DefaultCPUAllocator: can't allocate memory"]
)
def test_out_of_memory_halves_the_batch_and_goes_on(words: str) -> None:
    net, roomy = Bursting(norm=False), Net(norm=False)
    net.words = words
    steps = run(net, steps=3, batch_size=8)
    assert (
        "Out of memory at step 1: from here on, batches of 8 go through the net in 4 pieces"
        in steps[0].message
    )
    assert steps[1].message == ""
    assert steps[0].loss == pytest.approx(run(roomy, steps=3, batch_size=8)[0].loss, rel=0.02)
    net.room = 0
    with pytest.raises(ValueError, match=r"out of memory at step 1, even with one image of 24 x 32"):
        run(net, steps=1)


def test_another_runtime_error_is_not_hidden() -> None:
    class Broken(Net):
        def forward(self, images: Tensor) -> Tensor:
            if self.training:
                raise RuntimeError("shapes cannot be multiplied")
            return super().forward(images)

    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        run(Broken(), steps=1)


def test_a_loss_that_is_not_a_number_stops_it_and_names_the_step(tmp_path: Path) -> None:
    net, path, seen = Net(norm=False), tmp_path / "a.pt", []

    def dividing(logits: Tensor, masks: Tensor) -> Tensor:
        if logits.requires_grad:  # it is tried once before the first step
            Keeper.owners[path.resolve()].wait()  # a slow disk would skip a step
            seen.append(weights(net))
        return cross_entropy(logits, masks) / (0 if len(seen) == 4 else 1)

    with pytest.raises(
        ValueError,
        match=r"the loss or its gradient is (inf|nan) at step 4\. Likely causes: a learning rate .* a tenth",
    ):
        run(net, steps=9, loss=dividing, checkpoint=path, checkpoint_seconds=0)
    assert torch.isfinite(weights(net)).all()
    kept, file = Net(norm=False), torch.load(path, weights_only=True)
    kept.load_state_dict(file["net"])
    assert file["number"] == 3 and torch.equal(weights(kept), seen[3])


def test_a_learning_rate_for_each_part() -> None:
    net, before = Net(), Net()
    run(net, steps=3, lr={"": 0.01, "stem.": 0.0})
    assert torch.equal(net.stem.weight, before.stem.weight)
    assert not torch.equal(net.head.weight, before.head.weight)


def test_a_loss_may_be_a_tensor_of_one_number_in_any_shape() -> None:
    net, other = Net(), Net()
    run(net, steps=3, loss=lambda logits, masks: cross_entropy(logits, masks)[None])
    run(other, steps=3)
    assert torch.equal(weights(net), weights(other))


def test_parameters_that_may_not_move_do_not() -> None:
    net, before = Net(), Net()
    net.stem.requires_grad_(False)
    run(net, steps=3)
    assert torch.equal(net.stem.weight, before.stem.weight)


def wrong(**changes: Any) -> Squares:
    data = Squares()
    for name, value in changes.items():
        setattr(data, name, value)
    return data


class Spoilt(Squares):
    """One of its samples is spoilt."""

    def __init__(self, spoil: Any) -> None:
        super().__init__()
        self.spoil = spoil

    def __getitem__(self, index: int) -> Any:
        return self.spoil(*super().__getitem__(index)) if index == 7 else super().__getitem__(index)


class Greedy:
    """A loss that needs more memory than there is."""

    def __call__(self, logits: Tensor, masks: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"steps": 1, "epochs": 2}, "give one of steps=, epochs= or seconds=, not steps and epochs"),
        ({"steps": None}, "give one of steps=, epochs= or seconds=, not none"),
        ({"steps": 0}, "steps=0 must be above 0"),
        ({"batch_size": 0}, "batch_size=0 must be a whole number of at least 1"),
        ({"data": Squares(0)}, "squares train has no images"),
        ({"val": Squares(0, split="val")}, "squares val has no images"),
        ({"val": wrong(classes=Classes.of("a", "b", "c"))}, "has a, b, c; they must be the same"),
        ({"net": Net(21)}, r"Net gives 21 classes, but squares has 3 \(background, square, edge\); build it"),
        ({"net": nn.Flatten()}, r"Flatten gives \(1, 2304\) torch.uint8; it must give logits"),
        ({"net": nn.Sequential(Net(), nn.AvgPool2d(2))}, r"logits of \(12, 16\) pixels "),
        ({"net": nn.Conv2d(4, 3, 1)}, r"Conv2d cannot take an image \(1, 3, 24, 32\) torch.uint8: "),
        ({"net": Roomless()}, "not even one image of 24 x 32 fits into memory beside Roomless; take"),
        ({"data": Spoilt(lambda image, mask: (image[:1], mask))}, r"image 7 .* not \(1, 24, 32\)"),
        ({"data": Spoilt(lambda image, mask: (image / 255, mask))}, r"image 7 .* float32"),
        ({"data": Spoilt(lambda image, mask: (image, mask[:9]))}, r"image 7 .*\(24, 32\).* not \(9, 32\)"),
        ({"data": Spoilt(lambda image, mask: (image, mask + 2))}, r"image 7: the mask holds the value"),
        ({"net": Net}, "net is the class Net; give a net that was built"),
        ({"net": len}, "net is a builtin_function_or_method; give a net that was built"),
        ({"lr": -1e-3}, "lr=-0.001 must be a number of at least 0"),
        ({"lr": {"": "1e-3"}}, "lr={'': '1e-3'} must be a number of at least 0, or a dict"),
        ({"lr": float("nan")}, "lr=nan must be a number of at least 0"),
        ({"clip": 0}, "clip=0 must be above 0"),
        ({"size": 64}, r"size=64 must be \(height, width\), two whole numbers of at least 1"),
        ({"size": (0, 10)}, r"size=\(0, 10\) must be \(height, width\)"),
        ({"size": (32, 32.0)}, r"size=\(32, 32.0\) must be \(height, width\)"),
        ({"optimiser": "lion"}, "optimiser 'lion' does not exist; use adamw or sgd"),
        ({"precision": "float16"}, "precision 'float16' does not exist; use auto, float32 or bfloat16"),
        ({"lr": {"stem.": 1e-3}}, "no learning rate for norm.weight: lr has stem.; add one for ''"),
        ({"lr": {"": 1e-3, "neck.": 1}}, "lr is given for 'neck.', but no parameter's name begins so"),
        ({"net": Net().requires_grad_(False)}, "no parameter of this net may move"),
        ({"weights": [1.0] * 9}, r"weights must be 10 finite numbers"),
        ({"weights": [-1.0] + [1.0] * 9}, "at least 0 and not all 0"),
        ({"weights": [0.0] * 10}, "at least 0 and not all 0"),
        ({"weights": [math.nan] + [1.0] * 9}, "weights must be 10 finite numbers"),
        ({"steps": math.inf}, "steps=inf must be above 0, and a number"),
        ({"steps": "9"}, "steps='9' must be above 0, and a number"),
        ({"batch_size": "4"}, "batch_size='4' must be a whole number of at least 1"),
        ({"batch_size": 4.0}, r"batch_size=4\.0 must be a whole number of at least 1"),
        ({"seed": -1}, "seed=-1 must be a whole number of at least 0"),
        ({"seed": None}, "seed=None must be a whole number of at least 0"),
        ({"val_every": 0}, "val_every=0 must be a whole number of steps, at least 1, or None"),
        ({"val_every_seconds": -1}, "val_every_seconds=-1 must be a number of seconds, or None"),
        ({"device": "gpu"}, r"device='gpu' cannot be used here \(.*\); use 'cpu'"),
        ({"data": [1, 2]}, "a list is no data set with classes; give a SegmentationDataset"),
        ({"data": in_memory(Squares()), "size": (8, 8)}, r"size=\(8, 8\), but the images are in memory at "),
        ({"loss": nn.CrossEntropyLoss()}, "the loss CrossEntropyLoss cannot take logits .* torch.uint8"),
        ({"loss": lambda logits, masks: logits}, r"the loss <lambda> gives a tensor \(1, 3, 24, 32\)"),
        ({"loss": Greedy()}, r"the loss Greedy of one image of \(24, 32\) does not fit into memory; take"),
        ({"loss": lambda logits, masks: 0.5}, "the loss <lambda> gives a float; it must"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_before_the_first_step(change: dict[str, Any], words: str) -> None:
    settings = {"net": Net(), "data": Squares(), "steps": 2, "batch_size": 4, "precision": "float32"} | change
    net, data = settings.pop("net"), settings.pop("data")
    with pytest.raises(ValueError, match=words) as raised:
        train(net, data, **settings)
    assert "\n" not in str(raised.value)
