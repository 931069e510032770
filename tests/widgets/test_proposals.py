"""The proposal explorer without a browser: its frames by hand and as in the library, what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from seglib.data.dataset import Instances
from seglib.labels import Classes
from seglib.regions import Proposals, hierarchy, propose
from seglib.regions.crops import crops
from seglib.regions.grouping import Hierarchy
from seglib.regions.proposals import recall
from seglib.regions.segmenter import paste_regions
from seglib.scenes import Scenes
from seglib.widgets import ProposalExplorer
from seglib.widgets.film import Frame
from seglib.widgets.proposals import OVERLAP, _grouping, stops_down, stops_up
from tests.refused import refused
from tests.widgets.explorers import IMAGE, LABELS, LESS, MEMBERS, OBJECTS, PROPOSALS, SCORES, TREE, given
from tests.widgets.kit import instances

CLASSES = Classes.of("background", "fish", "crab")
SQUARE = torch.zeros(1, 12, 16).bool()
SQUARE[:, 3:9, 4:12] = True


def frames(view: str, reel: int = 0, **changes: Any) -> tuple[Frame, ...]:
    explorer = ProposalExplorer(**given(**changes), view=view)
    return explorer._views[view].reels[reel].frames


def test_the_grouping_step_by_step() -> None:
    shown = frames("grouping")
    assert [frame.words for frame in shown] == [
        "4 superpixels. The two with stripes merge next: similarity 3.50.",
        "3 of 4 regions are left. The two with stripes merge next: similarity 2.25.",
        "2 of 4 regions are left. The two with stripes merge next: similarity 0.50.",
        "One region is left: the whole image.",
    ]
    for frame, merging in zip(shown, ([0, 1], [2, 3], [4, 5])):  # nodes of the tree
        pixels, pair = frame.panels[0].labels.pixels, TREE.members(merging)[:, LABELS]
        assert torch.equal(pixels == 0, pair[0]) and torch.equal(pixels == 1, pair[1])
    panels = [frame.panels[0] for frame in shown]
    corners = [panel.palette.entries[int(panel.labels.pixels[0, 0])] for panel in panels]
    mean = IMAGE[:, (LABELS < 2)].float().mean(dim=1).round()
    assert corners[1] == ("128 pixels, 2 superpixels", tuple(mean.tolist()))
    assert corners[3][0] == "192 pixels, 4 superpixels"


@pytest.mark.parametrize(
    ("name", "index", "best"),
    [
        ("fish", 0, {1: (0, 64 / 192), 2: (1, 0.5), 3: (2, 1.0), 5: (2, 1.0)}),
        ("crab", 1, {1: (0, 32 / 192), 4: (3, 0.5), 5: (3, 0.5)}),
    ],
)
def test_the_best_region_by_hand(name: str, index: int, best: dict[int, tuple[int, float]]) -> None:
    reel = ProposalExplorer(**given())._views["proposals"].reels[index]
    for number, (region, overlap) in best.items():
        frame, row = reel.frames[number - 1], reel.rows[number - 1]
        assert f"region {region + 1} fits {name} best: overlap {overlap:.3f}." in frame.words
        assert (row.name, row.texts) == (name, (f"{overlap:.3f}",))
        inside, target = MEMBERS[region][LABELS], OBJECTS[index]
        pixels = frame.panels[0].labels.pixels
        for value, where in enumerate((inside & target, inside & ~target, target & ~inside)):
            assert torch.equal(pixels == value, where)
        assert torch.equal(pixels == 4, OBJECTS[1 - index] & ~inside & ~target)


def test_the_crops_are_what_the_net_is_shown() -> None:
    frame = frames("proposals")[4]  # the third region
    for (_, words, shown), crop in zip(frame.crops, crops(IMAGE, PROPOSALS.subset([2]))):
        assert torch.equal(shown, crop[0].round().byte()) and words.startswith("region 3, ")
    assert frame.heading == "What the net sees of region 3"


def test_recall_by_hand() -> None:
    assert frames("proposals")[3].words.startswith(
        "The first 4 of 5 proposals find 2 of 2 objects at an overlap of 0.5, 1 at 0.7; "
        "best overlap, mean over all objects 0.750."
    )
    explorer = ProposalExplorer(**given())
    chart = explorer._views["proposals"].reels[0].chart
    assert chart is not None
    lines = {line.name: line.points[:, 1].tolist() for line in chart.lines}
    assert lines["found at 0.5"] == [0, 0.5, 0.5, 1, 1]
    assert lines["found at 0.7"] == [0, 0, 0.5, 0.5, 0.5]
    assert lines["best overlap, mean over all objects"] == pytest.approx([0.25, 1 / 3, 7 / 12, 0.75, 0.75])


def test_without_an_object_the_last_region_is_shown() -> None:
    for number, frame in enumerate(frames("proposals", reel=2), start=1):
        inside = MEMBERS[number - 1][LABELS]
        assert torch.equal(frame.panels[0].labels.pixels == 0, inside)
        assert frame.words == f"Region {number} of 5: {int(inside.sum())} pixels."


def test_the_paste_is_the_librarys_step_by_step() -> None:
    shown = frames("paste")
    assert [frame.words for frame in shown] == [
        "Nothing is pasted yet; 3 regions wait, the lowest score first.",
        "1 of 3: crab, score +0.40, 112 pixels.",
        "2 of 3: fish, score +0.75, 64 pixels.",
        "3 of 3: crab, score +1.50, 16 pixels.",
    ]
    assert torch.equal(shown[-1].panels[0].labels.pixels, paste_regions(PROPOSALS, SCORES, threshold=0))
    assert [frame.row and frame.row.texts for frame in shown] == [None, ("+0.40",), ("+0.75",), ("+1.50",)]
    assert shown[0].boxes == () and shown[2].boxes == ((8, 0, 16, 8, True),)


def test_what_a_paste_covers_is_told() -> None:
    scores = SCORES.clone()
    scores[1] = torch.tensor([LESS, 0.9, -1.0])  # two superpixels over the crab's
    words = frames("paste", scores=scores)[2].words
    assert words == "2 of 3: fish, score +0.90, 128 pixels; it covers 64 of crab."


@pytest.mark.parametrize("background", [LESS, 7.0])  # never pasted, whatever it scores
@pytest.mark.parametrize("threshold", [-5.0, 0.45, 9.0])
def test_the_threshold_is_that_of_paste(threshold: float, background: float) -> None:
    scores = SCORES.clone()
    scores[:, 0] = background
    last = frames("paste", scores=scores, threshold=threshold)[-1]
    assert torch.equal(last.panels[0].labels.pixels, paste_regions(PROPOSALS, SCORES, threshold=threshold))
    assert ("so nothing is pasted" in last.words) == (threshold == 9)


def test_scores_of_the_region_on_show() -> None:
    numbers = frames("proposals")[4].numbers
    assert [(row.name, row.texts, row.strong) for row in numbers] == [
        ("fish", ("+0.75",), True),
        ("crab", ("+0.50",), False),
    ]
    width = 1.5 + 2.0
    assert numbers[0].bar == pytest.approx((2 / width, 2.75 / width), abs=1e-4)


def test_a_class_that_was_never_trained_has_no_bar() -> None:
    scores = SCORES.clone()
    scores[:, 2] = LESS
    crab = frames("proposals", scores=scores)[4].numbers[1]
    assert crab.texts == ("–",) and crab.bar is not None and crab.bar[0] == crab.bar[1]


@pytest.mark.parametrize("index", [0, 1])
def test_on_a_scene_every_number_is_the_librarys(index: int) -> None:
    pools = Scenes(length=index + 1, size=(96, 96))
    image, objects = pools[index][0], pools.instances(index)
    assert objects is not None
    proposals = propose(image, 300)
    view = ProposalExplorer(image, proposals, objects, classes=pools.classes)._views["proposals"]
    overlaps = proposals.overlaps_many(objects.masks)
    chart = view.reels[0].chart
    assert chart is not None
    for stop, number in enumerate(stops_up(300)[: len(view.reels[0].stops)]):
        best = overlaps[:number].amax(dim=0)
        assert chart.lines[0].points[stop, 1] == pytest.approx(recall(best, 0.5), abs=1e-4)
        assert [reel.rows[stop].texts[0] for reel in view.reels[:-1]] == [
            f"{one:.3f}" for one in best.tolist()
        ]


@pytest.mark.parametrize("objects", [None, instances(torch.zeros(0, 12, 16).bool())])
def test_image_and_proposals_are_enough(objects: Instances | None) -> None:
    explorer = ProposalExplorer(IMAGE, PROPOSALS, objects, classes=CLASSES)
    assert list(explorer._views) == ["grouping", "proposals"]  # without scores there is nothing to paste
    explorer.view = "proposals"
    assert explorer.frame.words.endswith("No objects are known here, so there is no recall.")
    assert len(explorer._views["proposals"].reels) == 1 and explorer._views["proposals"].targets is None


@pytest.mark.parametrize(
    "image",
    [
        torch.zeros(3, 1, 1, dtype=torch.uint8),
        torch.full((3, 30, 40), 77, dtype=torch.uint8),
        torch.zeros(3, 1, 50, dtype=torch.uint8),
        IMAGE[0],
        IMAGE[:1],
    ],
    ids=["one pixel", "one colour", "one row", "grey", "grey with a channel"],
)
def test_odd_images(image: torch.Tensor) -> None:
    whole = torch.ones(1, *image.shape[-2:]).bool()
    explorer = ProposalExplorer(image, propose(image), instances(whole, 1), classes=CLASSES)
    for explorer.view in ("grouping", "proposals"):
        assert explorer.compose()[0].shape == (3, *image.shape[-2:]) and explorer.still()
    assert "overlap 1.000" in explorer._views["proposals"].reels[0].frames[-1].words


def test_objects_are_called_by_their_class_and_a_number() -> None:
    masks = torch.zeros(4, 12, 16).bool()
    masks[0, 0], masks[1, 5], masks[3, 9] = True, True, True  # the third has no pixel
    explorer = ProposalExplorer(IMAGE, PROPOSALS, instances(masks, 1, 2, 2, 1), classes=CLASSES)
    assert [reel.name for reel in explorer._views["proposals"].reels[:-1]] == ["fish 1", "crab", "fish 2"]


def test_an_object_that_no_region_touches() -> None:
    half = Proposals(LABELS, torch.tensor([[True, False, False, False]]), torch.ones(1))
    explorer = ProposalExplorer(
        IMAGE, half, instances((LABELS == 1)[None], 1), classes=CLASSES, view="proposals"
    )
    assert explorer.frame.words.endswith("None of the first 1 touches fish.")


def test_a_larger_copy_of_the_image_is_made_small() -> None:
    large = IMAGE.repeat_interleave(3, 1).repeat_interleave(3, 2)
    masks = OBJECTS.repeat_interleave(3, 1).repeat_interleave(3, 2)
    explorer = ProposalExplorer(**given(image=large, instances=instances(masks, 1, 2)), view="proposals")
    assert explorer.data["width"] == 16 and "overlap 1.000" in explorer.frame.words


test_a_mistake_gets_one_sentence = refused(
    lambda wrong: ProposalExplorer(**given(**wrong)),
    ({"image": IMAGE / 255}, "uint8"),
    ({"image": IMAGE[:, :5]}, r"proposals have the size \(12, 16\)"),
    ({"proposals": PROPOSALS.subset([])}, "no regions in the proposals"),
    ({"hierarchy": hierarchy(IMAGE[:, ::2, ::2])}, r"\(12, 16\), the hierarchy \(6, 8\)"),
    ({"instances": instances(SQUARE[:, :5], 1)}, r"instances have the size \(5, 16\)"),
    ({"instances": instances(SQUARE, 7)}, "class 7"),
    ({"scores": torch.zeros(2, 3)}, r"\(R, K\) = \(5, 3\)"),
    ({"view": "proposals", "reel": 3}, "reel must be 0 to 2"),
    ({"rest": 0}, "no option 'rest'"),
)


@pytest.mark.parametrize("superpixels", [1, 2, 7, 180, 181, 5000])
def test_the_grouping_slider_goes_down_to_one_and_sees_the_last_hundred(superpixels: int) -> None:
    counts = stops_down(superpixels)
    assert counts[0] == superpixels and counts[-1] == 1 and len(counts) <= 181
    assert (np.diff(counts) < 0).all() and (np.diff(counts[-100:]) == -1).all()


def test_a_stop_says_how_many_merges_the_next_one_is_ahead() -> None:
    merges = [(0 if k == 0 else 899 + k, k + 1) for k in range(899)]  # one after the other, in a chain
    tree = Hierarchy(torch.arange(900).reshape(30, 30), torch.tensor(merges), torch.linspace(1, 0, 899))
    (reel,) = _grouping(torch.zeros(3, 30, 30, dtype=torch.uint8), tree).reels
    assert reel.stops[:2] == ("900", "876")
    assert reel.frames[0].words.endswith("merge next: similarity 1.00. The next stop is 24 merges ahead.")
    assert "ahead" not in reel.frames[-100].words + reel.frames[-1].words


@pytest.mark.parametrize("total", [1, 2, 11, 80, 81, 1000, 2000, 12345])
def test_the_number_slider_goes_up_to_all(total: int) -> None:
    numbers = stops_up(total)
    assert numbers[0] == 1 and numbers[-1] == total and len(numbers) <= 50
    assert (np.diff(numbers) > 0).all()


def test_what_is_not_shared_is_told_by_colour_and_by_hatching() -> None:
    assert OVERLAP.hatched == (1, 2) and OVERLAP.clear == 0
