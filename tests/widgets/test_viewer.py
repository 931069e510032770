"""The mask viewer without a browser: its state as images and words, errors, what is sent."""

from __future__ import annotations

import itertools
from typing import Any

import ipywidgets
import numpy as np
import pytest
import torch
import traitlets
from torch import Tensor

from seglib import draw
from seglib.labels import Classes
from seglib.widgets import MaskViewer
from seglib.widgets.viewer import MODES, linked
from tests.refused import refused
from tests.widgets.kit import instances, labels, pixels

CLASSES = Classes.of("background", "fish", "crab")
WITHOUT_BACKGROUND = Classes.of("sky", "road", "car")
IMAGE = torch.randint(0, 256, (3, 6, 8), generator=torch.Generator().manual_seed(0)).byte()
TRUTH = torch.tensor([[0, 0, 0, 0, 2, 2, 2, 2], [0, 1, 1, 0, 2, 2, 2, 255]]).repeat(3, 1)
PRED = TRUTH.roll(1, dims=1).where(TRUTH != 255, 0)


def viewer(classes: Classes = CLASSES, **state: Any) -> MaskViewer:
    return MaskViewer(IMAGE, {"truth": TRUTH, "prediction": PRED}, classes=classes, **state)


def test_every_state_has_an_image() -> None:
    shown = viewer()
    names = [*CLASSES, "void"]
    for mode, layer, opacity, outline, hatch, count in itertools.product(
        MODES, ("truth", "prediction"), (0.0, 0.4, 1.0), (True, False), (True, False), range(len(names) + 1)
    ):
        shown.mode, shown.layer, shown.opacity, shown.outline = mode, layer, opacity, outline
        shown.hatch, shown.visible = hatch, names[:count]
        image = shown.compose()
        assert image.shape == (3, 6, 16 if mode == "side by side" else 8)
        assert image.dtype == torch.uint8
        if mode == "overlay" and (opacity == 0 or count <= 1):
            assert torch.equal(image, IMAGE)  # nothing painted: no colour, or only the background is visible


NOT_CRAB = TRUTH.where(TRUTH != 2, 0)
DIFFERENCE = draw.difference(IMAGE, PRED, TRUTH)
BOTH = torch.cat([draw.overlay(IMAGE, mask, CLASSES) for mask in (TRUTH, PRED)], dim=2)
SHOWN: list[tuple[dict[str, Any], Tensor]] = [
    ({"opacity": 0.3, "hatch": True}, draw.overlay(IMAGE, TRUTH, CLASSES, opacity=0.3, hatch=True)),
    ({"layer": "prediction", "outline": False}, draw.overlay(IMAGE, PRED, CLASSES, outline=False)),
    # a hidden class is neither painted nor outlined
    ({"visible": ["fish", "void"]}, draw.overlay(IMAGE, NOT_CRAB, CLASSES)),
    ({"mode": "side by side"}, BOTH),
    # the truth is never compared with itself
    ({"mode": "difference", "layer": "truth"}, DIFFERENCE),
    ({"mode": "difference", "layer": "prediction"}, DIFFERENCE),
]


@pytest.mark.parametrize(("state", "expected"), SHOWN)
def test_the_image_is_the_librarys(state: dict[str, Any], expected: Tensor) -> None:
    assert torch.equal(viewer(**state).compose(), expected)


def test_one_map_is_next_to_its_image() -> None:
    one = MaskViewer(IMAGE, TRUTH, classes=CLASSES, mode="side by side").compose()
    assert torch.equal(one, torch.cat([IMAGE, viewer().compose()], dim=2))


def test_a_class_can_be_hidden_where_no_class_is_background() -> None:
    hidden = viewer(WITHOUT_BACKGROUND, visible=["car"]).compose()
    expected = draw.overlay(IMAGE, TRUTH.where(TRUTH == 2, 0), CLASSES)
    same = TRUTH != 2
    assert torch.equal(hidden[:, same], expected[:, same])
    assert torch.equal(viewer(WITHOUT_BACKGROUND, visible=[]).compose(), IMAGE)


def test_what_is_sent_is_what_was_given() -> None:
    data = viewer(instances=instances(torch.stack([TRUTH == 1, TRUTH == 2]))).data
    assert (data["width"], data["height"]) == (8, 6)
    assert np.array_equal(pixels(data["image"]), IMAGE.permute(1, 2, 0).numpy())
    truth, pred = data["maps"]
    assert torch.equal(labels(truth["labels"], 8), TRUTH)
    assert truth["shares"] == ["38 %", "12 %", "44 %", "6 %"]
    assert pred["verdicts"] == {"right": "56 %", "wrong": "38 %", "void": "6 %"}
    assert truth["verdicts"] == {"right": "94 %", "wrong": "0 %", "void": "6 %"}
    assert torch.equal(labels(data["instances"], 8, "<u2"), TRUTH.where(TRUTH != 255, 0))


