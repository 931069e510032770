"""Wrong answers to the exercises of notebook 00, and the words each must be told."""

import torch
from scipy.ndimage import binary_erosion

from seglib.course.content.nb00.answers import paint
from tests.mutation import edited


def painted(where):
    return edited(paint, "mask[y1:y2, x1:x2]", where)


def outline(mask):
    """The pixels of a mask that have a neighbour outside it, or the image's end."""
    return mask & torch.from_numpy(~binary_erosion(mask.numpy(), [[1] * 3] * 3))


WRONG = {
    "00.1": {
        "x for y": (painted("mask[x1:x2, y1:y2]"), "transposed"),
        "the end included": (painted("mask[y1 : y2 + 1, x1 : x2 + 1]"), "too large"),
        "width and height": (painted("mask[y1 : y1 + y2, x1 : x1 + x2]"), "not how wide"),
        "nothing painted": (painted("mask[:0]"), "you made none"),
        "inside out": (lambda size, box: ~paint(size, box), "inverted"),
        "numbers for truth values": (lambda size, box: paint(size, box).int(), "bool tensor"),
        "two corners": (painted("mask[y1, x1] = mask[y2 - 1, x2 - 1]"), "you painted"),
        "the outline": (lambda size, box: outline(paint(size, box)), "you painted"),
        "an image of another shape": (lambda size, box: paint(size[::-1], box), "of shape (4, 9)"),
    },
    "00.2": {
        "the bug itself": (lambda image: image[0] - image[2] > 60, "uint8"),
        "the difference without its sign": (
            lambda image: (image[0].int() - image[2].int()).abs() > 60,
            "more blue than red. You say True.",
        ),
        "int8 in place of uint8": (lambda x: x[0].to(torch.int8) - x[2].to(torch.int8) > 60, "red"),
        "an int too late": (lambda image: (image[0] - image[2]).int() > 60, "uint8"),
        "no threshold": (lambda image: image[0] > image[2], "60 was asked for"),
        "the sum wraps": (lambda image: image[0] > image[2] + 60, "a sum above 255"),
    },
    "00.3": {
        "a pool where colour works": (34, "reaches an IoU of 0.90"),
        "a pool without a crab": (0, "no crab in pool 0"),
        "a pool that is not there": (200, "0 to 199"),
        "counted from the end": (-1, "0 to 199"),
    },
}
