"""The refinement explorer in Chromium: images, words and lists follow every control, as Python says."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from seglib.widgets import RefinementExplorer
from tests.browser.explorer import agree, opened, press, put, turn
from tests.browser.lab import ARTEFACTS, until
from tests.browser.samples import refinement


@pytest.fixture(scope="module")
def built() -> RefinementExplorer:
    return refinement()


@pytest.fixture
def twin(built: RefinementExplorer) -> RefinementExplorer:
    """The explorer in this process, in its first state."""
    return put(built, view="schemes", reel=0, at=0, opacity=0.5, hatch=False, difference=False)


@pytest.fixture
def card(page: Page, twin: RefinementExplorer) -> Locator:
    """The same explorer on a page."""
    return opened(page, twin)


def test_a_scheme_by_key_and_in_every_style(card, twin):
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


def test_boxes_are_drawn_and_taken_away(card, twin):
    agree(card, twin)
    canvas = card.locator(".seglib-canvas canvas").last
    plain = canvas.screenshot()
    card.get_by_role("checkbox", name="Boxes").check()
    until(lambda: canvas.screenshot() != plain, "boxes are seen", 5)
    card.get_by_role("checkbox", name="Boxes").uncheck()
    until(lambda: canvas.screenshot() == plain, "they are gone", 5)


def test_the_rounds_by_slider_and_in_the_film_strip(card, twin):
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


def test_the_rules_by_key_one_after_the_other(card, twin):
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


def test_the_dial_resets_boxes(card, twin):
    turn(card, twin, "reset")
    dial = card.get_by_label("Reset below")
    seen = set()
    press(dial, "Home")
    for step in range(0, 101, 20):
        agree(card, twin, at=step)
        seen.add(tuple(row.texts[1] for row in twin.frame.numbers))
        press(dial, *["ArrowRight"] * 20)
    assert len(seen) > 1 and dial.get_attribute("aria-valuetext") == "100 % of what is usual"
    strong = card.locator(".seglib-numbers [data-strong] [role=cell]").first
    expect(strong).to_have_css("font-weight", "600")  # a box that is reset is told from one that is kept
    card.screenshot(path=ARTEFACTS / "refinement-reset.png")


def test_the_read_out_at_the_pointer(card, twin):
    turn(card, twin, "rules")
    canvas = card.locator(".seglib-canvas canvas").last
    unit = canvas.bounding_box()["width"] / 48
    for x, y in ((24, 20), (3, 40)):
        canvas.hover(position={"x": (x + 0.5) * unit, "y": (y + 0.5) * unit})
        parts = [f"x {x}, y {y}"]
        for panel in twin.frame.reads:
            parts.append(f"{panel.title}: {panel.palette.entries[int(panel.labels.pixels[y, x])][0]}")
        expect(card.locator(".seglib-readout")).to_have_text(" · ".join(parts))
    press(canvas, "ArrowRight")
    expect(card.locator(".seglib-readout")).to_contain_text("x 4, y 40 · truth: ")
