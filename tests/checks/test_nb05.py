"""Wrong answers to the exercises of notebook 05, and the words each must be told."""

import torch
from torch import nn
from torch.nn.functional import cross_entropy, interpolate

from seglib.course.content.nb05.answers import as_convolution, bilinear_kernel, fuse, predict_mask


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


def one_by_one(linear, channels, height, width):
    return nn.Conv2d(linear.in_features, linear.out_features, 1)


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


def transposed(coarse, fine):
    """What the section before has just taught, with a kernel that is even."""
    channels = coarse.shape[1]
    double = nn.ConvTranspose2d(channels, channels, 4, stride=2, padding=1, groups=channels, bias=False)
    double.weight.data[:] = bilinear_kernel(4)
    return double(coarse).detach()[..., : fine.shape[2], : fine.shape[3]] + fine


def stepped(
    zero="before",
    move=True,
    mode=True,
    target=lambda m: m,
    scores=lambda z: z,
    result=lambda loss: loss.item(),
):
    def train_step(net, images, masks, optimiser):
        loss = cross_entropy(scores(net.train(mode)(images)), target(masks.long()), ignore_index=255)
        if zero == "before":
            optimiser.zero_grad()
        loss.backward()
        if zero == "after":
            optimiser.zero_grad()
        if move:
            optimiser.step()
        return result(loss)

    return train_step


def void_as_background(masks):
    return torch.where(masks == 255, 0, masks)


def predicted(choose, evaluate=True):
    def predict(net, image):
        if evaluate:
            net.eval()
        with torch.no_grad():
            return choose(net(image[None])[0])

    return predict


WRONG = {
    "05.1": {
        "1 x 1 convolution": (one_by_one, "sees 24 channels"),
        "padding": (padded, "Padding?"),
        "flattened as channels last": (channels_last, "through channels"),
        "no bias": (with_bias(lambda bias: None), "bias is missing"),
        "another bias": (with_bias(lambda bias: nn.Parameter(bias + 1)), "bias is not the layer's"),
        "weights of its own": (other_weights, "not the layer's weights"),
    },
    "05.2": {
        "sums to 1": (lambda size: bilinear_kernel(size) / bilinear_kernel(size).sum(), "as a blur does"),
        "flat": (lambda size: torch.ones(size, size), "nearest neighbour"),
        "one row": (lambda size: bilinear_kernel(size)[0], "shape"),
        "rim of zeros": (rim_of_zeros, "border is 0"),
        "a cone": (cone, "from the middle"),
        "the smaller roof": (smaller_roof, "The two roofs are multiplied"),
    },
    "05.3": {
        "joined, not added": (lambda coarse, fine: torch.cat([fine, fine], 1), "yours"),
        "nearest": (lambda c, f: interpolate(c, size=f.shape[2:], mode="nearest") + f, "copied blocks"),
        "the fine ones only": (lambda coarse, fine: fine, "missing"),
        "a transposed convolution": (transposed, "At the border it fades"),
        "mean": (lambda coarse, fine: fuse(coarse, fine) / 2, "That is the mean"),
        "always twice as large": (
            lambda c, f: interpolate(c, scale_factor=2.0, mode="bilinear")[:, :, :5, :7],
            "yours",
        ),
    },
    "05.4": {
        "void is background": (stepped(target=void_as_background), "not count as background"),
        "gradients pile up": (stepped(zero="never"), "Set them to zero"),
        "a tensor": (stepped(result=lambda loss: loss), "should return a number"),
        "gradients set to zero before the step": (stepped(zero="after"), "are the gradients still there"),
        "softmax before the loss": (
            stepped(scores=lambda z: z.softmax(1)),
            "the loss takes the logits as they are",
        ),
        "no step": (stepped(move=False), "No weight has moved"),
        "evaluation mode": (stepped(mode=False), "net.train()"),
    },
    "05.5": {
        "the bug itself": (
            predicted(lambda scores: scores.argmax(0), evaluate=False),
            "learned from the image",
        ),
        "the worst class": (predicted(lambda scores: scores.argmin(0)), "best score"),
        "with the batch": (lambda net, image: predict_mask(net, image)[None], "of shape (9, 11)"),
    },
}
