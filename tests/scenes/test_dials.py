"""Every dial does what it says, and nothing else."""

import numpy as np
import pytest
import torch
from skimage.color import rgb2gray, rgb2lab
from skimage.filters import laplace
from skimage.morphology import dilation, disk

from seglib.labels import VOID, shares
from seglib.scenes import CLASSES, Dials, Scene, Scenes


def scenes(*, images: int = 12, side: int = 96, **dials: object) -> list[Scene]:
    dataset = Scenes(images, "test", (side, side), dials=Dials(**dials))
    return [dataset.scene(index) for index in range(images)]


def pixels(drawn: Scene) -> np.ndarray:
    """(H, W, 3) float, 0..1."""
    return drawn.image.permute(1, 2, 0).numpy() / 255


def share(name: str, **dials: object) -> float:
    drawn = scenes(images=60, side=48, **dials)
    return float(torch.stack([shares(one.mask, CLASSES)[CLASSES.index(name)] for one in drawn]).mean())


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [("clutter", 0.1, 0.9), ("camouflage", 0, 1), ("shadow", 0, 1), ("light", 0, 1), ("blur", 0, 2),
     ("noise", 0, 20), ("box_looseness", 1, 2), ("void_border", 0, 4)],
)  # fmt: skip
def test_most_dials_move_no_object(name, one, other):
    for left, right in zip(scenes(images=4, **{name: one}), scenes(images=4, **{name: other})):
        assert torch.equal(left.instances.masks, right.instances.masks)
        assert torch.equal(left.instances.classes, right.instances.classes)
        assert torch.equal(left.image, right.image) == (name in ("box_looseness", "void_border"))


def test_a_lower_frequency_makes_any_class_rarer():
    often, seldom, never = (share("seahorse", frequency=value) for value in (1.0, 0.2, 0.0))
    assert often > 2 * seldom > 0 and never == 0
    assert share("crab", rare="crab", frequency=0.1) < share("crab", rare="seahorse") / 3


def test_count_and_object_size():
    few, many = scenes(count=(1, 1)), scenes(count=(6, 6))
    assert {len(one.instances) for one in few} == {1}
    assert np.mean([len(one.instances) for one in many]) > 5
    drawn = [scenes(object_size=value) for value in (0.3, 0.6)]
    small, large = (
        np.mean([one.instances.masks.sum((1, 2)).float().mean() for one in many]) for many in drawn
    )
    assert 2.5 < large / small < 4.5, "twice as long is four times the area, less what leaves the image"


def roughness(drawn: list[Scene]) -> float:
    return float(np.mean([np.abs(np.diff(pixels(one), axis=0)).mean() for one in drawn]))


def fine_detail(drawn: list[Scene]) -> float:
    return float(np.mean([(laplace(rgb2gray(pixels(one))) ** 2).mean() for one in drawn]))


def color_distance(drawn: list[Scene]) -> float:
    """Mean CIELAB distance between an object's mean colour and that of the background next to it."""
    distances = []
    for one in drawn:
        lab, background = rgb2lab(pixels(one)), (one.mask == 0).numpy()
        for shape in one.instances.masks.numpy():
            near = dilation(shape, disk(6)) & background
            if near.any():
                distances.append(np.linalg.norm(lab[shape].mean(0) - lab[near].mean(0)))
    return float(np.mean(distances))


def unevenness(drawn: list[Scene]) -> float:
    flat = scenes(light=0, noise=0)
    return float(np.mean([np.std(pixels(a) / (pixels(b) + 0.05)) for a, b in zip(drawn, flat)]))


def void(drawn: list[Scene]) -> float:
    return float(sum(int((one.mask == VOID).sum()) for one in drawn))


@pytest.mark.parametrize(
    ("measure", "name", "values", "factor", "fixed"),
    [
        (roughness, "clutter", (0.0, 0.4, 1.0), 1, {"count": (0, 0), "noise": 0, "light": 0}),
        (color_distance, "camouflage", (1.0, 0.5, 0.0), 1.2, {}),  # brings the colours together
        (fine_detail, "blur", (3, 1, 0), 3, {"noise": 0}),
        (unevenness, "light", (0.2, 0.4, 1), 1.5, {"noise": 0}),
        (void, "void_border", (0, 1, 3), 1, {}),
    ],
)
def test_a_dial_turns_what_it_is_named_after(measure, name, values, factor, fixed):
    low, middle, high = (measure(scenes(**{name: value}, **fixed)) for value in values)
    assert factor * low < middle and factor * middle < high


def test_noise_has_the_size_it_says():
    for clean, noisy in zip(scenes(noise=0), scenes(noise=12)):
        inner = (pixels(clean) > 0.25) & (pixels(clean) < 0.75)  # where 0 and 255 cut nothing off
        error = (pixels(noisy) - pixels(clean))[inner] * 255
        assert error.std() == pytest.approx(12, rel=0.05)


def test_shadow_only_darkens():
    dials = {"camouflage": 0, "noise": 0, "blur": 0}
    for bright, dark in zip(scenes(shadow=0, **dials), scenes(shadow=1, **dials)):
        assert (dark.image <= bright.image).all() and (dark.image < bright.image).any()
