"""The class-balance board without a browser: its numbers by hand, its states in words, what is sent."""

from __future__ import annotations

import itertools
import math
import re
from collections import defaultdict

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from seglib.data.balance import Counts, count
from seglib.data.catalog import found, load
from seglib.data.dataset import SegmentationDataset
from seglib.data.quality import Sharpness, class_shift, sharpness
from seglib.labels import Classes
from seglib.scenes import Dials, Scenes
from seglib.widgets import BalanceBoard
from seglib.widgets.balance.frames import share_text
from seglib.widgets.balance.survey import SCHEMES, Cut, cuts, loss_shares, weigh
from seglib.widgets.chart import Axis, significant
from tests.refused import refused
from tests.widgets.kit import labels, needs_nothing, pixels

CLASSES = Classes.of("sky", "road", "car", "boat")
POOLS = Scenes(8, size=(64, 64), dials=Dials(rare="crab", count=(3, 6)))
STOPS = (0.1, 0.2, 0.4)
BLUR = Sharpness(POOLS, np.array([0.5, 0.1, np.nan, 0.9, 0.3, 0.2, 0.8, 0.4]), np.zeros(8))

# Axes and numbers.


@given(st.lists(st.floats(1e-7, 1e7), min_size=1, max_size=12))
@settings(max_examples=200, deadline=None)
def test_an_axis_shows_every_value_in_order(values: list[float]) -> None:
    axis = Axis.of(values)
    lengths = [axis.length(value) for value in sorted(values)]
    assert lengths == sorted(lengths) and lengths[0] > 0 and lengths[-1] == pytest.approx(1)
    assert axis.length(0) == axis.length(math.nan) == 0
    assert 1 <= len(axis.ticks) <= 2 and all(0 < tick <= axis.high * 1.0001 for tick in axis.ticks)


def test_axes_by_hand() -> None:
    assert Axis.of([3, 12]).length(3) == 0.25 and Axis.of([3, 12]).ticks == (5, 10)
    log = Axis(0.001, 1, (0.01, 1))
    assert [log.length(value) for value in (0, 0.001, 0.1, 1, 9)] == pytest.approx([0, 0, 2 / 3, 1, 1])
    assert Axis.of([0, 0]).length(0) == Axis.of([]).length(0) == 0


@given(st.floats(1e-9, 1))
@settings(max_examples=200, deadline=None)
def test_something_is_never_written_as_nothing(share: float) -> None:
    text = share_text(share)
    if not text.startswith(("under", "over")):
        assert float(text[:-2]) == pytest.approx(100 * share, rel=0.06)
    assert float(significant(share)) == pytest.approx(share, rel=0.006)


# Cuts for blur.


def cuts_of(scores: list[float], pixels: list[list[int]] | Tensor) -> list[Cut]:
    counts = Counts(CLASSES, torch.as_tensor(pixels))
    return cuts(Sharpness(Scenes(len(scores)), np.array(scores), np.zeros(len(scores))), counts)


def test_a_cut_by_hand_and_as_class_shift_says() -> None:
    pixels = [[90, 10, 0, 0, 0], [0, 80, 20, 0, 0], [10, 85, 5, 0, 0], [0, 75, 25, 0, 0]]
    none, one, two = cuts_of([0.9, 0.1, 0.5, 0.3], pixels)
    assert (none.dropped, none.goes, none.stays) == (0, (), (3, 2, 0))
    assert (one.dropped, one.threshold, one.stays, one.goes) == (1, 0.9, (1, 3, 2), (0,))
    assert one.lost[:3].tolist() == pytest.approx([0.9, 0.04, 0]) and one.lost[3].isnan()
    assert two.goes == (2, 0) and two.lost[:3].tolist() == pytest.approx([1, 0.38, 0.1])
    rows = {row[0]: float(row[-1]) for row in class_shift(Counts(CLASSES, torch.tensor(pixels)), [0, 2]).rows}
    assert [rows[name] for name in CLASSES.names[:3]] == pytest.approx([100, 38, 10])


def test_the_band_of_chance_is_what_cuts_at_random_take() -> None:
    random = np.random.default_rng(0)
    pixels = torch.from_numpy(random.integers(0, 1000, (40, 5)) * (random.random((40, 5)) < 0.4))
    scores = np.where(np.arange(40) < 36, random.random(40), np.nan)  # four images could not be judged
    cut = next(cut for cut in cuts_of(scores.tolist(), pixels) if cut.dropped == 9)
    parts = (pixels[:, :-1] / pixels[:, :-1].sum(dim=0)).numpy()
    taken = np.array([parts[random.permutation(36)[:9]].sum(axis=0) for _ in range(20_000)])
    assert cut.chance.mean(dim=1).numpy() == pytest.approx(taken.mean(axis=0), rel=0.02)
    deviation = (cut.chance[:, 1] - cut.chance[:, 0]).numpy() / 4
    assert deviation == pytest.approx(taken.std(axis=0), rel=0.03)


