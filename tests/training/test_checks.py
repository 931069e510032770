"""What is wrong is reported before the first step, in one sentence."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from seglib.data import in_memory
from seglib.train import train
from tests.refused import refused
from tests.training.nets import Net, Squares, Tight


class Full(Tight):
    """There is no memory for a single image."""

    room, always = 0, True


def full(logits: Tensor, masks: Tensor) -> Tensor:
    raise torch.OutOfMemoryError(Tight.words)


def begun(change: dict[str, Any]) -> None:
    options = {"net": Net(), "data": Squares(), "steps": 2, "batch_size": 4, "precision": "float32"} | change
    train(options.pop("net"), options.pop("data"), **options)


test_what_is_wrong_is_reported_before_the_first_step = refused(
    begun,
    ({"steps": 1, "epochs": 2}, "exactly one of steps=, epochs= and seconds=; got steps and epochs"),
    ({"steps": None}, "exactly one of steps=, epochs= and seconds=; got none"),
    ({"steps": 0}, "steps=0 must be a positive"),
    ({"steps": math.inf}, "steps=inf must be a positive"),
    ({"steps": "9"}, "steps='9' must be a positive"),
    ({"batch_size": 0}, "batch_size=0 must be a whole number of at least 1"),
    ({"batch_size": "4"}, "batch_size='4' must be a whole number"),
    ({"batch_size": 4.0}, r"batch_size=4\.0 must be a whole number"),
    ({"lr": -1e-3}, "lr=-0.001 must be a finite number of at least 0"),
    ({"lr": {"": "1e-3"}}, "lr={'': '1e-3'} must be a finite number of at least 0, or a dict"),
    ({"lr": float("nan")}, "lr=nan must be a finite number"),
    ({"lr": {"stem.": 1e-3}}, "no learning rate for norm.weight: lr has stem.; add one for ''"),
    ({"lr": {"": 1e-3, "neck.": 1}}, "lr has 'neck.', but no parameter starts with it"),
    ({"size": 64}, r"size=64 must be \(height, width\), two whole numbers of at least 1"),
    ({"size": (0, 10)}, r"size=\(0, 10\) must be \(height, width\)"),
    ({"size": (32, 32.0)}, r"size=\(32, 32.0\) must be \(height, width\)"),
    ({"optimiser": "lion"}, "optimiser 'lion' does not exist; use adamw or sgd"),
    ({"precision": "float16"}, "precision='float16' must be one of auto, float32, bfloat16"),
    ({"seed": -1}, "seed=-1 must be a whole number of at least 0"),
    ({"seed": None}, "seed=None must be a whole number of at least 0"),
    ({"val_every": 0}, "val_every=0 must be a whole number of steps, at least 1, or None"),
    ({"device": "gpu"}, r"device='gpu' cannot be used here \(.*\); use 'cpu'"),
    ({"weights": [1.0] * 9}, r"weights must be 10 finite numbers"),
    ({"weights": [-1.0] + [1.0] * 9}, "at least 0 and not all 0"),
    ({"weights": [0.0] * 10}, "at least 0 and not all 0"),
    ({"weights": [math.nan] + [1.0] * 9}, "weights must be 10 finite numbers"),
    ({"data": Squares(0)}, "squares train has no images"),
    ({"data": in_memory(Squares()), "size": (8, 8)}, r"size=\(8, 8\), but the images in memory are \(24"),
    ({"data": Squares().spoilt(7, image=lambda image: image[:1])}, r"image 7 .* not \(1, 24, 32\)"),
    ({"data": Squares().spoilt(7, image=lambda image: image / 255)}, r"image 7 .* float32"),
    ({"data": Squares().spoilt(7, mask=lambda mask: mask[:9])}, r"image 7 .*\(24, 32\).* not \(9, 32\)"),
    ({"data": Squares().spoilt(7, mask=lambda mask: mask + 2)}, r"image 7: the mask holds the value"),
    ({"val": Squares(0, split="val")}, "squares val has no images"),
    ({"val": Squares(split="val").named(*"abc")}, "squares val has the classes a, b, c, but squares train"),
    ({"net": Net}, "net is the class Net; give an instance"),
    ({"net": len}, "net is a builtin_function_or_method; give an instance"),
    ({"net": Net().requires_grad_(False)}, "every parameter of the net is frozen"),
    ({"net": Net(21)}, r"\(1, 21, 24, 32\) .* 3 classes of squares \(background, square, edge; num"),
    ({"net": nn.Flatten()}, r"Flatten returns \(1, 2304\) torch.uint8 .* floating-point logits \(1, 3"),
    ({"net": nn.Sequential(Net(), nn.AvgPool2d(2))}, r"\(1, 3, 12, 16\) .* at the size of the image"),
    ({"net": nn.Conv2d(4, 3, 1)}, r"Conv2d cannot take an image \(1, 3, 24, 32\) torch.uint8: "),
    ({"net": Full()}, "Full cannot take an image .* does not fit into memory; use smaller"),
    ({"loss": nn.CrossEntropyLoss()}, "the loss CrossEntropyLoss cannot take logits .* torch.uint8"),
    ({"loss": full}, "the loss full cannot take .* does not fit into memory; use smaller"),
    ({"loss": lambda logits, masks: logits}, r"the loss <lambda> returns \(1, 3, 24, 32\) "),
    ({"loss": lambda logits, masks: 0.5}, "the loss <lambda> returns a float; it must"),
)  # fmt: skip
