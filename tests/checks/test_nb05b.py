"""Wrong answers to the exercises of notebook 05b, and the words each must be told."""

import torch
from torch import nn
from torch.nn.functional import cross_entropy, interpolate

from seglib.course.checks import judge
from seglib.course.content.nb05b.answers import bilinear_kernel, fuse, measure_statistics


def rim_of_zeros(size):
    kernel = torch.zeros(size, size)
    kernel[1:-1, 1:-1] = 1
    return kernel


def cone(size):
    distance = (torch.arange(size) - (size - 1) / 2).abs()
    return 1 - (distance[:, None] + distance) / size


def smaller_roof(size):
    roof = 1 - (torch.arange(size) - (size - 1) / 2).abs() / ((size + 1) // 2)
    return torch.minimum(roof[:, None], roof)


def enlarged(padding, size=3):
    """The coarse scores through a transposed convolution, cut or padded to the size of the fine ones."""

    def fuse(coarse, fine):
        count, (height, width) = coarse.shape[1], fine.shape[2:]
        kernel = bilinear_kernel(size).expand(count, 1, -1, -1)
        large = nn.functional.conv_transpose2d(coarse, kernel, stride=2, padding=padding, groups=count)
        return large[..., :height, :width] + fine

    return fuse


def stretched(align_corners):
    return lambda c, f: interpolate(c, size=f.shape[2:], mode="bilinear", align_corners=align_corners) + f


def stepped(zero="before", mode=True, target=lambda m: m, scores=lambda z: z):
    def train_step(net, images, masks, optimiser):
        loss = cross_entropy(scores(net.train(mode)(images)), target(masks.long()), ignore_index=255)
        if zero == "before":
            optimiser.zero_grad()
        loss.backward()
        if zero == "after":
            optimiser.zero_grad()
        optimiser.step()
        return loss.item()

    return train_step


def void_as_background(masks):
    return torch.where(masks == 255, 0, masks)


def measured(momentum=None, train=True, batches=None, reset=nn.BatchNorm2d.reset_running_stats):
    def measure(net, images):
        for layer in net.modules():
            if isinstance(layer, nn.BatchNorm2d):
                reset(layer)
                layer.momentum = momentum
        net.train(train)
        with torch.no_grad():
            for batch in list(images)[:batches]:
                net(batch)

    return measure


def learns(net, images):
    net.train()
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
    for batch in images:
        net(batch).square().mean().backward()
        optimiser.step()


def without_statistics(net, images):
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean = layer.running_var = None


def drawn(change):
    def draw():
        mask = torch.zeros(128, 128, dtype=torch.uint8)
        return mask if change(mask) is None else change(mask)

    return draw


def put(*places):
    def change(mask):
        for rows, columns in places:
            mask[rows, columns] = 1

    return change


def train_mode_too_late(net, images, masks, optimiser):
    loss = cross_entropy(net(images), masks.long(), ignore_index=255)
    net.train()
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return loss.item()


def layer_by_layer(net, images):
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.reset_running_stats()
            layer.momentum = None
            net.train()
            with torch.no_grad():
                for batch in images:
                    net(batch)


WRONG = {
    "05b.1": {
        "sums to 1": (lambda size: bilinear_kernel(size) / bilinear_kernel(size).sum(), "as a blur does"),
        "flat": (lambda size: torch.ones(size, size), "nearest neighbour"),
        "one row": (lambda size: bilinear_kernel(size)[0], "shape"),
        "rim of zeros": (rim_of_zeros, "border is 0"),
        "a cone": (cone, "from the middle"),
        "the smaller roof": (smaller_roof, "The two roofs are multiplied"),
    },
    "05b.2": {
        "joined, not added": (lambda coarse, fine: torch.cat([fine, fine], 1), "yours"),
        "nearest": (lambda c, f: interpolate(c, size=f.shape[2:], mode="nearest") + f, "copied blocks"),
        "the outer edges on each other": (stretched(False), "it puts the outer edges of both maps"),
        "the fine ones only": (lambda coarse, fine: fine, "missing"),
        "an even kernel": (enlarged(1, size=4), "the numbers are not"),
        "padding forgotten": (enlarged(0), "the numbers are not"),
        "mean": (lambda coarse, fine: fuse(coarse, fine) / 2, "That is the mean"),
        "by NumPy": (lambda coarse, fine: fuse(coarse, fine).detach().numpy(), "no gradient"),
        "one map without gradient": (lambda c, f: fuse(c.data, f), "no gradient"),
        "twice as large": (lambda c, f: interpolate(c, scale_factor=2.0, mode="bilinear"), "yours"),
    },
    "05b.3": {
        "void is background": (stepped(target=void_as_background), "not count as background"),
        "gradients pile up": (stepped(zero="never"), "Set them to zero"),
        "gradients set to zero before the step": (stepped(zero="after"), "are the gradients still there"),
        "softmax before the loss": (
            stepped(scores=lambda z: z.softmax(1)),
            "the loss takes the logits as they are",
        ),
        "training mode too late": (train_mode_too_late, "was in evaluation mode"),
        "evaluation mode": (stepped(mode=False), "net.train()"),
    },
    "05b.4": {
        "a square": (drawn(put((slice(20, 90), slice(20, 90)))), "It should be less than 40 %"),
        "thick stripes": (
            drawn(
                put(
                    (slice(10, 110), slice(10, 110, 2)),
                    (slice(10, 110), slice(11, 110, 4)),
                    (60, slice(10, 110)),
                )
            ),
            "It should be less than 40 %",
        ),
        "stripes": (drawn(put((slice(0, 128), slice(0, 128, 5)))), "yours has 26 pieces"),
        "one line": (drawn(put((slice(0, 128), 5))), "at least 10 %"),
        "white is 255": (drawn(lambda mask: (255 * (mask + 1)).byte()), "values 0 and 1"),
        "another size": (drawn(lambda mask: torch.ones(64, 64, dtype=torch.uint8)), "(128, 128)"),
    },
    "05b.5": {
        "evaluation mode": (measured(train=False), "In which mode are statistics updated?"),
        "momentum as it was": (measured(momentum=0.1), "Something of the old statistics is left"),
        "the last batch": (measured(momentum=1.0), "statistics of the last batch"),
        "the first batch only": (measured(batches=1), "later batches count more"),
        "layer by layer": (layer_by_layer, "two layers of batch norm"),
        "it learns": (learns, "Only the statistics"),
        "its weights reset, too": (measured(reset=nn.BatchNorm2d.reset_parameters), "batch norm has some"),
        "no statistics at all": (without_statistics, "statistics are gone"),
    },
}


def test_what_measures_statistics_may_return_the_net():
    result = judge("05b.5", lambda net, images: measure_statistics(net, images) or net)
    assert result and result.answer(nn.BatchNorm2d(3), []) is not None
