"""Films without a browser: what is sent, how frames are painted, and which states there are."""

from __future__ import annotations

import json
import zlib
from typing import Any

import numpy as np
import torch

from seglib import draw
from seglib.labels import Classes
from seglib.widgets.chart import Chart, Line, points
from seglib.widgets.film import Film, Frame, Labels, Palette, Panel, Reel, Row, View, script
from tests.refused import refused
from tests.widgets.kit import labels as unpacked
from tests.widgets.kit import needs_nothing, pixels

CLASSES = Classes.of("background", "fish", "crab")
IMAGE = torch.randint(0, 256, (3, 6, 8), generator=torch.Generator().manual_seed(0)).byte()
TRUTH = torch.tensor([[0, 0, 0, 0, 2, 2, 2, 2], [0, 1, 1, 0, 2, 2, 2, 255]]).repeat(3, 1)
PIECES = torch.arange(48).view(6, 8) // 4
PALETTE = Palette.of(CLASSES)
CHART = Chart("rise", (Line("rise", points([0, 1], [0, 1])),), ((0, "0"),), ((1, "1"),), "from 0 to 1")


def frame(labels: Labels, **more: Any) -> Frame:
    return Frame("It is.", (Panel("prediction", labels, PALETTE, truth=TRUTH),), **more)


class Small(Film):
    _esm = script("Small film")


def film(**state: Any) -> Film:
    joined = [Labels(PIECES, torch.full((12,), 0).index_fill(0, torch.arange(k), 2)) for k in range(3)]
    long = Reel("long", ("0", "1", "2"), tuple(frame(one) for one in joined), chart=CHART, begin=2)
    crop = ("box", "a box", IMAGE[:, :4, :4])
    short = Reel("short", ("0",), (frame(Labels(TRUTH), crops=(crop,), boxes=((1, 1, 4, 5, True),)),))
    other = Reel("", ("0",), (frame(Labels(TRUTH), numbers=(Row("mIoU", ("50.0",), (0, 0.5)),)),))
    return Small(
        IMAGE, [View("first", (long, short), "Reel", "Stop"), View("second", (other,))], ["A film."], **state
    )


def test_every_label_map_is_painted_as_masks_are_elsewhere() -> None:
    for opacity, hatch in ((0.0, False), (0.3, True), (1.0, True)):
        shown = film(reel=1, at=0, opacity=opacity, hatch=hatch)
        expected = draw.overlay(IMAGE, TRUTH, CLASSES, opacity=opacity, hatch=hatch)
        assert torch.equal(shown.compose()[0], expected)
    shown = film(at=1, difference=True)
    assert torch.equal(shown.compose()[0], draw.difference(IMAGE, torch.where(PIECES == 0, 2, 0), TRUTH))


def test_a_palette_on_grey_hatches_all_and_has_no_outlines() -> None:
    palette = Palette({0: ("nothing", (0, 0, 0)), 1: ("rule", (230, 159, 0))}, clear=0, grey=True)
    shown = palette.paint(IMAGE, (TRUTH == 1).long(), opacity=0.1, hatch=False)
    dim = (IMAGE.float().mean(dim=0) * 0.6).byte()
    assert (shown[:, TRUTH != 1] == dim[TRUTH != 1]).all()
    assert torch.tensor([230, 159, 0], dtype=torch.uint8).tolist() in shown[:, TRUTH == 1].T.tolist()


def test_what_is_sent_is_what_was_given_and_shared_parts_are_sent_once() -> None:
    data = film().data
    sent = json.loads(zlib.decompress(data["film"]))
    assert (len(data["maps"]), len(sent["palettes"]), len(data["charts"])) == (2, 1, 1)
    maps = [unpacked(one["labels"], 8) for one in data["maps"]]
    long, short = sent["views"][0]["reels"]
    for place, count in enumerate(range(3)):
        panel = sent["panels"][sent["frames"][long["frames"][place]]["panels"][0]]
        table = data["values"][panel["map"]]
        values = unpacked(table["labels"], table["width"])
        assert torch.equal(values[maps[panel["map"]], panel["values"]], torch.where(count > PIECES, 2, 0))
    panel = sent["panels"][sent["frames"][short["frames"][0]]["panels"][0]]
    assert panel["values"] is None and torch.equal(maps[panel["map"]], TRUTH)
    assert panel["truth"] == panel["map"]
    assert np.array_equal(pixels(data["image"]), IMAGE.permute(1, 2, 0).numpy())
    assert pixels(data["crops"][0]).shape == (4, 4, 3)


def test_the_first_state_is_where_the_reel_begins() -> None:
    assert (film().view, film().reel, film().at) == ("first", 0, 2)
    assert (film(view="second").view, film(view="second").at) == ("second", 0)
    assert film(at=1).at == 1


def test_another_reel_or_view_starts_at_a_stop_that_exists() -> None:
    shown = film(at=2)
    shown.reel = 1
    assert shown.at == 0
    shown.reel, shown.at = 0, 2
    shown.set_state({"view": "second", "reel": 0, "at": 0})  # as the browser changes it
    assert shown.frame.numbers[0].name == "mIoU"


test_a_state_that_does_not_exist_is_refused = refused(
    lambda state: film(**state),
    ({"view": "third"}, "no view 'third'.*first, second"),
    ({"reel": 2}, "reel must be 0 to 1"),
    ({"at": 3}, "at must be 0 to 2"),
    ({"at": -1}, "at must be 0 to 2"),
    ({"stop": 1}, "no option 'stop'"),
)


def test_displayed_it_carries_words_and_an_image() -> None:
    shown = film()
    needs_nothing(shown)
    assert repr(shown) == "A film.\nOn show, first, long, 2: It is."
    for state in ({"at": 2}, {"reel": 1, "at": 0}, {"view": "second"}):
        still = torch.cat(film(**state).compose(), dim=2).permute(1, 2, 0)
        assert np.array_equal(pixels(film(**state).still()), still.numpy())


def test_of_a_large_image_one_of_two_pixels_is_shown_with_labels_boxes_and_words() -> None:
    image, labels = torch.zeros(3, 30, 3000, dtype=torch.uint8), torch.arange(3000).expand(30, -1) // 1000
    one = Frame("It is.", (Panel("all", Labels(labels), PALETTE, truth=labels),), boxes=((1, 3, 7, 9, True),))
    shown = Small(image, [View("first", (Reel("", ("0",), (one,)),))])
    note = "Shown is 1 of every 2 pixels across and down."
    assert (shown.data["width"], shown.data["height"], shown.data["note"]) == (1500, 15, note)
    (sent,) = shown.data["maps"]
    assert torch.equal(unpacked(sent["labels"], 1500), labels[::2, ::2])
    assert json.loads(zlib.decompress(shown.data["film"]))["frames"][0]["boxes"] == [[0, 1, 4, 5, True]]
    assert pixels(shown.still()).shape == (15, 1500, 3) and note in shown.description()
