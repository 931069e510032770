"""Wrong answers to the exercises of notebook 01, and the words each must be told."""

import torch
from skimage import measure

from seglib.course.content.nb01.answers import labels_from_colors, semantic, tight_boxes


def end_inclusive(masks):
    return tight_boxes(masks) - torch.tensor([0, 0, 1, 1])


def width_and_height(masks):
    boxes = tight_boxes(masks)
    return torch.cat([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], dim=1)


def one_box_for_all(masks):
    return tight_boxes(masks.any(0, keepdim=True))


def object_numbers(masks, class_ids):
    return semantic(masks, torch.arange(1, len(masks) + 1))


def foreground_only(masks, class_ids):
    return masks.any(0)


def background_is_void(masks, class_ids):
    return torch.where(masks.any(0), semantic(masks, class_ids), 255)


def still_a_stack(masks, class_ids):
    return masks * class_ids[:, None, None]


def count(mask, class_id, connectivity=2):
    return int(measure.label((mask == class_id).numpy(), connectivity=connectivity).max())


def counts_every_class(mask, class_id):
    return count(mask > 0, True)


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


WRONG = {
    "01.1": {
        "end on the last pixel": (end_inclusive, "exclusive"),
        "rows before columns": (lambda masks: tight_boxes(masks)[:, [1, 0, 3, 2]], "swapped"),
        "x, y, width, height": (width_and_height, "corners"),
        "one box for all": (one_box_for_all, "(2, 4)"),
    },
    "01.2": {
        "object numbers": (object_numbers, "number of the object"),
        "foreground only": (foreground_only, "must hold the class"),
        "background is void": (background_is_void, "background"),
        "one layer per object": (still_a_stack, "One label per pixel"),
    },
    "01.3": {
        "pixels": (lambda mask, class_id: int((mask == class_id).sum()), "count pixels"),
        "corners apart": (lambda mask, class_id: count(mask, class_id, connectivity=1), "corner"),
        "all classes at once": (counts_every_class, "Class 3"),
    },
    "01.4": {
        "the textbook's: void is background": (void_is_background, "background"),
        "void is one more class": (void_is_a_class, "255"),
        "red channel only": (red_channel_only, "three channels"),
    },
}