def test_a_class_is_marked_that_only_blurred_images_have() -> None:
    pixels = [[100 if i < 10 else 0, 100, 1 if i == 3 else 0, 0, 0] for i in range(40)]
    none, *_, tenth = cuts_of([1 - i / 40 for i in range(40)], pixels)[:6]
    assert tenth.dropped == 5 and tenth.part == 0.125
    assert tenth.much.tolist() == [True, False, True, False]  # not the one that is spread evenly
    assert none.much.tolist() == [False] * 4
    chance = cuts_of([0.4, 0.3, 0.2, 0.1], [[0, 9, 5, 0, 0]] + [[0, 9, 0, 0, 0]] * 3)[1]
    assert chance.lost[2] == 1 and not chance.much.any()  # one image of four holds all of a class


def test_the_loss_is_shared_by_weight_times_pixels() -> None:
    counts = Counts(CLASSES, torch.tensor([[60, 30, 10, 0, 50]]))
    parts = loss_shares(counts, torch.tensor([1.0, 2, 6, 0])).tolist()
    assert parts == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0])


# The board.


@pytest.fixture(scope="module")
def shared() -> BalanceBoard:
    return BalanceBoard(POOLS, sharpness=BLUR)


@pytest.fixture
def board(shared: BalanceBoard) -> BalanceBoard:
    begin = {"view": "classes", "selected": "crab", "scheme": "none", "frequency": 0.4, "cut": 0}
    for name, value in begin.items():
        setattr(shared, name, value)
    return shared


def test_every_state_has_its_columns_and_words(board: BalanceBoard) -> None:
    ticks: dict[str, set[str]] = defaultdict(set)
    for board.scheme, board.frequency in itertools.product(SCHEMES, STOPS):
        columns = board.columns()
        assert [column["title"] for column in columns][3:] == ["Weight", "Of the loss"]
        for column in columns:
            assert len(column["texts"]) == len(column["lengths"]) == len(POOLS.classes)
            assert all(0 <= length <= 1 for length in column["lengths"])
            absent = [text in ("0", "0 %", "–") for text in column["texts"]]
            assert absent == [not length for length in column["lengths"]]
            assert 1 <= len(column["ticks"]) <= 2
        ticks[board.scheme].add(repr([column["ticks"] for column in columns]))
        for board.selected in POOLS.classes:
            assert board.words().startswith(f"{board.selected}: ")
    assert all(len(seen) == 1 for seen in ticks.values())  # an axis is the same at every stop of the dial
    board.view = "blur"
    for board.cut in (0, 1, 2, 3):
        assert [len(column["texts"]) for column in board.columns()] == [10, 10, 10]
        assert ("bands" in board.columns()[2]) == (board.cut > 0)
        first = f"Drops {board.cut} of 8 images" if board.cut else "Drops none of the 8 images"
        assert board.words().startswith(first)


def test_the_numbers_are_those_of_images_drawn_with_that_dial(board: BalanceBoard) -> None:
    for board.frequency in STOPS:
        dials = Dials(rare="crab", count=(3, 6), frequency=board.frequency)
        drawn = Scenes(8, size=(64, 64), dials=dials)
        pixels = torch.stack([torch.bincount(mask.flatten().long(), minlength=256) for _, mask in drawn])
        objects = torch.stack([torch.bincount(drawn.instances(i).classes, minlength=10) for i in range(8)])
        total = pixels[:, :10].sum(dim=0)
        shares, images, things = board.columns()[:3]
        assert images["texts"] == [f"{n}" for n in (pixels[:, :10] > 0).sum(dim=0).tolist()]
        assert things["texts"] == [f"{n}" for n in objects.sum(dim=0).tolist()]
        ratio = torch.tensor(shares["lengths"]).double() * total.sum() / total  # the axis, at every class
        assert torch.allclose(ratio[total > 0], ratio[0])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_weights_are_the_librarys(board: BalanceBoard, scheme: str) -> None:
    board.scheme = scheme
    expected = weigh(count(POOLS), scheme)
    weight, part = board.columns()[3:5]
    for text, value in zip(weight["texts"], expected.tolist()):
        assert text == "–" if not value else float(text.replace(",", "")) == pytest.approx(value, rel=0.006)
    made = [float(text.strip(" %ovrunde") or 0) for text in part["texts"]]
    share = count(POOLS).shares() * expected
    assert made == pytest.approx((100 * share / share.sum()).tolist(), abs=0.51)


