"""Wrong answers to the exercises of notebook 03a, and the words each must be told."""

import torch

from seglib.course.content.nb03a.answers import batch_weights, count_classes, median_frequency, weighted_loss


def void_as_background(masks, num_classes):
    return count_classes([torch.where(mask == 255, 0, mask) for mask in masks], num_classes)


def pixels_twice(masks, num_classes):
    pixels, _ = count_classes(masks, num_classes)
    return pixels, pixels


def up_to_the_largest(masks, num_classes):
    flat = torch.cat([mask.flatten() for mask in masks])
    return flat[flat != 255].bincount(), torch.tensor([3, 1, 1])


def of_pixels(logits, truth):
    return -logits.log_softmax(1)[torch.arange(len(truth)), truth]


def over_pixels(logits, truth, weights):
    return (weights[truth] * of_pixels(logits, truth)).mean()


def in_the_order_of_the_pixels(logits, truth, weights):
    by_pixel = weights.repeat(len(truth))[: len(truth)]
    return (by_pixel * of_pixels(logits, truth)).sum() / by_pixel.sum()


def by_hand(logits, truth, weights):
    p = logits.exp() / logits.exp().sum(1, keepdim=True)
    losses = -p[torch.arange(len(truth)), truth].log()
    return (weights[truth] * losses).sum() / weights[truth].sum()


def over_all_images(pixels):
    share = pixels.sum(0) / pixels.sum()
    return share.median() / share


def mean_in_place_of_median(pixels):
    around = ((pixels > 0) * pixels.sum(1, keepdim=True)).sum(0)
    frequency = pixels.sum(0) / around
    return frequency.mean() / frequency


def median_of_counts(pixels):
    return pixels.sum(0).median() / pixels.sum(0)


def by_number_of_images(pixels):
    frequency = pixels.sum(0) / (pixels > 0).sum(0)
    return frequency.median() / frequency


def all_classes(pixels):
    return torch.where(pixels > 0, pixels.sum() / (len(pixels) * pixels.clamp(min=1)), 0)


WRONG = {
    "03a.1": {
        "void is background": (void_as_background, "void"),
        "pixels where images are asked": (pixels_twice, "an image counts once"),
        "only the classes that occur": (up_to_the_largest, "Class 3 never occurs"),
        "the first image": (lambda masks, k: count_classes(masks[:1], k), "three masks hold"),
    },
    "03a.2": {
        "over the number of pixels": (over_pixels, "sum of the weights"),
        "a sum": (lambda logits, truth, w: (w[truth] * of_pixels(logits, truth)).sum(), "does not grow"),
        "over the weights of the classes": (
            lambda x, t, w: (w[t] * of_pixels(x, t)).sum() / w.sum(),
            "weights of the classes",
        ),
        "without weights": (lambda logits, truth, w: of_pixels(logits, truth).mean(), "change nothing"),
        "the sign": (lambda *given: -weighted_loss(*given), "The sign"),
        "no logarithm": (lambda x, t, w: of_pixels(x, t).neg().exp().mean(), "mean probability"),
        "softmax over the pixels": (lambda x, t, w: -x.log_softmax(0)[torch.arange(6), t].mean(), "Softmax"),
        "weights by place": (in_the_order_of_the_pixels, "weight of its true class"),
        "exp, then log": (by_hand, "overflows"),
        "a number without gradient": (lambda *given: weighted_loss(*given).item(), "no gradient"),
    },
    "03a.3": {
        "over the pixels of all images": (over_all_images, "images that contain it"),
        "median of the counts": (median_of_counts, "images that contain it"),
        "over the number of images": (by_number_of_images, "number of images"),
        "upside down": (lambda pixels: 1 / median_frequency(pixels), "Upside down"),
        "mean in place of median": (mean_in_place_of_median, "must have the weight 1"),
    },
    "03a.4": {
        "none": (lambda shares: torch.ones(len(shares)), "best of the three"),
        "inverse frequency": (lambda shares: 1 / shares, "best of the three"),
        "the frequent ones": (lambda shares: shares, "best of the three"),
        "negative": (lambda shares: -shares, "below 0"),
        "infinite": (lambda shares: 1 / (shares * 0), "infinite"),
    },
    "03a.5": {
        "the bug itself": (lambda pixels: pixels.sum() / (len(pixels) * pixels), "0 times that"),
        "K of all classes": (all_classes, "not there"),
        "at least one pixel": (lambda pixels: batch_weights(pixels.clamp(min=1)), "1"),
        "all alike": (lambda pixels: torch.ones(len(pixels)), "contribute the same"),
        "median in place of mean": (lambda p: p.median() / p.clamp(min=1) * (p > 0), "should weigh 1"),
        "1 where absent": (lambda p: torch.where(p > 0, batch_weights(p), 1), "gets 0"),
    },
}
