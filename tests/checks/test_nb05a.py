"""Wrong answers to the exercises of notebook 05a, and the words each must be told."""

import torch
from torch import nn

from seglib.course.content.nb05a.answers import as_convolution, predict_map, seen


def padded(linear, channels, height, width):
    right = as_convolution(linear, channels, height, width)
    conv = nn.Conv2d(channels, linear.out_features, (height, width), padding=1)
    conv.load_state_dict(right.state_dict())
    return conv


def channels_last(linear, channels, height, width):
    conv = as_convolution(linear, channels, height, width)
    weight = linear.weight.data.reshape(-1, height, width, channels)
    conv.weight.data = weight.permute(0, 3, 1, 2).contiguous()
    return conv


def with_bias(change):
    def convolution(linear, channels, height, width):
        conv = as_convolution(linear, channels, height, width)
        conv.bias = change(conv.bias)
        return conv

    return convolution


def other_weights(linear, channels, height, width):
    conv = nn.Conv2d(channels, linear.out_features, (height, width))
    conv.bias.data = linear.bias.data.clone()
    return conv


def shared(linear, channels, height, width):
    conv = as_convolution(linear, channels, height, width)
    conv.weight.data = linear.weight.data.reshape(conv.weight.shape)
    return conv


def flat(linear, channels, height, width):
    conv = as_convolution(linear, channels, height, width)
    conv.weight.data = linear.weight.data.clone()
    return conv


def one_by_one(linear, channels, height, width):
    return nn.Conv2d(linear.in_features, linear.out_features, 1)


def gradient(change, copied=True):
    """The gradient of one score at the input, and what is made of it."""

    def seen(net, images, index, row, column):
        asks = images.clone().requires_grad_() if copied else images.requires_grad_()
        net(asks)[0, index, row, column].backward()
        return change(asks.grad[0])

    return seen


def of_all_places(net, images, index, row, column):
    images = images.clone().requires_grad_()
    net(images)[0, index].sum().backward()
    return images.grad[0].abs().sum(0)


def predicted(choose, evaluate=True):
    def predict(net, image):
        if evaluate:
            net.eval()
        with torch.no_grad():
            return choose(net(image[None])[0])

    return predict


WRONG = {
    "05a.1": {
        "1 x 1 convolution": (one_by_one, "sees 24 channels"),
        "padding": (padded, "Padding?"),
        "flattened as channels last": (channels_last, "through channels"),
        "no bias": (with_bias(lambda bias: None), "bias is missing"),
        "another bias": (with_bias(lambda bias: nn.Parameter(bias + 1)), "bias is not the layer's"),
        "numbers shared with the layer": (shared, "training one changes the other"),
        "not reshaped": (flat, "shape (5, 2, 3, 4)"),
        "weights of its own": (other_weights, "not the layer's weights"),
    },
    "05a.2": {
        "with its sign": (gradient(lambda g: g.sum(0)), "absolute values first"),
        "the largest": (gradient(lambda g: g.abs().amax(0)), "are summed"),
        "of all places": (of_all_places, "Yours is not 0 at rows 0 to 8"),
        "row and column swapped": (
            lambda n, x, k, row, column: seen(n, x, k, column, row),
            "sees rows 0 to 2",
        ),
        "another class": (lambda n, x, k, row, column: seen(n, x, 0, row, column), "that of class `index`"),
        "the images themselves": (gradient(lambda g: g.abs().sum(0), copied=False), "changes `images`"),
    },
    "05a.3": {
        "half of the cat": ((450, 0, 680, 300), "At most 5 % may be hidden"),
        "an ear": ((780, 0, 860, 80), "It must be less than 20 %"),
        "the cup": ((100, 100, 190, 190), "It must be less than 20 %"),
        "corners in the wrong order": ((630, 270, 540, 180), "0 <= x1 < x2"),
        "rows first": ((180, 540, 270, 630), "0 <= y1 < y2 <= 300"),
        "outside": ((850, 100, 950, 190), "901 x 300 pixels"),
    },
    "05a.4": {
        "the bug itself": (
            predicted(lambda scores: scores.argmax(0), evaluate=False),
            "running statistics of batch norm have changed",
        ),
        "the worst class": (predicted(lambda scores: scores.argmin(0)), "best score"),
        "with the batch": (lambda net, image: predict_map(net, image)[None], "of shape (9, 11)"),
    },
}
