"""The class-balance board without a browser: its states in numbers and words, thumbnails, what travels."""

from __future__ import annotations

import io
import itertools
import re
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from seglib.data.balance import count
from seglib.data.quality import Sharpness
from seglib.scenes import Dials, Scenes
from seglib.widgets import BalanceBoard
from seglib.widgets.balance.reading import AXES, says
from seglib.widgets.balance.schemes import BETAS, SCHEMES, UNITS, Option, weigh

POOLS = Scenes(8, size=(64, 64), dials=Dials(rare="crab", count=(3, 6)))
STOPS = [0, 0.2, 1]
BLUR = Sharpness(POOLS, np.array([0.5, 0.1, np.nan, 0.9, 0.3, 0.2, 0.8, 0.4]), np.zeros(8))


@pytest.fixture(scope="module")
def shared() -> BalanceBoard:
    return BalanceBoard(POOLS, sharpness=BLUR, frequencies=STOPS)


@pytest.fixture
def board(shared: BalanceBoard) -> BalanceBoard:
    begin = {"view": "classes", "axis": "linear", "selected": "crab", "scheme": "none", "unit": "images"}
    for name, value in {**begin, "beta": 0.999, "frequency": 0.4, "cut": 0}.items():
        setattr(shared, name, value)
    return shared


def test_every_state_has_its_columns_and_words(board: BalanceBoard) -> None:
    ways = [(scheme, "images", 0.9) for scheme in SCHEMES]
    ways += [("effective number", unit, beta) for unit in UNITS for beta in (0.0, BETAS[-1])]
    names = list(POOLS.classes)
    for axis, (scheme, unit, beta), frequency, name in itertools.product(AXES, ways, [0.4, *STOPS], names):
        board.axis, board.selected, board.frequency = axis, name, frequency
        board.scheme, board.unit, board.beta = scheme, unit, beta
        columns = board.columns()
        assert [column.title for column in columns][3:] == ["Weight", "Of the loss", f"With {name}"]
        for column in columns:
            assert len(column.texts) == len(column.lengths) == len(names)
            assert all(0 <= length <= 1 for length in column.lengths)
            assert [text in ("0", "–") for text in column.texts] == [not length for length in column.lengths]
            assert 1 <= len(column.ticks) <= 2
        assert board.says().startswith(f"{name}: ")


def test_every_cut_has_its_columns_and_words(board: BalanceBoard) -> None:
    board.view = "blur"
    for cut, axis in itertools.product((0, 1, 2, 3), AXES):
        board.cut, board.axis = cut, axis
        assert [len(column.texts) for column in board.columns()] == [10, 10, 10]
        assert board.says().startswith(f"{cut} of 8 images go" if cut else "Nothing is dropped of 8")
        assert board.dropped == [3, 6, 0][:cut]


def test_the_numbers_are_those_of_images_drawn_with_that_dial(board: BalanceBoard) -> None:
    for frequency in (0.4, *STOPS):
        board.frequency = frequency
        drawn = Scenes(8, size=(64, 64), dials=Dials(rare="crab", count=(3, 6), frequency=frequency))
        pixels = torch.stack([torch.bincount(mask.flatten().long(), minlength=256) for _, mask in drawn])
        objects = torch.stack([torch.bincount(drawn.instances(i).classes, minlength=10) for i in range(8)])
        assert torch.equal(board.counts.pixels[:, :-1], pixels[:, :10])
        total = pixels[:, :10].sum(dim=0)
        shares, images, things = board.columns()[:3]
        assert images.texts == tuple(f"{n}" for n in (pixels[:, :10] > 0).sum(dim=0).tolist())
        assert things.texts == tuple(f"{n}" for n in objects.sum(dim=0).tolist())
        ratio = torch.tensor(shares.lengths).double() * total.sum() / total  # the axis, at every class
        assert torch.allclose(ratio[total > 0], ratio[0])


def test_an_axis_is_the_same_at_every_stop(board: BalanceBoard) -> None:
    for board.axis in AXES:
        ticks = set()
        for board.frequency in STOPS:
            ticks.add(tuple(column.ticks for column in board.columns()[:3]))
        assert len(ticks) == 1


