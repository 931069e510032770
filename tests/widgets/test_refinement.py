"""The refinement explorer without a browser: every state in images and words, and what is displayed."""

from __future__ import annotations

import io
import itertools
import re
import subprocess
import sys

import pytest
import torch
from PIL import Image

from seglib import draw
from seglib.widgets import RefinementExplorer
from seglib.widgets.refinement.explorer import VIEWS
from seglib.widgets.refinement.painting import COLOURS, panels
from tests.widgets.refinements import CLASSES, IMAGE, NONE, ONE, RECTANGLE, TRUTH, UNSURE, given


@pytest.fixture
def explorer() -> RefinementExplorer:
    return RefinementExplorer(**given())


def test_every_state_has_images_and_words(explorer: RefinementExplorer) -> None:
    assert explorer._facts.stages == ("net", "possible", "inside", "reset")
    for view, scheme, number, stage, threshold, (difference, boxes), (opacity, hatch) in itertools.product(
        VIEWS,
        ("rectangles", "unsure"),
        range(3),
        explorer._facts.stages,
        (0.0, 0.5, 0.51, 1.0),
        ((False, True), (True, False)),
        ((0.0, True), (0.5, False), (1.0, True)),
    ):
        explorer.view, explorer.scheme, explorer.round = view, scheme, number
        explorer.stage, explorer.threshold, explorer.difference = stage, threshold, difference
        explorer.boxes, explorer.opacity, explorer.hatch = boxes, opacity, hatch
        image = explorer.compose()
        assert image.shape == (3, 3, 8) and image.dtype == torch.uint8
        assert explorer.says().endswith(".") and "  " not in explorer.says()
        assert bool(explorer.changes) == (view == "rules" and number > 0)
        assert explorer.label.shape == (3, 4) and explorer.quality is not None
        for cursor in (None, [3, 2]):
            explorer.set_trait("cursor", cursor)
            assert explorer.read_out().startswith("x 3, y 2 · truth: void") == (cursor is not None)


def test_the_two_images_are_painted_as_masks_are_elsewhere(explorer: RefinementExplorer) -> None:
    explorer.boxes, explorer.scheme = False, "unsure"
    truth, label = panels(explorer.state)
    assert torch.equal(truth, draw.overlay(IMAGE, TRUTH, CLASSES))
    assert torch.equal(label, draw.overlay(IMAGE, UNSURE, CLASSES))
    explorer.difference, explorer.scheme = True, "rectangles"
    assert torch.equal(panels(explorer.state)[1], draw.difference(IMAGE, RECTANGLE, TRUTH))


def test_what_is_ignored_is_not_called_wrong(explorer: RefinementExplorer) -> None:
    explorer.boxes, explorer.scheme, explorer.difference = False, "unsure", True
    judged = torch.where(UNSURE == 255, UNSURE, TRUTH)
    assert torch.equal(panels(explorer.state)[1], draw.difference(IMAGE, UNSURE, judged))


def test_a_box_has_a_line_inside_of_it_and_a_thick_one_when_it_is_reset() -> None:
    large = {
        "image": torch.full((3, 20, 30), 99, dtype=torch.uint8),
        "truth": torch.zeros(20, 30, dtype=torch.uint8),
        "one": ONE._replace(boxes=torch.tensor([[2, 3, 22, 18]])),
        "schemes": {},
        "rounds": [torch.eye(3)[0][:, None, None].expand(3, 20, 30)],
    }
    explorer = RefinementExplorer(**given(**large, view="rules", opacity=0))
    for threshold, wide in ((0.0, 1), (0.5, 3)):
        explorer.threshold = threshold
        line = torch.zeros(20, 30).bool()
        line[3:18, 2:22] = True
        line[3 + wide : 18 - wide, 2 + wide : 22 - wide] = False
        image = panels(explorer.state)[1]
        assert torch.equal((image != 99).all(dim=0), line)
        assert set(image[:, line].unique().tolist()) == {0, 255}


def test_changed_pixels_have_the_colour_of_the_last_rule(explorer: RefinementExplorer) -> None:
    explorer.view, explorer.threshold, explorer.boxes = "rules", 0.51, False
    image = panels(explorer.state)[0]
    changed = torch.tensor([[3, 0, 4, 4], [0, 0, 1, 4], [0, 3, 0, 0]])
    assert torch.equal(explorer.state.changed, changed.byte())
    dim = (IMAGE.float().mean(dim=0) * 0.6).byte()
    assert (image[:, changed == 0] == dim[changed == 0]).all()
    reset = {tuple(colour) for colour in image[:, changed == 4].T.tolist()}
    assert COLOURS["reset"] in reset  # the others are its hatching
    explorer.stage = "possible"
    assert explorer.state.changed.tolist() == [[0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]


def test_a_image_without_boxes_and_rounds() -> None:
    explorer = RefinementExplorer(IMAGE, TRUTH, NONE, CLASSES)
    assert list(explorer._facts.schemes) == ["rectangles"] and not explorer.label.any()
    assert explorer.says().startswith("No box is given. rectangles: mIoU ")
    for explorer.view in ("rounds", "rules"):
        assert explorer.says().endswith("No later rounds are given.")
        assert explorer.compose().shape == (3, 3, 8) and explorer.reset == () and explorer.still()
    assert "without boxes" in explorer.description()


def test_a_truth_that_is_all_void_is_said_to_be_unknown() -> None:
    explorer = RefinementExplorer(**given(truth=torch.full((3, 4), 255)))
    assert explorer.quality is None
    for explorer.view in VIEWS:
        assert "nan" not in explorer.says() + explorer.description()
    assert {cell for one in explorer.data["rounds"] for cell in one["cells"]} == {"–"}
    assert set(explorer.data["chart"]["lines"][0]["heights"]) == {None}


def test_displayed_it_carries_words_and_a_copy_that_needs_nothing(explorer: RefinementExplorer) -> None:
    bundle, _ = explorer._repr_mimebundle_()
    html = bundle["text/html"]
    assert bundle["text/plain"] == explorer.description() == repr(explorer)
    first = "Labels made from boxes, for an image of 4 x 3 pixels with boxes around fish."
    assert explorer.description().splitlines()[0] == first
    assert html.count("</script>") == 1 and not re.findall(
        r"https?://(?!www.w3.org)|//cdn|src=\"(?!data:)", html
    )
    for explorer.view in VIEWS:
        still = Image.open(io.BytesIO(explorer.still()))
        assert still.format == "PNG" and still.width > 500


def test_importing_it_imports_no_schemes() -> None:
    code = "import sys, seglib.widgets; print([name for name in sys.modules if 'seglib.weak' in name])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
