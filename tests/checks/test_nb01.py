"""Wrong answers to the exercises of notebook 01, and the words each must be told."""

from functools import partial

import torch
from scipy.ndimage import label
from skimage import measure
from torchvision.ops import box_convert

from seglib.course.content.nb01.answers import blobs, labels_from_colors, semantic, tight_boxes
from tests.mutation import edited

counted = partial(edited, blobs)
colored = partial(edited, labels_from_colors)


def largest_part(masks):
    parts = [max(measure.regionprops(measure.label(m.numpy())), key=lambda part: part.area) for m in masks]
    return torch.tensor([[x1, y1, x2, y2] for y1, x1, y2, x2 in (part.bbox for part in parts)])


ONE_DIAGONAL = [[1, 1, 0], [1, 1, 1], [0, 1, 1]]  # the neighbours of a pixel, six of the eight


def void_by_heart(image, colors, void_color):
    mask = labels_from_colors(image, colors, void_color)
    void = (image == torch.tensor((224, 224, 192))[:, None, None]).all(0)
    return torch.where((mask == 255) & ~void, 0, mask)


def void_by_red(image, colors, void_color):
    return torch.where(image[0] == void_color[0], 255, labels_from_colors(image, colors, void_color))


def one_pass(mask, class_id):
    """Blobs counted where they begin, so that the second arm of a U is one more."""
    found = torch.nn.functional.pad(mask == class_id, (1, 1, 1, 0))
    before = found[:-1, :-2] | found[:-1, 1:-1] | found[:-1, 2:] | found[1:, :-2]
    return int((found[1:, 1:-1] & ~before).sum())


WRONG = {
    "01.1": {
        "end on the last pixel": (lambda masks: tight_boxes(masks) - torch.tensor([0, 0, 1, 1]), "exclusive"),
        "rows before columns": (lambda masks: tight_boxes(masks)[:, [1, 0, 3, 2]], "swapped"),
        "x, y, width, height": (lambda masks: box_convert(tight_boxes(masks), "xyxy", "xywh"), "corners"),
        "x2 of the last pixel": (
            edited(tight_boxes, "ys.min(), xs.max() + 1, ys.max()", "ys[0], xs[-1] + 1, ys[-1]"),
            "widest in its middle",
        ),
        "the largest part": (largest_part, "cut it into parts"),
        "one box for all": (lambda masks: tight_boxes(masks.any(0, keepdim=True)), "(2, 4)"),
        "x2 kept within the columns": (
            lambda masks: tight_boxes(masks).minimum(torch.tensor([masks.shape[2] - 1, 99] * 2)),
            "You say [1, 1, 5, 8]",
        ),
        "one pixel further": (lambda masks: tight_boxes(masks) + 1, "first object covers rows 0-1"),
    },
    "01.2": {
        "object numbers": (lambda m, *_: semantic(m, torch.arange(1, len(m) + 1)), "number of the object"),
        "background is void": (lambda m, ids: torch.where(m.any(0), semantic(m, ids), 255), "background"),
        "ones": (lambda masks, *_: masks.any(0).byte(), "your map holds [0, 1]"),
        "in the opposite order": (lambda masks, ids: semantic(masks, ids.flip(0)), "their places are not"),
        "one layer per object": (lambda masks, ids: masks * ids[:, None, None], "of shape (6, 8)"),
        "one object of a class": (
            edited(
                semantic,
                "zip(masks, class_ids)",
                "{int(k): (m, k) for m, k in zip(masks, class_ids)}.values()",
            ),
            "each must carry its class's index",
        ),
        "two objects, however many": (lambda m, ids: m[0] * ids[0] + m[1] * ids[1], "three objects"),
    },
    "01.3": {
        "pixels": (lambda mask, class_id: int((mask == class_id).sum()), "count pixels"),
        "corners apart": (counted("connectivity=2", "connectivity=1"), "corner"),
        "one diagonal": (lambda mask, class_id: label(mask == class_id, ONE_DIAGONAL)[1], "either diagonal"),
        "this class or a higher one": (counted("==", ">="), "Class 3 is not in"),
        "background is nothing": (lambda mask, class_id: blobs(mask, class_id) * (class_id > 0), "Class 0"),
        "all classes at once": (counted("== class_id", "> 0"), "Class 3"),
        "all classes but 0 at once, then those of one": (
            lambda m, k: len({*measure.label(m.numpy())[(m == k).numpy()].tolist()}),
            "class 0 has 3 blobs",
        ),
        "void is background": (lambda mask, k: blobs(mask % 255, k), "class 0 has 3 blobs"),
        "more than a pixel": (
            lambda mask, k: sum(
                part.area > 1 for part in measure.regionprops(measure.label((mask == k).numpy()))
            ),
            "a U and a single pixel",
        ),
        "a pixel is new if none above or left of it was": (one_pass, "You count 3"),
        "counted twice": (lambda mask, k: 2 * blobs(mask, k), "There are 2 blobs of class 1"),
    },
    "01.4": {
        "the textbook's: void is background": (lambda *given: labels_from_colors(*given) % 255, "background"),
        "void is one more class": (colored("255", "len(colors)"), "255"),
        "red channel only": (colored(".all(0)", "[0]"), "you say"),
        "without blue": (colored(".all(0)", "[:2].all(0)"), "you say"),
        "void of VOC by heart": (void_by_heart, "Another data set"),
        "void by one channel": (void_by_red, "(128, 0, 0) is of class 1; you say 255"),
        "background is void": (colored("= class_id", "= class_id or 255"), "of class 0; you say 255"),
    },
    "01.5": {
        "as at first": (2.0, "At most 15 clicks"),
        "too coarse": (16.0, "At least 0.9"),
        "below nothing": (-1.0, "at least 0"),
        "one click": (999.0, "1 click reaches"),
        "without end": (1e9, "a number of pixels"),
    },
}
