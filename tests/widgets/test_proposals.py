"""The proposal explorer without a browser: every state in pictures and words, beside the library's own."""

from __future__ import annotations

import io
import itertools
import math
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from seglib import draw
from seglib.data.dataset import Instances
from seglib.data.scenes import Scenes
from seglib.labels import Classes
from seglib.patterns import edges
from seglib.regions import Proposals
from seglib.regions.hierarchy import Hierarchy
from seglib.regions.recall import best_overlap, recall
from seglib.regions.search import propose
from seglib.regions.selection import paint, paste, pick
from seglib.widgets import ProposalExplorer
from seglib.widgets.proposals.explorer import VIEWS
from seglib.widgets.proposals.painting import BLUE, ORANGE
from seglib.widgets.proposals.stops import counts_down, numbers_up

CLASSES = Classes.of("background", "fish", "crab")
LABELS = (
    torch.tensor([[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 2, 3]]).repeat_interleave(4, 0).repeat_interleave(4, 1)
)
MEMBERS = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1], [1, 0, 1, 0]]).bool()
PROPOSALS = Proposals(LABELS, MEMBERS, torch.linspace(1, 0.2, 5))
TREE = Hierarchy(LABELS, torch.tensor([[0, 1], [2, 3], [4, 5]]), torch.tensor([3.5, 2.25, 0.5]).double())
IMAGE = torch.randint(0, 256, (3, 12, 16), generator=torch.Generator().manual_seed(0)).byte()
# Object 1, a fish: superpixel 1. Object 2, a crab: superpixel 3 and as many pixels of 2.
OBJECTS = torch.stack([LABELS == 1, (LABELS == 3) | ((LABELS == 2) & (torch.arange(16) >= 8))])
INSTANCES = Instances(OBJECTS, torch.tensor([1, 2]), torch.zeros(2, 4, dtype=torch.int64))
LESS = -math.inf
SCORES = torch.tensor(
    [[LESS, -1.0, -2.0], [LESS, 0.25, -1.0], [LESS, 0.75, 0.5], [LESS, -0.5, 1.5], [LESS, -0.1, 0.4]]
)


def given(**changes: object) -> dict[str, object]:
    known = {"proposals": PROPOSALS, "instances": INSTANCES, "classes": CLASSES, "hierarchy": TREE}
    return {"image": IMAGE, **known, "scores": SCORES, **changes}


@pytest.fixture
def explorer() -> ProposalExplorer:
    return ProposalExplorer(**given())


def test_every_state_has_a_picture_words_and_crops(explorer: ProposalExplorer) -> None:
    facts = explorer._facts
    assert (facts.counts, facts.numbers) == ((4, 3, 2, 1), (1, 2, 3, 4, 5))
    for view, left, number, selected, painted, (opacity, hatch) in itertools.product(
        VIEWS, facts.counts, facts.numbers, (-1, 0, 1), range(4), ((0.0, True), (0.5, False), (1.0, True))
    ):
        explorer.view, explorer.left, explorer.number = view, left, number
        explorer.selected, explorer.painted = selected, painted
        explorer.opacity, explorer.hatch = opacity, hatch
        picture = explorer.compose()
        assert picture.shape == IMAGE.shape and picture.dtype == torch.uint8
        assert torch.equal(picture, IMAGE) == (
            (view != "proposals" and opacity == 0) or (view == "paste" and not painted)
        )
        assert explorer.says().endswith(".")
        assert (explorer.region is None) == (view == "grouping" or (view == "paste" and not painted))
        assert (explorer.crops is None) == (explorer.region is None)
        for explorer.cursor in (None, [15, 11]):
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
        ("One region is left: the whole picture.", "a region of 192 pixels, 4 superpixels"),
    ]


def test_regions_have_their_mean_colour_and_the_pair_is_striped(explorer: ProposalExplorer) -> None:
    explorer.opacity = 1.0
    picture = explorer.compose()
    free = ~edges(LABELS)
    free[7:9] = free[:, 7:9] = False  # rims
    mean = IMAGE[:, LABELS == 2].float().mean(dim=1).round().byte()
    assert (picture[:, free & (LABELS == 2)] == mean[:, None]).all()
    for superpixel, ink in ((0, ORANGE), (1, BLUE)):
        colours = {tuple(colour) for colour in picture[:, free & (superpixel == LABELS)].T.tolist()}
        mean = IMAGE[:, superpixel == LABELS].float().mean(dim=1).round().byte()
        assert ink in colours and tuple(mean.tolist()) in colours
    explorer.left = 1
    whole = IMAGE.flatten(1).float().mean(dim=1).round().byte()
    assert (explorer.compose() == whole[:, None, None]).all()