def test_a_thumbnail_is_of_an_image_that_contains_the_class_and_is_sent_once(board: BalanceBoard) -> None:
    data = board.data
    for setting, frequency in zip(data["settings"], STOPS):
        drawn = Scenes(8, size=(64, 64), dials=Dials(rare="crab", count=(3, 6), frequency=frequency))
        for place, images in enumerate(setting["images"]):
            assert len(images) == min(6, int(count(drawn).total("images")[place]))
            for one in images:
                image, mask = drawn[int(re.findall(r"\d+", one["title"])[0])]
                thumb = data["thumbs"][one["thumb"]]
                sent = labels(thumb["labels"], 64)
                assert torch.equal(sent, mask.long()) and (sent == place).any()
                off = pixels(thumb["image"]).astype(float) - image.permute(1, 2, 0).numpy()
                assert np.abs(off).mean() < 8  # JPEG
                assert one["caption"] != "0 %"
    thumbs = [(thumb["image"], thumb["labels"]) for thumb in data["thumbs"]]
    assert len(set(thumbs)) == len(thumbs)
    assert sum(len(image) for image, _ in thumbs) < 6000 * len(thumbs)


def test_displayed_it_carries_words_and_a_copy_that_needs_nothing(board: BalanceBoard) -> None:
    assert ".seglib-bars-row" in needs_nothing(board)
    first = "Class balance of scenes train, 8 images, crab drawn 0.4 times as often as any other class."
    assert board.description().splitlines()[0] == first
    assert pixels(board.still()).shape[1] > 600


# Other data sets, and values that are refused.


class Streets(SegmentationDataset):
    """Two images without instances; one of the classes is in none."""

    name, split, classes = "streets", "train", Classes.of("road", "car", "tram")

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        mask = torch.zeros(4, 10, dtype=torch.uint8)
        mask[0, : 3 * index] = 1
        return torch.full((3, 4, 10), 90, dtype=torch.uint8), mask


def test_without_objects_and_dial_the_numbers_are_those_by_hand() -> None:
    board = BalanceBoard(Streets(), scheme="median frequency", selected="car")
    shares, images, weight, part = board.columns()
    assert (shares["texts"], images["texts"]) == (["96 %", "3.8 %", "0 %"], ["2", "1", "0"])
    assert weight["texts"] == ["0.539", "6.92", "–"]  # f = 77 / 80 and 3 / 40, their median .51875
    assert part["texts"] == ["67 %", "33 %", "0 %"]
    assert board.words() == (
        "car: 3.8 % of the pixels, in 1 of 2 images. Where it occurs, it fills 7.5 % of the image."
        " Median frequency: weight 6.92, 33 % of the loss."
    )
    assert board.data["dial"] == "" and "no instance annotations" in board.data["note"]
    board.selected = "tram"
    assert board.words() == "tram: in none of the 2 images."


def test_of_many_classes_the_rarest_that_occurs_is_looked_at_first() -> None:
    board = BalanceBoard(load("photo"))
    assert board.selected == "bottle" and len(board.columns()[0]["texts"]) == 21
    assert board.data["settings"][0]["images"][5][0]["caption"] == board.columns()[0]["texts"][5]


@pytest.mark.photographs
@pytest.mark.parametrize(("name", "rarest"), [("pets", "dog"), ("camvid", "bicyclist")])
def test_photographs(name: str, rarest: str) -> None:
    if name not in found():
        pytest.skip(f"{name} is not on this machine: set SEGLIB_DATA to the folder that holds it")
    photos = load(name).spread(24)
    board = BalanceBoard(photos, sharpness=sharpness(photos), selected=rarest)
    assert not board.data["dial"] and bool(board.data["note"]) == (name == "camvid")
    assert board.words().startswith(f"{rarest}: ")
    board.view, board.cut = "blur", 4
    assert board.words().startswith("Drops 4 of ")


test_a_mistake_gets_one_sentence = refused(
    lambda wrong: BalanceBoard(**{"dataset": POOLS} | wrong),
    ({"dataset": [1, 2]}, "shows a data set, .* not a list"),
    ({"dataset": Scenes(0)}, "has no images"),
    ({"dataset": Scenes(3), "sharpness": BLUR}, "8 images, the data set has 3"),
    ({"sharpness": "much"}, r"what sharpness\(dataset\) gives, not a str"),
    ({"selected": "dog"}, "no class is called 'dog'"),
    ({"scheme": "by hand"}, "scheme"),
    ({"frequency": 0.5}, r"frequency must be one of 0\.1, 0\.2, 0\.4, got 0\.5"),
    ({"sharpness": BLUR, "cut": 7}, "cut must be one of 0, 1, 2, 3, got 7"),
    ({"view": "blur"}, "the blur of these images is not known"),
    ({"sharpness": Sharpness(POOLS, np.full(8, np.nan), np.zeros(8))}, "0 of 8 images could be judged"),
)
