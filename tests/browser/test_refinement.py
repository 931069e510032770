"""The refinement explorer in Chromium: images, words and lists follow every control, as Python says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from seglib.widgets import RefinementExplorer
from tests.browser.explorer import agree, fits_and_has_names, opened, press
from tests.browser.lab import ARTEFACTS, until
from tests.widgets.refinements import scene

BEGIN = {"view": "schemes", "reel": 0, "at": 0, "opacity": 0.5, "hatch": False, "difference": False}


@pytest.fixture(scope="module")
def built() -> RefinementExplorer:
    known = scene()
    unsure = known["truth"].clone()
    unsure[::3] = 255
    return RefinementExplorer(**known, schemes={"rectangles": known["truth"].roll(3, 1), "unsure": unsure})


@pytest.fixture
def twin(built: RefinementExplorer) -> RefinementExplorer:
    """The explorer in this process, in its first state."""
    with built.hold_trait_notifications():
        for name, value in BEGIN.items():
            setattr(built, name, value)
    return built


@pytest.fixture
def card(page: Page, twin: RefinementExplorer) -> Locator:
    """The same explorer on a page."""
    return opened(page, twin)


def turn(card: Locator, twin: RefinementExplorer, view: str) -> int:
    """Go to another view, where its first reel begins; returns that stop."""
    card.get_by_role("radio", name=view.capitalize(), exact=True).first.check()
    begin = twin._views[view].reels[0].begin
    agree(card, twin, view=view, reel=0, at=begin)
    return begin


def test_a_scheme_by_key_and_in_every_style(card: Locator, twin: RefinementExplorer) -> None:
    agree(card, twin)
    press(card.get_by_role("radio", name=re.compile("^rectangles, ")), "ArrowDown")
    agree(card, twin, at=1)
    assert card.page.evaluate("sent.at(-1)") == {"view": "schemes", "reel": 0, "at": 1}
    for name, box in (("hatch", "Hatching"), ("difference", "Wrong pixels")):
        card.get_by_role("checkbox", name=box).check()
        agree(card, twin, **{name: True})
    for opacity in (1.0, 0.0):
        card.page.evaluate(f"put('opacity', {opacity})")
        agree(card, twin, opacity=opacity)
    card.locator(".seglib-strip canvas").first.click()
    agree(card, twin, at=0)
    row = twin.frame.row
    chosen = card.locator(".seglib-pick[data-chosen]:visible .seglib-value").all_inner_texts()
    assert row is not None and chosen == list(row.texts)


def test_boxes_are_drawn_and_taken_away(card: Locator, twin: RefinementExplorer) -> None:
    agree(card, twin)
    canvas = card.locator(".seglib-canvas canvas").last
    plain = canvas.screenshot()
    card.get_by_role("checkbox", name="Boxes").check()
    until(lambda: canvas.screenshot() != plain, "boxes are seen", 5)
    card.get_by_role("checkbox", name="Boxes").uncheck()
    until(lambda: canvas.screenshot() == plain, "they are gone", 5)


def test_the_rounds_by_slider_and_in_the_film_strip(card: Locator, twin: RefinementExplorer) -> None:
    turn(card, twin, "rounds")
    slider = card.get_by_role("slider", name="Round", exact=True)
    press(slider, "ArrowRight")
    agree(card, twin, at=2)
    assert slider.get_attribute("aria-valuetext") == "2 of 2"
    press(slider, "Home")
    agree(card, twin, at=0)
    expect(card.locator(".seglib-strip figure")).to_have_count(3)
    card.locator(".seglib-strip canvas").nth(1).click()
    agree(card, twin, at=1)
    expect(card.locator(".seglib-strip figure[data-chosen]")).to_contain_text("round 1")
    card.screenshot(path=ARTEFACTS / "refinement-rounds.png")


def test_the_rules_by_key_one_after_the_other(card: Locator, twin: RefinementExplorer) -> None:
    last = turn(card, twin, "rules")
    press(card.get_by_role("radio", name=re.compile("^Smooth")), "Home", "ArrowDown")
    for stop in range(last + 1):
        agree(card, twin, at=stop)
        card.page.keyboard.press("ArrowDown")
    agree(card, twin, at=0)
    card.locator(".seglib-strip canvas").last.click()
    agree(card, twin, at=last)
    card.get_by_role("radio", name="round 1 to 2").check()
    agree(card, twin, reel=1)
    rows = card.locator(".seglib-pick:visible")
    told = [row.locator(".seglib-value").first.inner_text() for row in rows.all()]
    assert told == [frame.row.texts[0] for frame in twin._views["rules"].reels[1].frames if frame.row]


def test_the_dial_resets_boxes(card: Locator, twin: RefinementExplorer) -> None:
    turn(card, twin, "reset")
    dial = card.get_by_label("Reset below")
    seen = set()
    press(dial, "Home")
    for step in range(0, 101, 20):
        agree(card, twin, at=step)
        seen.add(tuple(row.texts[1] for row in twin.frame.numbers))
        press(dial, *["ArrowRight"] * 20)
    assert len(seen) > 1 and dial.get_attribute("aria-valuetext") == "100 % of what is usual"
    weights = card.locator(".seglib-numbers [data-strong] [role=cell]").evaluate_all(
        "cells => cells.map(cell => getComputedStyle(cell).fontWeight)"
    )
    assert weights and set(weights) == {"600"}  # a box that is reset is told from one that is kept
    card.screenshot(path=ARTEFACTS / "refinement-reset.png")


def test_the_read_out_at_the_pointer(card: Locator, twin: RefinementExplorer) -> None:
    turn(card, twin, "rules")
    canvas = card.locator(".seglib-canvas canvas").last
    unit = canvas.bounding_box()["width"] / 48  # type: ignore[index]
    for x, y in ((24, 20), (3, 40)):
        canvas.hover(position={"x": (x + 0.5) * unit, "y": (y + 0.5) * unit})
        parts = [
            f"{panel.title}: {panel.palette.entries[int(panel.labels.pixels[y, x])][0]}"
            for panel in twin.frame.reads
        ]
        expect(card.locator(".seglib-readout")).to_have_text(" · ".join([f"x {x}, y {y}", *parts]))
    press(canvas, "ArrowRight")
    expect(card.locator(".seglib-readout")).to_contain_text("x 4, y 40 · truth: ")


def test_it_fits_a_narrow_cell_and_every_control_has_a_name(card: Locator) -> None:
    fits_and_has_names(card, ("Schemes", "Rounds", "Rules", "Reset"))


def test_exported_it_works_without_a_kernel(page: Page, twin: RefinementExplorer, tmp_path: Path) -> None:
    twin.view, twin.at, twin.show_boxes = "reset", 50, False
    file = tmp_path / "explorer.html"
    file.write_text(f"<!doctype html><meta charset=utf-8>{twin.to_html()}", encoding="utf-8")
    page.route(re.compile("^(?!file:|blob:|data:)"), lambda route: route.abort())
    page.goto(file.as_uri())
    card = page.locator(".seglib-card")
    agree(card, twin)
    press(card.get_by_label("Reset below"), "End")
    agree(card, twin, at=100)