@pytest.mark.parametrize(
    ("number", "selected", "region", "overlap"),
    [
        (1, 0, 0, 64 / 192),
        (2, 0, 1, 0.5),
        (3, 0, 2, 1.0),
        (5, 0, 2, 1.0),
        (1, 1, 0, 32 / 192),
        (4, 1, 3, 0.5),
        (5, 1, 3, 0.5),
    ],
)
def test_the_best_region_by_hand(
    explorer: ProposalExplorer, number: int, selected: int, region: int, overlap: float
) -> None:
    explorer.view, explorer.number, explorer.selected = "proposals", number, selected
    assert (explorer.region, explorer.overlap) == (region, pytest.approx(overlap))
    assert (
        f"region {region + 1} fits {['fish', 'crab'][selected]} best: overlap {overlap:.2f}."
        in explorer.says()
    )


def test_recall_by_hand(explorer: ProposalExplorer) -> None:
    explorer.view, explorer.number = "proposals", 4
    assert explorer.says().startswith(
        "The first 4 of 5 proposals find 2 of 2 objects at an overlap of 0.5, 1 at 0.7; "
        "average best overlap 0.75."
    )
    lines = {line["name"]: line["heights"] for line in explorer.data["recall"]["lines"]}
    assert lines["found at 0.5"] == [0, 0.5, 0.5, 1, 1]
    assert lines["found at 0.7"] == [0, 0, 0.5, 0.5, 0.5]
    assert lines["average best overlap"] == [0.25, 0.3333, 0.5833, 0.75, 0.75]


