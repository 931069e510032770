"""The proposal explorer: little that is given, images that are odd, and arguments that do not fit."""

from __future__ import annotations

import io
import zlib
from typing import Any

import numpy as np
import pytest
import torch
import traitlets
from PIL import Image

from seglib.data.dataset import Instances
from seglib.labels import Classes
from seglib.regions import Proposals
from seglib.regions.grouping import Hierarchy, hierarchy
from seglib.widgets import ProposalExplorer

CLASSES = Classes.of("background", "fish", "crab")
IMAGE = torch.zeros(3, 40, 60, dtype=torch.uint8)
IMAGE[:, 10:30, 20:40] = 255
SQUARE = IMAGE[:1] > 0
MEMBERS = torch.tensor([[1, 1], [0, 1], [1, 0]]).bool()
PROPOSALS = Proposals(SQUARE[0].long(), MEMBERS, torch.tensor([0.9, 0.8, 0.7]))
TREE = Hierarchy(SQUARE[0].long(), torch.tensor([[0, 1]]), torch.tensor([1.5]).double())


def instances(masks: torch.Tensor, *kinds: int) -> Instances:
    return Instances(
        masks, torch.tensor(kinds, dtype=torch.long), torch.zeros(len(kinds), 4, dtype=torch.int64)
    )


def test_a_image_alone_is_enough() -> None:
    explorer = ProposalExplorer(IMAGE)
    assert explorer.selected == -1 and " superpixels. The two with stripes merge next" in explorer.says()
    explorer.view = "proposals"
    assert explorer.says().endswith("No objects are known here, so there is no recall.")
    assert explorer.data["recall"] is None and explorer.data["found"] == []
    explorer.view = "paste"
    assert explorer.says() == "No scores were given, so there is nothing to paste."
    assert torch.equal(explorer.compose(), IMAGE) and not explorer.mask.any()


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
    explorer = ProposalExplorer(
        image, instances=instances(torch.ones(1, *image.shape[-2:]).bool(), 1), classes=CLASSES
    )
    for explorer.view in ("grouping", "proposals", "paste"):
        assert explorer.compose().shape == (3, *image.shape[-2:]) and explorer.says()
        explorer.still()
    assert explorer.overlap == 1


def test_objects_are_called_by_their_class_and_a_number() -> None:
    masks = torch.zeros(4, 40, 60).bool()
    masks[0, 0], masks[1, 5], masks[3, 9] = True, True, True  # the third has no pixel
    shown = ProposalExplorer(IMAGE, PROPOSALS, instances(masks, 1, 2, 2, 1), CLASSES)
    assert [one["name"] for one in shown.data["objects"]] == ["fish 1", "crab", "fish 2"]
    nameless = ProposalExplorer(IMAGE, PROPOSALS, instances(masks, 1, 2, 2, 1))
    assert [one["name"] for one in nameless.data["objects"]] == ["object 1", "object 2", "object 3"]


def test_an_object_that_no_region_touches() -> None:
    labels = (torch.arange(60) >= 30).long().expand(40, 60).contiguous()
    half = Proposals(labels, torch.tensor([[True, False]]), torch.ones(1))
    explorer = ProposalExplorer(IMAGE, half, instances((labels == 1)[None], 1), CLASSES, view="proposals")
    assert explorer.overlap == 0
    assert explorer.says().endswith("None of the first 1 touches fish.")


def test_no_objects_in_the_image_is_as_without_objects() -> None:
    explorer = ProposalExplorer(IMAGE, PROPOSALS, instances(torch.zeros(0, 40, 60).bool()), CLASSES)
    assert explorer.selected == -1 and explorer.data["objects"] == []


def test_a_larger_copy_of_the_image_is_made_small() -> None:
    large = IMAGE.repeat_interleave(3, 1).repeat_interleave(3, 2)
    objects = instances(large[:1] > 0, 1)
    explorer = ProposalExplorer(large, PROPOSALS, objects, CLASSES, view="proposals")
    assert explorer.data["width"] == 60 and explorer.overlap == 1
    huge = torch.zeros(3, 800, 1600, dtype=torch.uint8)
    huge[:, 200:600, 400:800] = 255
    shown = ProposalExplorer(huge, instances=instances(huge[:1] > 0, 1), classes=CLASSES)
    assert (shown.data["width"], shown.data["height"]) == (640, 320)
    assert shown.overlap is not None and shown.overlap > 0.9  # a smaller copy has softer outlines


