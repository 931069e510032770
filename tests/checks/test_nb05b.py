"""Wrong answers to the exercises of notebook 05b, and the words each must be told."""

from functools import partial

import torch
from torch import nn
from torch.nn.functional import interpolate, pad

from seglib.course.checks import judge
from seglib.course.content.nb05b.answers import (
    bilinear_kernel,
    draw_object,
    fuse,
    measure_statistics,
    train_step,
)
from tests.mutation import edited


def kernel(product):
    return edited(bilinear_kernel, "slope[:, None] * slope", product)


drawn = partial(edited, draw_object)
stepped = partial(edited, train_step)
measured = partial(edited, measure_statistics)


def enlarged(padding, size=3):
    """The coarse scores through a transposed convolution, cut or padded to the size of the fine ones."""

    def fuse(coarse, fine):
        count, (height, width) = coarse.shape[1], fine.shape[2:]
        kernel = bilinear_kernel(size).expand(count, 1, -1, -1)
        large = nn.functional.conv_transpose2d(coarse, kernel, stride=2, padding=padding, groups=count)
        return large[..., :height, :width] + fine

    return fuse


def learns(net, images):
    net.train()
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
    for batch in images:
        net(batch).square().mean().backward()
        optimiser.step()


WRONG = {
    "05b.1": {
        "sums to 1": (lambda size: bilinear_kernel(size) / bilinear_kernel(size).sum(), "as a blur does"),
        "flat": (lambda size: torch.ones(size, size), "nearest neighbour"),
        "one row": (lambda size: bilinear_kernel(size)[0], "shape"),
        "rim of zeros": (lambda size: pad(torch.ones(size - 2, size - 2), (1, 1, 1, 1)), "border is 0"),
        "halves rounded to even": (
            edited(bilinear_kernel, "(size + 1) // 2", "round(size / 2)"),
            "border is 0",
        ),
        "a cone": (kernel("1 - (distance[:, None] + distance) / size"), "from the middle"),
        "the smaller roof": (kernel("torch.minimum(slope[:, None], slope)"), "The two roofs are multiplied"),
    },
    "05b.2": {
        "joined, not added": (lambda coarse, fine: torch.cat([fine, fine], 1), "yours"),
        "nearest": (lambda c, f: interpolate(c, size=f.shape[2:], mode="nearest") + f, "copied blocks"),
        "the outer edges on each other": (
            edited(fuse, "align_corners=True", "align_corners=False"),
            "it puts the outer edges of both maps",
        ),
        "the fine ones only": (lambda coarse, fine: fine, "missing"),
        "nothing below 0": (lambda c, f: fuse(c, f).relu(), "the numbers are not"),
        "three classes": (
            lambda c, f: fuse(c.reshape(len(c), 3, *c.shape[2:]), f),
            "It stopped with RuntimeError",
        ),
        "an even kernel": (enlarged(1, size=4), "the numbers are not"),
        "zeros around": (
            lambda c, f: pad(fuse(c, f)[..., 1:-1, 1:-1], (1, 1, 1, 1)),
            "at the border it is not",
        ),
        "padding forgotten": (enlarged(0), "the numbers are not"),
        "mean": (lambda coarse, fine: fuse(coarse, fine) / 2, "That is the mean"),
        "by NumPy": (lambda coarse, fine: fuse(coarse, fine).detach().numpy(), "no gradient"),
        "one map without gradient": (lambda c, f: fuse(c.data, f), "no gradient"),
        "twice as large": (lambda c, f: interpolate(c, scale_factor=2.0, mode="bilinear"), "yours"),
    },
    "05b.3": {
        "void is background": (stepped("masks.long()", "masks.long() % 255"), "not count as background"),
        "void is background in the masks themselves": (
            stepped("net.train()", "net.train(); masks[masks == 255] = 0"),
            "not count as background",
        ),
        "image after image": (
            stepped(
                "cross_entropy(net(images), masks.long(), ignore_index=255)",
                "sum(cross_entropy(p, m.long(), ignore_index=255) for p, m in "
                "zip(net(images).split(1), masks.split(1))) / 2",
            ),
            "the mean over the pixels",
        ),
        "an optimiser of its own": (
            stepped("optimiser.step()", "torch.optim.SGD(net.parameters(), lr=0.5).step()"),
            "where a step of `optimiser`",
        ),
        "the logarithm of softmax": (
            stepped("cross_entropy(net(images)", "nn.functional.nll_loss(net(images).softmax(1).log()"),
            "logits are in the hundreds",
        ),
        "gradients pile up": (stepped("optimiser.zero_grad()", "pass"), "Set them to zero"),
        "gradients set to zero before the step": (
            stepped("optimiser.step()", "optimiser.zero_grad(); optimiser.step()"),
            "are the gradients still there",
        ),
        "softmax before the loss": (
            stepped("net(images)", "net(images).softmax(1)"),
            "the loss takes the logits as they are",
        ),
        "training mode too late": (
            stepped("net.train()", "pass", "optimiser.step()", "net.train(); optimiser.step()"),
            "was in evaluation mode",
        ),
        "evaluation mode": (stepped("net.train()", "net.eval()"), "net.train()"),
        "gradients clipped": (
            stepped("optimiser.step()", "nn.utils.clip_grad_norm_(net.parameters(), 0.01); optimiser.step()"),
            "where a step of `optimiser`",
        ),
    },
    "05b.4": {
        "a square": (drawn("10:110, 10:110:5", "20:90, 20:90"), "It should be less than 40 %"),
        "thick stripes": (
            drawn("110:5]", "110:2]", "mask[60", "mask[10:110, 11:110:4] = mask[60"),
            "It should be less than 40 %",
        ),
        "stripes": (drawn("mask[60, 10:110] = 1", "pass"), "yours has 20 pieces"),
        "one line": (drawn("10:110, 10:110:5", ":, 60"), "at least 10 %"),
        "white is 255": (drawn("110:5] = 1", "110:5] = 255"), "values 0 and 1"),
        "another size": (drawn("128, 128", "64, 64"), "(128, 128)"),
    },
    "05b.5": {
        "evaluation mode": (measured("net.train()", "net.eval()"), "In which mode are statistics updated?"),
        "momentum as it was": (
            measured("momentum = None", "momentum = 0.1"),
            "of the old statistics is left",
        ),
        "layers within layers forgotten": (
            measured("net.modules()", "net.children()"),
            "of the old statistics",
        ),
        "the last batch": (measured("momentum = None", "momentum = 1.0"), "statistics of the last batch"),
        "the first batch only": (measured("in images", "in list(images)[:1]"), "later batches count more"),
        "layer by layer": (
            measured("momentum = None", "momentum = None; net.train(); list(map(net, images))"),
            "two layers of batch norm",
        ),
        "variances left at 1": (
            measured("net(batch)", "net(batch); net[0].norm.running_var.fill_(1)"),
            "the variances are not",
        ),
        "it learns": (learns, "Only the statistics"),
        "its weights reset, too": (
            measured("reset_running_stats", "reset_parameters"),
            "batch norm has some",
        ),
        "no statistics at all": (
            measured("layer.momentum = None", "layer.running_mean = layer.running_var = None"),
            "statistics are gone",
        ),
    },
}


def test_what_measures_statistics_may_return_the_net():
    result = judge("05b.5", lambda net, images: measure_statistics(net, images) or net)
    assert result and result.answer(nn.BatchNorm2d(3), []) is not None