def test_without_an_object_the_last_region_is_shown(explorer: ProposalExplorer) -> None:
    explorer.view, explorer.selected = "proposals", -1
    for explorer.number in range(1, 6):
        assert explorer.region == explorer.number - 1 and explorer.overlap is None
    assert explorer.says() == "Region 5 of 5: 112 pixels."
    picture = explorer.compose()
    inside = MEMBERS[4][LABELS]
    clear = inside.clone()
    clear[:, 7] = clear[8, :] = clear[7, 8:] = False  # the rim
    clear[8:, 11] = clear[:, 8] = False
    dotted = edges(explorer._facts.ids)
    assert torch.equal(picture[:, clear & ~dotted], IMAGE[:, clear & ~dotted])
    assert (picture[:, 0:6, 13:] <= IMAGE[:, 0:6, 13:] // 2 + 1).all()


def test_stripes_mark_what_is_not_shared(explorer: ProposalExplorer) -> None:
    explorer.view, explorer.selected, explorer.number = (
        "proposals",
        0,
        1,
    )  # the whole picture for superpixel 1
    picture = explorer.compose()[:, 8:, :7].flatten(1).int()
    near = ((picture - torch.tensor(ORANGE)[:, None]).abs() <= 26).all(dim=0)
    assert 0.25 < near.float().mean() < 0.55
    explorer.selected, explorer.number = 1, 4  # superpixel 3 for an object with pixels of superpixel 2
    target = OBJECTS[1] & (LABELS == 2)
    missed = explorer.compose()[:, target].int()
    assert ((missed - torch.tensor(BLUE)[:, None]).abs() <= 26).all(dim=0).any()


def test_the_paste_is_the_librarys_step_by_step(explorer: ProposalExplorer) -> None:
    explorer.view = "paste"
    order = pick(PROPOSALS, SCORES, threshold=0)
    assert order.tolist() == [4, 2, 3] and explorer.painted == 3
    for explorer.painted in range(4):
        expected = paint(PROPOSALS, SCORES, order[: explorer.painted])
        assert torch.equal(explorer.mask, expected)
        if not explorer.painted:
            assert torch.equal(explorer.compose(), draw.overlay(IMAGE, expected, CLASSES))
    assert torch.equal(explorer.mask, paste(PROPOSALS, SCORES, threshold=0))
    assert explorer.says() == "3 of 3: crab, score +1.50, 16 pixels."


def test_what_a_paste_covers_is_told() -> None:
    scores = SCORES.clone()
    scores[1] = torch.tensor([LESS, 0.9, -1.0])  # two superpixels over the crab's
    explorer = ProposalExplorer(**given(scores=scores, view="paste", painted=2))
    assert explorer.says() == "2 of 3: fish, score +0.90, 128 pixels; it covers 64 of crab."
    assert [one["given"] for one in [explorer.data["paste"]]] == [True]


@pytest.mark.parametrize("threshold", [-5.0, 0.45, 9.0])
def test_the_threshold_is_that_of_paste(threshold: float) -> None:
    explorer = ProposalExplorer(**given(threshold=threshold, view="paste"))
    assert torch.equal(explorer.mask, paste(PROPOSALS, SCORES, threshold=threshold))
    if threshold == 9:
        assert explorer.says() == "No region scores more than the threshold, so nothing is pasted."


def test_the_background_is_never_pasted_whatever_it_scores() -> None:
    scores = SCORES.clone()
    scores[:, 0] = 7
    assert torch.equal(ProposalExplorer(**given(scores=scores)).mask, paste(PROPOSALS, SCORES, threshold=0))


def test_scores_of_the_region_on_show(explorer: ProposalExplorer) -> None:
    explorer.view, explorer.number, explorer.selected = "proposals", 5, 0
    assert "Scores of the region on show: fish +0.75, crab +0.50." in explorer.description()
    sent = explorer.data["regions"]
    assert sent["classes"] == ["fish", "crab"] and sent["texts"][2] == ["+0.75", "+0.50"]
    width = 1.5 + 2.0
    assert sent["zero"] == pytest.approx(2 / width, abs=1e-4)
    assert sent["ends"][2] == pytest.approx([2.75 / width, 2.5 / width], abs=1e-4)


def test_a_class_that_was_never_trained_has_no_bar() -> None:
    scores = SCORES.clone()
    scores[:, 2] = LESS
    sent = ProposalExplorer(**given(scores=scores)).data["regions"]
    assert all(
        texts[1] == "–" and ends[1] == sent["zero"] for texts, ends in zip(sent["texts"], sent["ends"])
    )


def real(index: int) -> tuple[Tensor, Proposals, Instances, ProposalExplorer]:
    pools = Scenes(length=index + 1, size=(96, 96))
    image, proposals = pools[index][0], propose(pools[index][0], 300)
    return (
        image,
        proposals,
        pools.instances(index),
        ProposalExplorer(image, proposals, pools.instances(index), pools.classes),
    )


@pytest.mark.parametrize("index", [0, 1])
def test_on_a_scene_every_number_is_the_librarys(index: int) -> None:
    _, proposals, objects, explorer = real(index)
    for number in explorer._facts.numbers:
        explorer.number = number
        first = proposals.subset(range(explorer.number))
        best = best_overlap(first, objects.masks)
        stop = explorer.state.stop
        assert torch.equal(explorer._facts.overlaps[stop], best)
        heights = {line["name"]: line["heights"][stop] for line in explorer.data["recall"]["lines"]}
        assert heights["found at 0.5"] == pytest.approx(recall(best, 0.5), abs=1e-4)
        assert heights["average best overlap"] == pytest.approx(float(best.mean()), abs=1e-4)
        explorer.view = "proposals"
        for explorer.selected in range(len(objects)):
            assert explorer.region is not None and explorer.region < explorer.number
            overlap = proposals.overlaps(objects.masks[explorer.selected])[explorer.region]
            assert explorer.overlap == overlap == best[explorer.selected]


def test_what_is_shown_is_little_of_what_was_proposed() -> None:
    _, proposals, _, explorer = real(0)
    assert len(explorer._facts.regions) < len(proposals) / 2
    assert len(explorer.to_html()) < 400_000


@pytest.mark.parametrize("superpixels", [1, 2, 7, 180, 181, 5000])
def test_the_grouping_slider_goes_down_to_one_and_sees_the_last_hundred(superpixels: int) -> None:
    counts = counts_down(superpixels)
    assert counts[0] == superpixels and counts[-1] == 1 and len(counts) <= 181
    assert (np.diff(counts) < 0).all() and (np.diff(counts[-100:]) == -1).all()


@pytest.mark.parametrize("total", [1, 2, 11, 80, 81, 1000, 2000, 12345])
def test_the_number_slider_goes_up_to_all(total: int) -> None:
    numbers = numbers_up(total)
    assert numbers[0] == 1 and numbers[-1] == total and len(numbers) <= 50
    assert (np.diff(numbers) > 0).all()


def test_displayed_it_carries_words_and_a_copy_that_needs_nothing(explorer: ProposalExplorer) -> None:
    bundle, _ = explorer._repr_mimebundle_()
    html = bundle["text/html"]
    assert bundle["text/plain"] == explorer.description() == repr(explorer)
    first = "Proposals of a picture, 16 x 12 pixels: 5 regions; grouping begins with 4 superpixels."
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
