"""The class-balance board on other data sets than scenes, and on what is no data set or no value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import traitlets
from torch import Tensor

from seglib.data.catalog import found, load
from seglib.data.dataset import SegmentationDataset
from seglib.data.quality import Sharpness
from seglib.labels import Classes
from seglib.scenes import Dials, Scenes
from seglib.widgets import BalanceBoard

POOLS = Scenes(8, size=(64, 64), dials=Dials(rare="crab", count=(3, 6)))
BLUR = Sharpness(POOLS, np.array([0.5, 0.1, np.nan, 0.9, 0.3, 0.2, 0.8, 0.4]), np.zeros(8))


class Streets(SegmentationDataset):
    """Two images whose single objects nobody marked; one of the classes is in none."""

    name, split, classes = "streets", "train", Classes.of("road", "car", "tram")

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        mask = torch.zeros(4, 10, dtype=torch.uint8)
        mask[0, : 3 * index] = 1
        return torch.full((3, 4, 10), 90, dtype=torch.uint8), mask


def test_without_objects_and_dial_the_numbers_are_those_by_hand() -> None:
    board = BalanceBoard(Streets(), scheme="median frequency", selected="car")
    shares, images, weight, part, beside = board.columns()
    assert (shares.texts, images.texts) == (("96 %", "3.8 %", "0"), ("2", "1", "0"))
    assert weight.texts == ("0.539", "6.92", "–")  # f = 77 / 80 and 3 / 40, their median .51875
    assert (part.texts, beside.texts) == (("67 %", "33 %", "0"), ("100 %", "100 %", "0"))
    assert board.says() == (
        "car: 3.8 % of the pixels, in 1 of 2 images. Where it is, it fills 7.5 % of the image; 100 % of"
        " its pixels, in the images below, lie on its edge."
        " Median frequency: weight 6.92, 33 % of the loss."
    )
    with pytest.raises(ValueError, match="does not know single objects"):
        board.unit = "objects"
    board.selected = "tram"
    assert [column.texts for column in board.columns()][-1] == ("–", "–", "–")


def test_of_many_classes_the_rarest_that_occurs_is_looked_at_first() -> None:
    board = BalanceBoard(load("photo"))
    assert board.selected == "bottle" and len(board.columns()[0].texts) == 21
    assert board.data["settings"][0]["shown"][board.state.selected][0][1] == board.columns()[0].texts[5]


@pytest.mark.photographs
@pytest.mark.parametrize(("name", "rarest"), [("pets", "dog"), ("camvid", "bicyclist")])
def test_photographs(name: str, rarest: str) -> None:
    if name not in found():
        pytest.skip(f"{name} is not on this machine: set SEGLIB_DATA to the folder that holds it")
    whole = load(name)
    board = BalanceBoard(
        whole.subset(range(0, len(whole), len(whole) // 24)), sharpness=True, selected=rarest
    )
    assert board.data["rare"] is None and board.data["objects"] == (name == "pets")
    assert board.says().startswith(f"{rarest}: ")
    board.view, board.cut = "blur", 4
    assert board.says().startswith("4 of ") and len(board.dropped) == 4
    assert board._board.thumbs.weight < 8000 * len(board.data["thumbs"])


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no data set": ({"dataset": [1, 2]}, "shows a data set, as load.. gives, not a list"),
    "empty": ({"dataset": Scenes(0)}, "scenes train has no images"),
    "a dial elsewhere": ({"dataset": POOLS.subset([0]), "frequencies": [0.5]}, "only Scenes can be drawn"),
    "a dial too far": ({"frequencies": [2]}, r"frequency=2 is out of range; use 0\.\.1"),
    "another's sharpness": (
        {"dataset": Scenes(3), "sharpness": BLUR},
        "is of 8 images, the data set has 3",
    ),
    "no sharpness": ({"sharpness": "much"}, "sharpness must be True or what sharpness.. gives, not a str"),
    "no such class": ({"selected": "dog"}, "no class is called 'dog'"),
    "no such stop": (
        {"frequencies": [0.2], "frequency": 0.5},
        "frequency=0.5 is no stop .*; there are 0.2, 0.4",
    ),
    "no such beta": ({"beta": 0.5}, "beta=0.5 is no stop of its slider; there are 0, 0.9, 0.99"),
    "no such cut": ({"sharpness": BLUR, "cut": 7}, "cut=7 is no stop of its slider; there are 0, 1, 2, 3"),
    "no blur": ({"view": "blur"}, "make the board with sharpness=True"),
    "nothing judged": (
        {"sharpness": Sharpness(POOLS, np.full(8, np.nan), np.zeros(8))},
        "the blur of 0 of 8 images could be judged; a cut needs two or more",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_mistake_gets_one_sentence(case: str) -> None:
    wrong, sentence = BAD[case]
    given = {"dataset": POOLS, "frequencies": []} | wrong
    with pytest.raises(ValueError, match=sentence) as caught:
        BalanceBoard(given.pop("dataset"), **given)
    assert "\n" not in str(caught.value)


def test_a_value_that_is_refused_changes_nothing() -> None:
    board = BalanceBoard(POOLS, frequencies=[0.2])
    before = board.says()
    with pytest.raises(traitlets.TraitError):
        board.scheme = "by hand"
    with pytest.raises(ValueError, match="no stop"):
        board.set_state({"frequency": 0.33})  # as a change from the browser arrives
    assert "no stop" in board.error and board.says() == before
