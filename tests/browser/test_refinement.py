"""The refinement explorer in Chromium: images, words and lists follow every control, as Python says."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from seglib.widgets import RefinementExplorer
from seglib.widgets.refinement.painting import panels
from seglib.widgets.refinement.words import counts
from tests.browser.explorer import pixels
from tests.browser.explorer import press as pressed
from tests.browser.lab import ARTEFACTS, until
from tests.browser.plain import show
from tests.widgets.refinements import CLASSES, IMAGE, NONE, TRUTH, scene

pytestmark = pytest.mark.browser


def press(card: Locator, control: Locator, *keys: str) -> None:
    pressed(control, *keys)


def shows(card: Locator, twin: RefinementExplorer) -> bool:
    """Whether both images are the twin's, to two grey levels."""
    for canvas, panel in zip(card.locator(".seglib-canvas canvas").all(), panels(twin.state)):
        wanted = panel.permute(1, 2, 0).numpy().astype(int)
        if np.abs(pixels(canvas, wanted.shape[1]) - wanted).max() > 2:
            return False
    return True


def agree(card: Locator, twin: RefinementExplorer) -> None:
    expect(card.locator(".seglib-explains")).to_have_text(twin.says())
    until(partial(shows, card, twin), f"the images of {twin.view}", 10)


@pytest.fixture(scope="module")
def built() -> RefinementExplorer:
    known = scene()
    unsure = known["truth"].clone()
    unsure[::3] = 255
    return RefinementExplorer(**known, schemes={"rectangles": known["truth"].roll(3, 1), "unsure": unsure})


@pytest.fixture
def twin(built: RefinementExplorer) -> RefinementExplorer:
    """The explorer in this process, in its first state."""
    begin = {"view": "schemes", "scheme": "rectangles", "round": 1, "stage": "reset", "threshold": 0.5}
    style = {"difference": False, "boxes": True, "hatch": False, "opacity": 0.5}
    for name, value in {**begin, **style}.items():
        setattr(built, name, value)
    return built


@pytest.fixture
def card(page: Page, twin: RefinementExplorer) -> Locator:
    """The same explorer on a page."""
    page.set_viewport_size({"width": 1100, "height": 900})
    show(page, twin)
    return page.locator(".seglib-card")


def test_a_scheme_by_key_and_in_every_style(card: Locator, twin: RefinementExplorer) -> None:
    agree(card, twin)
    press(card, card.get_by_role("radio", name=re.compile("^rectangles: mIoU")), "ArrowDown")
    twin.scheme = "unsure"
    agree(card, twin)
    assert card.page.evaluate("sent.at(-1)") == {"scheme": "unsure"}
    for name, box in (("hatch", "Hatching"), ("boxes", "Boxes"), ("difference", "Wrong pixels")):
        card.get_by_role("checkbox", name=box).click()
        setattr(twin, name, not getattr(twin, name))
        agree(card, twin)
    for twin.opacity in (1.0, 0.0):
        card.page.evaluate(f"put('opacity', {twin.opacity})")
        agree(card, twin)
    card.locator(".seglib-strip canvas").first.click()
    twin.scheme = "rectangles"
    agree(card, twin)
    cells = twin.data["schemes"][0]["cells"]
    assert card.locator(".seglib-pick[data-chosen]:visible .seglib-value").all_inner_texts() == cells


def test_the_rounds_by_slider_and_in_the_film_strip(card: Locator, twin: RefinementExplorer) -> None:
    card.get_by_role("radio", name="Rounds", exact=True).check()
    twin.view = "rounds"
    agree(card, twin)
    slider = card.get_by_role("slider", name="Round", exact=True)
    press(card, slider, "ArrowRight")
    twin.round = 2
    agree(card, twin)
    assert slider.get_attribute("aria-valuetext") == "2 of 2"
    press(card, slider, "Home")
    twin.round = 0
    agree(card, twin)
    expect(card.locator(".seglib-strip figure")).to_have_count(3)
    card.locator(".seglib-strip canvas").nth(1).click()
    twin.round = 1
    agree(card, twin)
    expect(card.locator(".seglib-strip figure[data-shown]")).to_contain_text("round 1")
    card.screenshot(path=ARTEFACTS / "refinement-rounds.png")


