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


def no_bias(linear, channels, height, width):
    conv = as_convolution(linear, channels, height, width)
    conv.bias = None
    return conv


def new_bias(linear, channels, height, width):
    conv = as_convolution(linear, channels, height, width)
    conv.bias.data += 1
    return conv


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


def holding_on(net, images, masks, optimiser):
    loss = cross_entropy(net.train()(images), masks.long(), ignore_index=255)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return loss


def forgetful(net, images, masks, optimiser):
    loss = cross_entropy(net.train()(images), masks.long(), ignore_index=255)
    loss.backward()
    optimiser.zero_grad()
    optimiser.step()
    return loss.item()


def softmax_twice(net, images, masks, optimiser):
    loss = cross_entropy(net.train()(images).softmax(1), masks.long(), ignore_index=255)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return loss.item()


def stepped(void, zero=True, move=True, mode=True):
    def train_step(net, images, masks, optimiser):
        net.train(mode)
        masks = masks.long()
        loss = cross_entropy(
            net(images), torch.where(masks == 255, 0, masks) if void else masks, ignore_index=255
        )
        if zero:
            optimiser.zero_grad()
        loss.backward()
        if move:
            optimiser.step()
        return loss.item()

    return train_step


def says_nothing(net, images, masks, optimiser):
    stepped(void=False)(net, images, masks, optimiser)


def in_training_mode(net, image):
    with torch.no_grad():
        return net(image[None])[0].argmax(0)


def no_return(net, image):
    predict_mask(net, image)


def scores(net, image):
    net.eval()
    with torch.no_grad():
        return net(image[None])[0].amax(0)


def least(net, image):
    net.eval()
    with torch.no_grad():
        return net(image[None])[0].argmin(0)


WRONG = {
    "05.1": {
        "1 x 1 convolution": (one_by_one, "sees 24 channels"),
        "padding": (padded, "Padding?"),
        "flattened as channels last": (channels_last, "through channels"),
        "no bias": (no_bias, "bias is missing"),
        "another bias": (new_bias, "bias is not the layer's"),
        "weights of its own": (other_weights, "not the layer's weights"),
        "the layer itself": (lambda linear, *_: linear, "nn.Conv2d"),
    },
    "05.2": {
        "sums to 1": (lambda size: bilinear_kernel(size) / bilinear_kernel(size).sum(), "as a blur does"),
        "flat": (lambda size: torch.ones(size, size), "nearest neighbour"),
        "one row": (lambda size: bilinear_kernel(size)[0], "shape"),
        "rim of zeros": (rim_of_zeros, "border is 0"),
        "a cone": (cone, "from the middle"),
        "the smaller roof": (smaller_roof, "The two roofs are multiplied"),
        "an array of NumPy": (lambda size: bilinear_kernel(size).numpy(), "yours is ndarray"),
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
        "void is background": (stepped(void=True), "not count as background"),
        "gradients pile up": (stepped(void=False, zero=False), "Set them to zero"),
        "a tensor": (holding_on, "Return a plain number"),
        "gradients set to zero before the step": (forgetful, "are the gradients still there"),
        "softmax before the loss": (softmax_twice, "the loss takes the logits as they are"),
        "no step": (stepped(void=False, move=False), "No weight has moved"),
        "evaluation mode": (stepped(void=False, mode=False), "net.train()"),
        "returns nothing": (says_nothing, "Return the loss"),
    },
    "05.5": {
        "the bug itself": (in_training_mode, "learned from the image"),
        "scores": (scores, "class indices"),
        "nothing": (no_return, "Does every path end in a return?"),
        "the worst class": (least, "best score"),
        "with the batch": (lambda net, image: predict_mask(net, image)[None], "I expect"),
    },
}
