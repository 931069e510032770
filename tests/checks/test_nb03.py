"""Wrong answers to the exercises of notebook 03, and the words each must be told."""

import torch
from torch.nn.functional import interpolate

from seglib.course.content.nb03.answers import count_classes, drop, edge_blur, median_frequency, shrink
from seglib.course.content.nb03.checks import EMPTY
from seglib.course.samples import delivery
from seglib.data.audit import audit


def void_as_background(masks, num_classes):
    return count_classes([torch.where(mask == 255, 0, mask) for mask in masks], num_classes)


def pixels_twice(masks, num_classes):
    pixels, _ = count_classes(masks, num_classes)
    return pixels, pixels


def up_to_the_largest(masks, num_classes):
    flat = torch.cat([mask.flatten() for mask in masks])
    return flat[flat != 255].bincount(), torch.tensor([3, 1, 1])


def over_all_images(pixels):
    share = pixels.sum(0) / pixels.sum()
    return share.median() / share


def mean_in_place_of_median(pixels):
    around = ((pixels > 0) * pixels.sum(1, keepdim=True)).sum(0)
    frequency = pixels.sum(0) / around
    return frequency.mean() / frequency


def median_of_counts(pixels):
    return pixels.sum(0).median() / pixels.sum(0)


def difference(fine, coarse):
    return -float((fine - coarse).mean())


def interpolated(mask, size):
    return interpolate(mask[None, None].float(), size=size, mode="bilinear")[0, 0].round().to(torch.uint8)


def void_as_background_first(mask, size):
    return shrink(torch.where(mask == 255, 0, mask), size)


WRONG = {
    "03.1": {
        "void is background": (void_as_background, "void"),
        "pixels where images are asked": (pixels_twice, "an image counts once"),
        "only the classes that occur": (up_to_the_largest, "Class 3 never occurs"),
        "the first image": (lambda masks, k: count_classes(masks[:1], k), "three masks hold"),
    },
    "03.2": {
        "over the pixels of all images": (over_all_images, "images that contain it"),
        "median of the counts": (median_of_counts, "images that contain it"),
        "upside down": (lambda pixels: 1 / median_frequency(pixels), "Upside down"),
        "mean in place of median": (mean_in_place_of_median, "must have the weight 1"),
        "all alike": (lambda pixels: torch.ones(3), "I expect"),
    },
    "03.3": {
        "mean over all pixels": (lambda fine, coarse: float((coarse / (fine + 1e-6)).mean()), "of the pairs"),
        "steepness, as Laplacian variance": (lambda fine, *_: -float(fine.square().mean()), "Calm, sharp"),
        "a difference, not a ratio": (difference, "Calm, sharp"),
        "high means sharp": (lambda fine, coarse: -edge_blur(fine, coarse), "High should mean blurred"),
        "not a number": (lambda fine, coarse: float((coarse * 0 / (fine * 0)).mean()), "NaN"),
        "always the same": (lambda fine, coarse: 0.5, "pairs"),
    },
    "03.4": {
        "only what the report calls wrong": (drop - {"pool_19"}, "1 missing"),
        "everything it names": ({*drop, EMPTY}, "Is its mask wrong?"),
        "a sound pool": ({*drop, "pool_00"}, "Nothing is wrong"),
        "the judge's copy": ({*drop, "check_06"}, "drop the copy"),
    },
    "03.5": {
        "the bug itself": (interpolated, "was not there"),
        "void becomes background": (void_as_background_first, "Void is gone"),
        "not shrunk": (lambda mask, size: mask, "shape"),
        "all background": (lambda mask, size: torch.zeros(size, dtype=torch.uint8), "Void is gone"),
    },
}


def test_the_audit_finds_every_planted_fault_and_the_odd_pool(tmp_path):
    """The names are told, so that the exercise can be solved; and nothing else is."""
    found = audit(delivery(tmp_path))
    told = {part.partition("/")[2] for finding in found.findings for part in finding.sample.split(" = ")}
    assert told - {""} == {*drop, EMPTY, "check_06"}
    checks = "sizes differ, no such class, all void, near leak, background only, blank image, class missing"
    assert {finding.check for finding in found.findings} == set(checks.split(", "))
    assert audit(delivery(tmp_path)).findings == found.findings  # written anew, the same
