"""The proposal explorer without a browser: every state in images and words, and what is displayed."""

from __future__ import annotations

import io
import itertools
import re
import subprocess
import sys

import pytest
import torch
from PIL import Image

from seglib.draw import edges
from seglib.widgets import ProposalExplorer
from seglib.widgets.proposals.explorer import VIEWS
from seglib.widgets.proposals.painting import BLUE, ORANGE
from tests.widgets.explorers import (
    IMAGE,
    LABELS,
    MEMBERS,
    OBJECTS,
    given,
)


@pytest.fixture
def explorer() -> ProposalExplorer:
    return ProposalExplorer(**given())


def test_every_state_has_a_image_words_and_crops(explorer: ProposalExplorer) -> None:
    facts = explorer._facts
    assert (facts.counts, facts.numbers) == ((4, 3, 2, 1), (1, 2, 3, 4, 5))
    for view, left, number, selected, painted, (opacity, hatch) in itertools.product(
        VIEWS, facts.counts, facts.numbers, (-1, 0, 1), range(4), ((0.0, True), (0.5, False), (1.0, True))
    ):
        explorer.view, explorer.left, explorer.number = view, left, number
        explorer.selected, explorer.painted = selected, painted
        explorer.opacity, explorer.hatch = opacity, hatch
        image = explorer.compose()
        assert image.shape == IMAGE.shape and image.dtype == torch.uint8
        assert torch.equal(image, IMAGE) == (
            (view != "proposals" and opacity == 0) or (view == "paste" and not painted)
        )
        assert explorer.says().endswith(".")
        assert (explorer.region is None) == (view == "grouping" or (view == "paste" and not painted))
        assert (explorer.crops is None) == (explorer.region is None)
        for cursor in (None, [15, 11]):
            explorer.set_trait("cursor", cursor)
            assert explorer.read_out().startswith("x 15, y 11 · ") == (explorer.cursor is not None)


def test_the_grouping_step_by_step(explorer: ProposalExplorer) -> None:
    explorer.cursor, sentences = [0, 0], []
    for explorer.left in (4, 3, 2, 1):
        sentences.append((explorer.says(), explorer.read_out().partition(" · ")[2]))
    assert sentences == [
        (
            "4 superpixels. The two with stripes merge next: similarity 3.50.",
            "a region of 64 pixels, 1 superpixel",
        ),
        (
            "3 of 4 regions are left. The two with stripes merge next: similarity 2.25.",
            "a region of 128 pixels, 2 superpixels",
        ),
        (
            "2 of 4 regions are left. The two with stripes merge next: similarity 0.50.",
            "a region of 128 pixels, 2 superpixels",
        ),
        ("One region is left: the whole image.", "a region of 192 pixels, 4 superpixels"),
    ]


def test_regions_have_their_mean_colour_and_the_pair_is_striped(explorer: ProposalExplorer) -> None:
    explorer.opacity = 1.0
    image = explorer.compose()
    free = ~edges(LABELS)
    free[7:9] = free[:, 7:9] = False  # rims
    mean = IMAGE[:, LABELS == 2].float().mean(dim=1).round().byte()
    assert (image[:, free & (LABELS == 2)] == mean[:, None]).all()
    for superpixel, ink in ((0, ORANGE), (1, BLUE)):
        colours = {tuple(colour) for colour in image[:, free & (superpixel == LABELS)].T.tolist()}
        mean = IMAGE[:, superpixel == LABELS].float().mean(dim=1).round().byte()
        assert ink in colours and tuple(mean.tolist()) in colours
    explorer.left = 1
    whole = IMAGE.flatten(1).float().mean(dim=1).round().byte()
    assert (explorer.compose() == whole[:, None, None]).all()


def test_without_an_object_the_last_region_is_shown(explorer: ProposalExplorer) -> None:
    explorer.view, explorer.selected = "proposals", -1
    for explorer.number in range(1, 6):
        assert explorer.region == explorer.number - 1 and explorer.overlap is None
    assert explorer.says() == "Region 5 of 5: 112 pixels."
    image = explorer.compose()
    inside = MEMBERS[4][LABELS]
    clear = inside.clone()
    clear[:, 7] = clear[8, :] = clear[7, 8:] = False  # the rim
    clear[8:, 11] = clear[:, 8] = False
    dotted = edges(explorer._facts.ids)
    assert torch.equal(image[:, clear & ~dotted], IMAGE[:, clear & ~dotted])
    assert (image[:, 0:6, 13:] <= IMAGE[:, 0:6, 13:] // 2 + 1).all()


def test_stripes_mark_what_is_not_shared(explorer: ProposalExplorer) -> None:
    explorer.view, explorer.selected, explorer.number = (
        "proposals",
        0,
        1,
    )  # the whole image for superpixel 1
    image = explorer.compose()[:, 8:, :7].flatten(1).int()
    near = ((image - torch.tensor(ORANGE)[:, None]).abs() <= 26).all(dim=0)
    assert 0.25 < near.float().mean() < 0.55
    explorer.selected, explorer.number = 1, 4  # superpixel 3 for an object with pixels of superpixel 2
    target = OBJECTS[1] & (LABELS == 2)
    missed = explorer.compose()[:, target].int()
    assert ((missed - torch.tensor(BLUE)[:, None]).abs() <= 26).all(dim=0).any()


def test_displayed_it_carries_words_and_a_copy_that_needs_nothing(explorer: ProposalExplorer) -> None:
    bundle, _ = explorer._repr_mimebundle_()
    html = bundle["text/html"]
    assert bundle["text/plain"] == explorer.description() == repr(explorer)
    first = "Proposals of an image, 16 x 12 pixels: 5 regions; grouping begins with 4 superpixels."
    assert explorer.description().splitlines()[0] == first
    assert html.count("</script>") == 1 and not re.findall(
        r"https?://(?!www.w3.org)|//cdn|src=\"(?!data:)", html
    )
    for explorer.view in VIEWS:
        still = Image.open(io.BytesIO(explorer.still()))
        assert still.format == "PNG" and still.width > 500


def test_importing_it_imports_no_superpixels() -> None:
    code = "import sys, seglib.widgets; print([name for name in sys.modules if 'regions' in name])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
