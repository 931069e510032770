"""The checks of notebook 03a."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from seglib.course.content.nb03a.answers import batch_weights, median_frequency, weighted_loss
from seglib.course.guard import in_words
from seglib.course.lesson import Wrong, learnable, near, open_task, refuse
from seglib.course.samples import colour_shares, colours, smallest_net
from seglib.metrics import confusion_matrix, mean_iou
from seglib.scenes import CLASSES

Masks = Sequence[Tensor]
K = len(CLASSES)
BEATEN = 0.01  # by how much the open task's mIoU must be above the best recipe's


def check_count_classes(fn: Callable[[Masks, int], tuple[Tensor, Tensor]]) -> str:
    """03a.1: void, images of different sizes, a class that never occurs."""
    masks = [
        torch.tensor([[0, 0, 0, 1], [0, 255, 1, 1], [0, 0, 0, 0]], dtype=torch.uint8),
        torch.tensor([[0, 0], [0, 255]], dtype=torch.uint8),
        torch.tensor([[2, 2, 2, 2, 0]], dtype=torch.uint8),
    ]
    pixels, images = fn(masks, 4)
    if (lengths := (len(pixels), len(images))) != (4, 4):
        raise Wrong(f"Both need 4 numbers, one for each class; yours have {lengths}. Class 3 never occurs.")
    if pixels.sum() == 21:
        raise Wrong("You counted 21 pixels. Two of them are void: their class is unknown.")
    if pixels.tolist() != [12, 3, 4, 0]:
        raise Wrong(f"The three masks hold 12, 3, 4 and 0 pixels of the classes; you say {pixels.tolist()}.")
    if images.tolist() == pixels.tolist():
        raise Wrong("The pixels are right. The second count is of images: an image counts once.")
    if images.tolist() != [3, 1, 1, 0]:
        raise Wrong(f"Class 0 is in all 3 images, 1 and 2 in one, 3 in none; you say {images.tolist()}.")
    pixels, images = fn([torch.full((20, 20), 3, dtype=torch.uint8), masks[1] | 255], 4)
    if (said := (pixels.tolist(), images.tolist())) != ([0, 0, 0, 400], [0, 0, 0, 1]):
        raise Wrong(
            "A mask of 20 x 20 pixels of class 3 and one that is all void hold 400 pixels of class 3, in one "
            f"image, and nothing else. You say {said[0]} pixels, {said[1]} images."
        )
    return "Two counts, two answers to 'how rare is it?'. Void is in neither of them."


def check_weighted_loss(fn: Callable[[Tensor, Tensor, Tensor], Tensor]) -> str:
    """03a.2: softmax, the true class, a mean that is divided by the weights; and a gradient."""
    rng = torch.Generator().manual_seed(2)
    logits, truth = 3 * torch.randn(6, 3, generator=rng), torch.tensor([0, 0, 0, 1, 2, 0])
    weights, alike = torch.tensor([0.5, 4.0, 2.0]), torch.ones(3)
    got, plain = fn(logits, truth, weights), fn(logits, truth, alike)
    losses = -logits.log_softmax(1)[torch.arange(6), truth]
    total, mean, probability = losses.sum(), losses.mean(), losses.neg().exp().mean()
    known = {
        "With all weights 1 you return the sum of the losses. A mean does not grow with N.": total,
        "You divided by the sum of the weights of the classes. Each pixel brings one of its own.": total / 3,
        "That is the mean probability. The loss of a pixel is minus its logarithm.": probability.copysign(
            plain
        ),
        "The sign: a logarithm of a probability is negative, and a loss is not.": -mean,
    }
    refuse(plain, known)
    if not near(plain, mean):
        rule = "Softmax is over the K numbers of a pixel; its loss is -ln p of the truth."
        raise Wrong(f"With all weights 1 the loss is {mean:.3f}; yours is {plain:.3f}. {rule}")
    each = "Each pixel has the weight of its true class."
    why = "You divided by the number of pixels. A weighted mean divides by the sum of the weights."
    refuse(got, {why: (weights[truth] * losses).mean(), f"The weights change nothing in yours. {each}": mean})
    if not near(got, expected := weighted_loss(logits, truth, weights)):
        raise Wrong(f"With the weights .5, 4, 2 the loss is {expected:.3f}; yours is {got:.3f}. {each}")
    if not near(fn(100 * logits, truth, weights), weighted_loss(100 * logits, truth, weights)):
        raise Wrong("With logits of 300 yours overflows. Is there one function for softmax and logarithm?")
    learnable(fn(logits.requires_grad_(), truth, weights))
    return "Multiply all weights by ten, and nothing changes: only their ratios count."


def check_median_frequency(fn: Callable[[Tensor], Tensor]) -> str:
    """03a.3: a class that is rare because few images show it, one that is small where it is, and sizes."""
    pixels = torch.tensor([[80, 20, 0], [200, 0, 0], [50, 0, 50]])
    weights, expected = fn(pixels), median_frequency(pixels)
    if not near(weights, expected):
        total, images = pixels.sum(0), (pixels > 0).sum(0)
        scaled = expected / expected[1] * weights[1]
        around = "The frequency of a class is taken over the images that contain it: 20 of 100 for class 1."
        known = {
            f"You divided by the pixels of all images. {around}": total.median() / total,
            f"You divided by the number of images. {around}": (total / images).median() / (total / images),
            "Upside down: the rarest class has the smallest weight. It is median / frequency.": 1 / expected,
            "The ratios are right, but the class of median frequency must have the weight 1.": scaled,
        }
        refuse(weights, known)
    five = torch.tensor([[10, 25, 0, 65, 0], [90, 0, 1, 0, 9], [20, 0, 0, 0, 180]])
    for rows in (pixels, pixels * 7, five):
        _agree(fn(rows), median_frequency(rows), f"For images with the pixels {rows.tolist()}")
    return "Class 2 is in one image of three, and large there. Its weight is 1: few images do not count."


def check_my_weights(fn: Callable[[Tensor], Tensor]) -> str:
    """03a.4, open: the weights are trained with, and judged by the mIoU on other pixels."""
    weights = fn(colour_shares()).double()
    if not torch.isfinite(weights).all() or (weights < 0).any() or not weights.any():
        raise Wrong("A weight is infinite, NaN or below 0, or all are 0. Weights are at least 0.")
    mine, best = _trial(weights), _best_recipe()
    said = f"With your weights the mIoU is {100 * mine:.2f}, with the best of the three {100 * best:.2f}."
    return open_task(said, mine, best + BEATEN, "What lies between no weights and inverse frequency?")


@cache
def _best_recipe() -> float:
    """The highest mIoU of inverse frequency, median frequency and ENet."""
    share = colour_shares()
    truth = colours("train")[1].view(-1, 60)  # 60 pixels of each image
    rows = torch.stack([row.bincount(minlength=K) for row in truth])
    recipes = (1 / share, median_frequency(rows), 1 / (1.02 + share).log())
    return max(_trial(weights.double()) for weights in recipes)


def _trial(weights: Tensor) -> float:
    """The mIoU of one linear layer that was trained with these weights, as in the notebook."""
    judged, answers = colours("val")
    net = smallest_net(partial(cross_entropy, weight=weights.float()))
    return mean_iou(confusion_matrix(net(judged).argmax(1), answers, K))


def check_batch_weights(fn: Callable[[Tensor], Tensor]) -> str:
    """03a.5, the bug clinic: no infinite weight, and a mean pixel of weight 1."""
    pixels = torch.tensor([60, 0, 30, 10])
    weights = fn(pixels).double()
    if weights[1].isinf() or weights[1].isnan():
        raise Wrong(f"Class 1 has no pixel, and its weight is {float(weights[1])}. 0 times that is NaN.")
    why = "No weight is infinite. But the mean pixel weighs .75: you count a class that is not there."
    refuse(weights, {why: torch.tensor([100 / 240, 0, 100 / 120, 100 / 40])})
    mean = float((weights * pixels).sum() / pixels.sum())
    if abs(mean - 1) > 1e-4:
        raise Wrong(f"Of 60, 0, 30 and 10 pixels the mean pixel weighs {mean:.3f}; it should weigh 1.")
    if abs(float(weights[0] * 60 - weights[3] * 10)) > 1e-3:
        raise Wrong("Inverse frequency: 60 pixels of one class and 10 of another contribute the same in sum.")
    if weights[1] != 0:
        raise Wrong(f"A class without pixels has nothing to weight and gets 0; yours is {weights[1]:.3g}.")
    for pixels in (torch.tensor([5, 5]), torch.tensor([6, 0, 0, 1])):
        _agree(fn(pixels), batch_weights(pixels), f"For {pixels.tolist()} pixels")
    return "A batch is a small data set: what is rare in the whole is often absent in it."


def _agree(weights: Tensor, expected: Tensor, given: str) -> None:
    """`Wrong` if weights are not the expected ones."""
    if not near(weights, expected):
        raise Wrong(f"{given} the weights are {in_words(expected)}; you say {in_words(weights)}.")