def test_a_large_image_is_sent_small() -> None:
    image = torch.zeros(3, 2048, 2048, dtype=torch.uint8)
    data = MaskViewer(image, image[0], classes=CLASSES).data
    assert len(data["image"]) + len(data["maps"][0]["labels"]) < image.numel() / 100


def test_of_a_photograph_of_twelve_megapixels_one_of_two_pixels_is_shown_and_it_says_so() -> None:
    rng = torch.Generator().manual_seed(0)
    image = torch.randint(0, 256, (3, 3000, 4000), dtype=torch.uint8, generator=rng)
    mask = torch.randint(0, 3, (3000, 4000), dtype=torch.uint8, generator=rng)
    shown = MaskViewer(image, mask, classes=CLASSES, instances=instances((mask == 1)[None]))
    data, note = shown.data, "Shown is 1 of every 2 pixels across and down."
    assert (data["width"], data["height"], data["stride"], data["note"]) == (2000, 1500, 2, note)
    assert torch.equal(labels(data["maps"][0]["labels"], 2000), mask[::2, ::2].long())
    assert torch.equal(labels(data["instances"], 2000, "<u2"), (mask[::2, ::2] == 1).long())
    assert shown.compose().shape == (3, 1500, 2000) and note in shown.description()
    assert len(shown.to_html()) < 20e6  # of noise; of a photograph a few megabytes
    assert viewer().data["stride"] == 1 and "Shown is" not in viewer().description()


GIVEN: dict[str, Any] = {"image": IMAGE, "maps": {"truth": TRUTH, "prediction": PRED}, "classes": CLASSES}

test_a_mistake_gets_one_sentence = refused(
    lambda wrong: MaskViewer(**GIVEN | wrong),
    ({"image": IMAGE.float()}, "the image must be .*float32"),
    ({"image": IMAGE[0]}, r"\(6, 8\) uint8"),
    ({"image": IMAGE.numpy()}, "ndarray"),
    ({"maps": {}}, "at least one"),
    ({"maps": TRUTH.numpy()}, "'mask' must be a tensor .*ndarray"),
    ({"maps": TRUTH.float()}, "'mask' is torch.float32"),
    ({"maps": {"truth": TRUTH[:4]}}, r"'truth' has the size \(4, 8\), the image \(6, 8\)"),
    ({"maps": {"guess": TRUTH + 1}}, "'guess' holds the value 3"),
    (
        {"instances": instances((TRUTH[:4] == 1)[None])},
        r"instances have the size \(4, 8\), the image \(6, 8\)",
    ),
    ({"visible": ["dog"]}, "no class is called 'dog'"),
    ({"layer": "guess"}, "no label map 'guess'.*truth, prediction"),
    ({"opactiy": 0.3}, "no option 'opactiy'; did you mean 'opacity'"),
    ({"height": 50}, "height"),
    ({"opacity": 1.5}, "opacity"),
    ({"maps": TRUTH, "mode": "difference"}, "needs two label maps"),
)


@pytest.mark.parametrize("state", [{"opacity": 1.5}, {"zoom": 0.5}, {"mode": "upside down"}])
def test_a_value_out_of_range_is_refused_and_nothing_changes(state: dict[str, Any]) -> None:
    shown = viewer()
    (name, value), before = next(iter(state.items())), shown.compose()
    with pytest.raises(traitlets.TraitError):
        setattr(shown, name, value)
    assert torch.equal(shown.compose(), before)


def test_linked_viewers_share_everything_but_the_label_map(monkeypatch: pytest.MonkeyPatch) -> None:
    links = []
    monkeypatch.setattr(ipywidgets, "jslink", lambda source, target: links.append((source, target)))
    both = linked(viewer(), viewer(layer="prediction"))
    assert [one.layer for one in both.children] == ["truth", "prediction"]
    assert {pair[0][0] for pair in links} == {both.children[0]}
    assert {pair[1][0] for pair in links} == {both.children[1]}
    names = {source[1] for source, _ in links}
    assert {"zoom", "center", "opacity", "mode", "visible"} <= names and "layer" not in names
    bundle = both._repr_mimebundle_()
    assert bundle["text/html"].count("<div data-seglib") == 2
    assert bundle["text/plain"].startswith("truth: ")


test_viewers_that_do_not_fit_are_not_linked = refused(
    linked,
    (viewer(), MaskViewer(IMAGE[:, :4], TRUTH[:4], classes=CLASSES), "one size"),
    (viewer(), viewer(WITHOUT_BACKGROUND), "same classes"),
    (viewer(), "two"),
)
