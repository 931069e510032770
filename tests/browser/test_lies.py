"""The metric lie detector in JupyterLab: dragging needs no kernel, and Python knows what is on show."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, expect

from seglib.scenes import Scenes
from seglib.widgets import LieDetector
from tests.browser.lab import ARTEFACTS, Notebook, checksum, until
from tests.browser.widget import Widget

RESET = "detector.reel, detector.at, detector.difference = 0, 0, False"


@pytest.fixture
def detector(widgets: tuple[Notebook, list[str]]) -> Iterator[Widget]:
    """The detector in its first state; whatever reaches the console as an error fails the test."""
    notebook, errors = widgets
    shown = Widget(notebook, "Metric lie detector")
    how_much, erode = shown.card.get_by_label("How much"), shown.card.get_by_role("radio", name="Erode")
    shown.reset(RESET, lambda: how_much.input_value() == "0" and erode.is_checked())
    shown.card.scroll_into_view_if_needed()
    yield shown
    assert not errors, errors


def percent(card: Locator, name: str) -> Locator:
    """The cell with the number of one score."""
    header = card.page.get_by_role("rowheader", name=name, exact=True)
    return card.get_by_role("row").filter(has=header).get_by_role("cell").first


def test_a_drag_changes_image_and_scores_and_python_knows(detector: Widget) -> None:
    page, card, canvas = detector.page, detector.card, detector.canvas()
    before = checksum(canvas)
    slider = card.get_by_label("How much")
    box = slider.bounding_box()
    assert box
    page.mouse.move(box["x"] + 8, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.45, box["y"] + box["height"] / 2, steps=12)
    page.mouse.up()
    until(lambda: checksum(canvas) != before, "the image changes", 5)
    pools = Scenes(length=1)
    twin = LieDetector(*pools[0], pools.classes, at=int(slider.input_value()))
    assert twin.at > 2
    for row in twin.frame.numbers:
        expect(percent(card, row.name)).to_have_text(row.texts[0])
    expect(card.locator(".seglib-says")).to_have_text(twin.frame.words)
    until(lambda: detector.python("detector.at") == twin.at, "Python reads the step", 5)
    card.screenshot(path=ARTEFACTS / "lies.png")


def test_a_key_moves_the_slider_and_the_lie_says_its_size(detector: Widget) -> None:
    slider = detector.card.get_by_label("How much")
    slider.focus()
    detector.page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "1 px")


def test_another_lie_starts_where_it_has_a_step(detector: Widget) -> None:
    detector.execute("detector.at = 10")
    expect(detector.card.get_by_label("How much")).to_have_value("10")
    detector.card.get_by_role("radio", name="Drop a class").check()
    expect(detector.card.get_by_label("How much")).to_have_value("0")
    until(lambda: detector.python("[detector.reel, detector.at]") == [4, 0], "Python reads the lie", 5)
