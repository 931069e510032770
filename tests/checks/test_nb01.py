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


def ends_of(masks):
    found = [torch.where(mask) for mask in masks]
    return torch.tensor([[xs.min(), ys[0], xs[-1] + 1, ys[-1] + 1] for ys, xs in found])


def largest_part(masks):
    parts = [max(measure.regionprops(measure.label(m.numpy())), key=lambda part: part.area) for m in masks]
    return torch.tensor([[x1, y1, x2, y2] for y1, x1, y2, x2 in (part.bbox for part in parts)])


def filled(mask, class_id, neighbours):
    """The blobs, counted by filling them from pixel to pixel."""
    left, blobs = {tuple(place) for place in (mask == class_id).nonzero().tolist()}, 0
    while left:
        blobs, todo = blobs + 1, [left.pop()]
        while todo:
            y, x = todo.pop()
            near = left & {(y + down, x + right) for down, right in neighbours}
            left -= near
            todo += near
    return blobs


SIX = ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, -1))  # of the eight neighbours


def by_channels(*channels):
    def read(image, colors, void_color):
        mask = torch.full(image.shape[1:], 255, dtype=torch.uint8)
        for class_id, color in enumerate(colors):
            mask[torch.stack([image[c] == color[c] for c in channels]).all(0)] = class_id
        return mask

    return read


def void_by_heart(image, colors, void_color):
    mask = labels_from_colors(image, colors, void_color)
    void = (image == torch.tensor((224, 224, 192))[:, None, None]).all(0)
    return torch.where((mask == 255) & ~void, 0, mask)


WRONG = {
    "01.1": {
        "end on the last pixel": (lambda masks: tight_boxes(masks) - torch.tensor([0, 0, 1, 1]), "exclusive"),
        "rows before columns": (lambda masks: tight_boxes(masks)[:, [1, 0, 3, 2]], "swapped"),
        "x, y, width, height": (width_and_height, "corners"),
        "x2 of the last pixel": (ends_of, "widest in its middle"),
        "the largest part": (largest_part, "cut it into parts"),
        "one box for all": (lambda masks: tight_boxes(masks.any(0, keepdim=True)), "(2, 4)"),
    },
    "01.2": {
        "object numbers": (lambda m, *_: semantic(m, torch.arange(1, len(m) + 1)), "number of the object"),
        "background is void": (lambda m, ids: torch.where(m.any(0), semantic(m, ids), 255), "background"),
        "ones": (lambda masks, *_: masks.any(0).byte(), "your map holds [0, 1]"),
        "in the opposite order": (lambda masks, ids: semantic(masks, ids.flip(0)), "their places are not"),
        "one layer per object": (lambda masks, ids: masks * ids[:, None, None], "of shape (6, 8)"),
    },
    "01.3": {
        "pixels": (lambda mask, class_id: int((mask == class_id).sum()), "count pixels"),
        "corners apart": (lambda mask, class_id: count(mask, class_id, connectivity=1), "corner"),
        "one diagonal": (lambda mask, class_id: filled(mask, class_id, SIX), "either diagonal"),
        "this class or a higher one": (
            lambda mask, class_id: int(measure.label((mask >= class_id).numpy()).max()),
            "Class 3 is not in",
        ),
        "background is nothing": (lambda mask, class_id: count(mask, class_id) * (class_id > 0), "Class 0"),
        "all classes at once": (lambda mask, *_: count(mask > 0, True), "Class 3"),
    },
    "01.4": {
        "the textbook's: void is background": (void_is_background, "background"),
        "void is one more class": (void_is_a_class, "255"),
        "red channel only": (red_channel_only, "you say"),
        "without blue": (by_channels(0, 1), "you say"),
        "void of VOC by heart": (void_by_heart, "Another data set"),
        "background is void": (background_is_void, "of class 0; you say 255"),
    },
    "01.5": {
        "as at first": (2.0, "At most 15 clicks"),
        "too coarse": (16.0, "At least 0.9"),
        "below nothing": (-1.0, "at least 0"),
        "one click": (999.0, "1 click reaches"),
        "without end": (1e9, "a number of pixels"),
    },
}