def test_what_travels_is_what_was_given() -> None:
    explorer = ProposalExplorer(IMAGE, PROPOSALS, instances(SQUARE, 1), CLASSES)
    data = explorer.data
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data["image"]))), IMAGE.permute(1, 2, 0).numpy())
    labels = np.frombuffer(zlib.decompress(data["superpixels"]), "<u4").reshape(40, 60)
    assert np.array_equal(labels, PROPOSALS.labels.numpy())
    width = data["regions"]["width"]
    bits = np.frombuffer(zlib.decompress(data["regions"]["members"]), "u1").reshape(-1, -(-width // 8))
    ranks = [rank - 1 for rank in data["regions"]["ranks"]]
    assert np.array_equal(np.unpackbits(bits, axis=1, count=width), PROPOSALS.members[ranks].numpy())
    seen = np.unpackbits(np.frombuffer(zlib.decompress(data["objects"][0]["mask"]), "u1"), count=2400)
    assert np.array_equal(seen.reshape(40, 60), SQUARE[0].numpy())
    assert data["regions"]["boxes"] == PROPOSALS.boxes[ranks].tolist()


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "float image": ({"image": IMAGE / 255}, r"\(3, H, W\) uint8 .*, not \(3, 40, 60\) float32"),
    "other proposals": (
        {"image": IMAGE[:, :20]},
        r"the proposals are of an image \(40, 60\) \(H, W\), the image is \(20, 60\); give the image of",
    ),
    "no proposals": ({"proposals": PROPOSALS.subset([])}, "there is no region among the proposals"),
    "other hierarchy": (
        {"proposals": None, "hierarchy": hierarchy(IMAGE[:, :20])},
        r"the hierarchy is of an image \(20, 60\) \(H, W\), the image is \(40, 60\); give the image of",
    ),
    "two sizes": (
        {"hierarchy": hierarchy(IMAGE[:, ::2, ::2])},
        r"the proposals have the size \(40, 60\), the hierarchy \(20, 30\)",
    ),
    "other objects": (
        {"instances": instances(SQUARE[:, :5], 1)},
        r"the instances have the size \(5, 60\), the image \(40, 60\)",
    ),
    "no such class": (
        {"instances": instances(SQUARE, 7)},
        r"class 7; there are 0..2 \(background, fish, crab\)",
    ),
    "scores of others": ({"scores": torch.zeros(2, 3)}, r"scores must be \(R, K\) = \(3, 3\).*not \(2, 3\)"),
    "scores without classes": ({"scores": torch.zeros(3, 3), "classes": None}, "scores need classes"),
    "no such stop": ({"left": 9}, "left=9 is not there; there are 2, 1"),
    "no such number": ({"number": 4}, "number=4 is not there; there are 1, 2, 3"),
    "no such object": ({"selected": 1}, "selected=1 is not there; there are -1, 0"),
    "nothing to paste": ({"painted": 1}, "painted=1 is not there; there are 0"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_mistake_gets_one_sentence(case: str) -> None:
    wrong, sentence = BAD[case]
    known: dict[str, Any] = {
        "image": IMAGE,
        "proposals": PROPOSALS,
        "instances": instances(SQUARE, 1),
        "classes": CLASSES,
        "hierarchy": TREE,
    }
    with pytest.raises(ValueError, match=sentence) as caught:
        ProposalExplorer(**known | wrong)
    assert "\n" not in str(caught.value)


def test_a_browser_that_sends_nonsense_is_told_and_nothing_changes() -> None:
    explorer = ProposalExplorer(IMAGE, PROPOSALS, instances(SQUARE, 1), CLASSES)
    with pytest.raises(traitlets.TraitError):
        explorer.set_state({"selected": 5})
    assert "selected=5" in explorer.error and explorer.selected == 0
