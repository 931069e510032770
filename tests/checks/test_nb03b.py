"""Wrong answers to the exercises of notebook 03b, and the words each must be told."""

import torch
from torch.nn.functional import interpolate

from seglib.course.content.nb03b.answers import drop, edge_blur, shrink
from seglib.course.content.nb03b.checks import EMPTY
from seglib.course.samples import delivery
from seglib.data.audit import audit
from tests.mutation import edited

interpolated = edited(shrink, '"nearest-exact"', '"bilinear"', ".to(", ".round().to(")


def corners_only(mask, size):
    small = shrink(mask, size)
    small[1:-1, 1:-1] = 9
    return small


def nearest_class(mask, size):
    mean, found = interpolate(mask[None, None].float(), size=size, mode="bilinear")[0, 0], mask.unique()
    return found[(mean[..., None] - found).abs().argmin(-1)]


def turned_steps(mask, size):
    (h, w), (rows, columns) = size, mask.shape
    return mask[(torch.arange(h) * columns // w).clamp(max=rows - 1)][
        :, (torch.arange(w) * rows // h).clamp(max=columns - 1)
    ]


def line(width, value=255):
    def drawn(image):
        image = image.clone()
        image[:, 4:6, 4 : 4 + width] = value
        return image

    return drawn


WRONG = {
    "03b.1": {
        "mean over all pixels": (lambda fine, coarse: float((coarse / (fine + 1e-6)).mean()), "of the pairs"),
        "sums over all pixels": (lambda fine, coarse: float(coarse.sum() / fine.sum()), "pairs"),
        "the median": (lambda fine, coarse: float((coarse / (fine + 1e-6)).median()), "pairs"),
        "steepness, as Laplacian variance": (lambda fine, *_: -float(fine.square().mean()), "pairs"),
        "a difference, not a ratio": (lambda fine, coarse: -float((fine - coarse).mean()), "pairs"),
        "high means sharp": (lambda fine, coarse: -edge_blur(fine, coarse), "High should mean blurred"),
        "not a number": (lambda fine, coarse: float((coarse * 0 / (fine * 0)).mean()), "NaN"),
        "the median at the edges": (edited(edge_blur, "quantile(0.1)", "median()"), "A few sharp edges"),
        "half of the pixels": (edited(edge_blur, "0.98", "0.5"), "A few sharp edges"),
    },
    "03b.2": {
        "as it is": (lambda image: image, "Nothing was changed"),
        "another image": (lambda image: 255 - image, "may"),
        "too long a line": (line(150), "may"),
        "a faint line": (line(50, 128), "must be below"),
        "a point": (line(2), "must be below"),
    },
    "03b.3": {
        "only what the report calls wrong": (drop - {"pool_03", "pool_19"}, "2 missing"),
        "everything it names": ({*drop, EMPTY}, "Is its mask wrong?"),
        "a sound pool": ({*drop, "pool_00"}, "Nothing is wrong"),
        "a name without its zero": ({"pool_7"}, "No training pool is called 'pool_7'"),
        "with the split": ({f"train/{name}" for name in drop}, "without the split"),
        "the judge's copy": ({*drop, "check_06"}, "drop the copy"),
        "numbers": ({3, 7, 11, 15, 19}, "Give a set of names"),
    },
    "03b.4": {
        "the bug itself": (interpolated, "was not there"),
        "limited to the last class": (lambda mask, size: interpolated(mask, size).clamp(max=9), "not there"),
        "void becomes background": (lambda mask, size: shrink(mask % 255, size), "Void is gone"),
        "not shrunk": (lambda mask, size: mask, "shape"),
        "cut out": (lambda mask, size: mask[: size[0], : size[1]], "Void is gone"),
        "the corners alone": (corners_only, "only a part"),
        "the class nearest to the mean": (nearest_class, "Between two classes there is no third"),
        "whole steps": (lambda m, s: m[:: len(m) // s[0], :: m.shape[1] // s[1]][: s[0], : s[1]], "a part"),
        "from the middle": (
            lambda m, s: m[(len(m) - s[0]) // 2 :, (m.shape[1] - s[1]) // 2 :][: s[0], : s[1]],
            "Void is gone",
        ),
        "height and width for each other": (turned_steps, "only a part"),
        "upside down": (lambda mask, size: shrink(mask, size).flip(0), "The corners held"),
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