def test_a_log_axis_keeps_the_order_and_shows_the_rare(board: BalanceBoard) -> None:
    plain = torch.tensor(board.columns()[0].lengths)
    board.axis = "log"
    log = torch.tensor(board.columns()[0].lengths)
    assert torch.equal(plain.argsort(stable=True), log.argsort(stable=True))
    rare = plain[plain > 0].argmin()
    assert log[plain > 0][rare] > 2 * plain[plain > 0][rare]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_weights_are_the_librarys(board: BalanceBoard, scheme: str) -> None:
    board.scheme = scheme
    expected = weigh(count(POOLS), Option(scheme))
    assert torch.equal(board.weights, expected)
    weight, part = board.columns()[3:5]
    for text, value in zip(weight.texts, expected.tolist()):
        assert text == "–" if not value else float(text.replace(",", "")) == pytest.approx(value, rel=0.006)
    made = [float(text.strip(" %<") or 0) for text in part.texts]
    share = count(POOLS).shares() * expected
    assert made == pytest.approx((100 * share / share.sum()).tolist(), abs=0.51)


def test_words_of_a_class_that_is_not_there(board: BalanceBoard) -> None:
    board.frequency = 0
    assert board.says() == "crab: in none of the 8 images."
    assert board.weights[POOLS.classes.index("crab")] == 0


def test_a_thumbnail_is_of_a_image_that_contains_the_class(board: BalanceBoard) -> None:
    data = board.data
    for setting, known in zip(data["settings"], board._board.survey.settings):
        for place, images in enumerate(setting["shown"]):
            present = (known.counts.pixels[:, place] > 0).sum().item()
            assert len(images) == min(6, present)
            for number, share, name in images:
                image, mask = known.dataset[int(name)]
                thumb = data["thumbs"][number]
                labels = np.frombuffer(zlib.decompress(thumb["labels"]), "u1").reshape(64, 64)
                assert np.array_equal(labels, mask.numpy()) and (labels == place).any()
                pixels = np.asarray(Image.open(io.BytesIO(thumb["image"]))).astype(float)
                assert np.abs(pixels - image.permute(1, 2, 0).numpy()).mean() < 8  # JPEG
                assert share != "0"


def test_what_travels_is_what_the_board_reads(board: BalanceBoard) -> None:
    for key, quantity in board._board.quantities.items():
        sent = board.data["quantities"][key]
        for axis in AXES:
            expected = [
                [quantity.axes[axis].place(value) for value in row] for row in quantity.values.tolist()
            ]
            assert np.allclose(sent["axes"][axis]["lengths"], expected, atol=1e-5)
    words = [setting["words"] for setting in board.data["settings"]]
    for place, name in enumerate(POOLS.classes):
        board.selected = name
        assert says(board.state).startswith(words[2][place])  # 0, .2, then the data set's own .4
    assert len({key.rsplit("/", 1)[0] for key in board.data["ways"]}) == 4 + 3


def test_a_image_at_two_dials_travels_once(board: BalanceBoard) -> None:
    thumbs = [(thumb["image"], thumb["labels"]) for thumb in board.data["thumbs"]]
    assert len(set(thumbs)) == len(thumbs) < len(board._board.thumbs.number)
    assert board._board.thumbs.weight < 5000 * len(thumbs)


def test_displayed_it_carries_words_and_a_copy_that_needs_nothing(board: BalanceBoard) -> None:
    bundle, _ = board._repr_mimebundle_()
    html = bundle["text/html"]
    assert bundle["text/plain"] == board.description()
    first = "Class balance of scenes train, 8 images, crab drawn 0.4 times as often as any other class."
    assert board.description().splitlines()[0] == first
    assert html.count("</script>") == 1 and ".seglib-bars-row" in html
    assert not re.findall(r"https?:|//cdn|src=\"(?!data:)", html)
    still = Image.open(io.BytesIO(board.still()))
    assert still.format == "PNG" and still.width > 600
