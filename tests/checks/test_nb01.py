"""Wrong answers to the exercises of notebook 01, and the words each must be told."""

import torch
from skimage import measure

from seglib.course.content.nb01.answers import labels_from_colors, semantic, tight_boxes


def width_and_height(masks):
    boxes = tight_boxes(masks)
    return torch.cat([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], dim=1)


def count(mask, class_id, connectivity=2):
    return int(measure.label((mask == class_id).numpy(), connectivity=connectivity).max())


def void_is_background(image, colors, void_color):
    mask = labels_from_colors(image, colors, void_color)
    return torch.where(mask == 255, 0, mask)


def void_is_a_class(image, colors, void_color):
    mask = labels_from_colors(image, colors, void_color)
    return torch.where(mask == 255, len(colors), mask)


def red_channel_only(image, colors, void_color):
    mask = torch.full(image.shape[1:], 255, dtype=torch.uint8)
    for class_id, color in enumerate(colors):
        mask[image[0] == color[0]] = class_id
    return mask


def background_is_void(image, colors, void_color):
    mask = labels_from_colors(image, colors, void_color)
    return torch.where(mask == 0, 255, mask)


WRONG = {
    "01.1": {
        "end on the last pixel": (lambda masks: tight_boxes(masks) - torch.tensor([0, 0, 1, 1]), "exclusive"),
        "rows before columns": (lambda masks: tight_boxes(masks)[:, [1, 0, 3, 2]], "swapped"),
        "x, y, width, height": (width_and_height, "corners"),
        "one box for all": (lambda masks: tight_boxes(masks.any(0, keepdim=True)), "(2, 4)"),
    },
    "01.2": {
        "object numbers": (lambda m, *_: semantic(m, torch.arange(1, len(m) + 1)), "number of the object"),
        "background is void": (lambda m, ids: torch.where(m.any(0), semantic(m, ids), 255), "background"),
        "ones": (lambda masks, *_: masks.any(0).byte(), "your map holds [0, 1]"),
        "one layer per object": (lambda masks, ids: masks * ids[:, None, None], "of shape (6, 8)"),
    },
    "01.3": {
        "pixels": (lambda mask, class_id: int((mask == class_id).sum()), "count pixels"),
        "corners apart": (lambda mask, class_id: count(mask, class_id, connectivity=1), "corner"),
        "all classes at once": (lambda mask, *_: count(mask > 0, True), "Class 3"),
    },
    "01.4": {
        "the textbook's: void is background": (void_is_background, "background"),
        "void is one more class": (void_is_a_class, "255"),
        "red channel only": (red_channel_only, "you say"),
        "background is void": (background_is_void, "of class 0; you say 255"),
    },
    "01.5": {
        "as at first": (2.0, "At most 15 clicks"),
        "too coarse": (16.0, "At least 0.9"),
        "below nothing": (-1.0, "at least 0"),
        "without end": (1e9, "a number of pixels"),
    },
}