def test_the_rules_by_key_one_after_the_other(card: Locator, twin: RefinementExplorer) -> None:
    card.get_by_role("radio", name="Rules", exact=True).check()
    twin.view = "rules"
    agree(card, twin)
    press(card, card.get_by_role("radio", name=re.compile("^Reset: changes")), "Home", "ArrowDown")
    for stage in twin._facts.stages:
        twin.stage = stage
        agree(card, twin)
        card.page.keyboard.press("ArrowDown")
    twin.stage = "net"
    agree(card, twin)
    assert twin.state.step is not None
    told = [f"{count:,}" for count in counts(twin.state.step, twin.state.stop).values()]
    rows = card.locator(".seglib-rules .seglib-pick")
    assert [row.locator(".seglib-value").first.inner_text() for row in rows.all()][1:] == told
    card.locator(".seglib-strip canvas").last.click()
    twin.stage = "reset"
    agree(card, twin)
    press(card, card.get_by_role("slider", name="Step"), "Home")
    twin.round = 0
    agree(card, twin)
    expect(card.get_by_label("Reset below")).not_to_be_visible()


def test_the_dial_resets_boxes(card: Locator, twin: RefinementExplorer) -> None:
    card.get_by_role("radio", name="Rules", exact=True).check()
    twin.view = "rules"
    dial = card.get_by_label("Reset below")
    seen = set()
    press(card, dial, "Home")
    for step in range(0, 101, 20):
        twin.threshold = step / 100
        agree(card, twin)
        seen.add(twin.reset)
        fates = card.locator(".seglib-fate").all_inner_texts()
        assert fates == ["reset" if box in twin.reset else "kept" for box in range(len(fates))]
        press(card, dial, *["ArrowRight"] * 20)
    assert len(seen) > 1 and dial.get_attribute("aria-valuetext") == "100 % of what is usual"
    card.screenshot(path=ARTEFACTS / "refinement-rules.png")


def test_it_fits_a_narrow_cell_and_every_control_has_a_name(card: Locator) -> None:
    card.page.set_viewport_size({"width": 480, "height": 1400})
    for view in ("Schemes", "Rounds", "Rules"):
        card.get_by_role("radio", name=view, exact=True).check()
        assert card.evaluate("card => card.scrollWidth - card.clientWidth") <= 0
    nameless = card.locator("input, button, [tabindex]").evaluate_all("""controls => controls.filter(
        control => !(control.ariaLabel || control.labels?.[0]?.textContent || control.textContent)
        || control.dataset.lmSuppressShortcuts !== "true").map(control => control.outerHTML)""")
    assert nameless == []


def test_a_image_without_boxes_and_rounds(page: Page) -> None:
    twin = RefinementExplorer(IMAGE, TRUTH, NONE, CLASSES)
    show(page, twin)
    card = page.locator(".seglib-card")
    for twin.view in ("schemes", "rounds", "rules"):
        card.get_by_role("radio", name=twin.view.capitalize(), exact=True).check()
        agree(card, twin)


def test_exported_it_works_without_a_kernel(page: Page, twin: RefinementExplorer, tmp_path: Path) -> None:
    twin.view = "rules"
    file = tmp_path / "explorer.html"
    file.write_text(f"<!doctype html><meta charset=utf-8>{twin.to_html()}", encoding="utf-8")
    page.route(re.compile("^(?!file:|blob:|data:)"), lambda route: route.abort())
    page.goto(file.as_uri())
    card = page.locator(".seglib-card")
    agree(card, twin)
    press(card, card.get_by_label("Reset below"), "End")
    twin.threshold = 1.0
    agree(card, twin)
