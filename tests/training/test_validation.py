"""Validation during a run counts as `evaluate` does."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from seglib.evaluate import evaluate
from tests.training.nets import Net, Squares, Tight, run


def test_it_counts_as_evaluate_does() -> None:
    net, val = Net(), Squares(5, split="val")
    (*_, last) = run(net, steps=8, val=val)

    class Segmenter:
        name = "net"

        def predict(self, image: Tensor) -> Tensor:
            return net(image[None]).argmax(dim=1)[0]

    scores = evaluate(Segmenter(), val, boundary=False)
    assert last.scores is not None and torch.equal(last.scores.confusion, scores.confusion)
    assert last.preview is not None and last.preview.images.shape == (4, 3, 24, 32)
    pred = last.preview.preds[1]
    assert torch.equal(pred, Segmenter().predict(last.preview.images[1]).to(torch.uint8))


@pytest.mark.parametrize(
    ("options", "numbers"),
    [({}, [1, 2, 3, 4, 5, 6, 7]), ({"val_every": 3}, [3, 6, 7]), ({"steps": 30}, [*range(3, 31, 3)])],
)
def test_when_validation_comes(options: dict[str, Any], numbers: list[int]) -> None:
    steps = run(Net(), val=Squares(2, split="val"), **{"steps": 7} | options)
    assert [*steps[-1].history.scores] == numbers == [step.number for step in steps if step.scores]


def test_images_that_do_not_fit_into_memory_together_are_predicted_in_halves() -> None:
    net = Tight()
    net.always = True
    *_, last = run(net, val=Squares(5, split="val"))
    assert last.scores is not None and last.scores.confusion.sum() == 5 * 22 * 32
