"""The proposal explorer in Chromium: image, words, crops and lists follow every control, as Python says."""

from __future__ import annotations

import re
from functools import partial

import pytest
from playwright.sync_api import Locator, Page, expect

from seglib.regions import propose
from seglib.widgets import ProposalExplorer
from tests.browser.explorer import POOLS, agree, made, press, shows
from tests.browser.lab import ARTEFACTS, until
from tests.browser.plain import show

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def built() -> ProposalExplorer:
    return made()


@pytest.fixture
def twin(built: ProposalExplorer) -> ProposalExplorer:
    """The explorer in this process, in its first state."""
    facts = built._facts
    begin = {
        "left": facts.counts[0],
        "number": facts.numbers[-1],
        "painted": len(facts.picked),
        "selected": 0,
    }
    for name, value in {**begin, "view": "grouping", "opacity": 0.5, "hatch": False}.items():
        setattr(built, name, value)
    return built


@pytest.fixture
def card(page: Page, twin: ProposalExplorer) -> Locator:
    """The same explorer on a page."""
    page.set_viewport_size({"width": 900, "height": 1000})
    show(page, twin)
    return page.locator(".seglib-card")


def test_the_grouping_by_slider_and_by_button(card: Locator, twin: ProposalExplorer) -> None:
    agree(card, twin)
    slider = card.get_by_label("Regions left")
    press(card, slider, "ArrowRight", "ArrowRight")
    twin.left = twin._facts.counts[2]
    agree(card, twin)
    card.get_by_role("button", name="Merge the two with stripes").click()
    twin.left = twin._facts.counts[3]
    agree(card, twin)
    press(card, slider, "End")
    twin.left = 1
    agree(card, twin)
    card.get_by_role("button", name="Undo the last merge").click()
    twin.left = 2
    agree(card, twin)
    assert card.page.evaluate("sent.at(-1)") == {"left": 2}
    for twin.opacity in (1.0, 0.0, 0.5):
        card.page.evaluate(f"put('opacity', {twin.opacity})")
        agree(card, twin)
    card.screenshot(path=ARTEFACTS / "proposals-grouping.png")


def test_the_number_of_proposals_by_key(card: Locator, twin: ProposalExplorer) -> None:
    card.get_by_role("radio", name="Proposals", exact=True).check()
    twin.view = "proposals"
    slider = card.get_by_label("Proposals looked at")
    press(card, slider, "Home")
    for stop, number in enumerate(twin._facts.numbers):
        twin.number = number
        if stop % 4 == 0:
            agree(card, twin)
            overlaps = card.locator(".seglib-pick .seglib-value:visible").all_inner_texts()
            assert overlaps == [f"{value:.3f}" for value in twin._facts.overlaps[stop].tolist()]
        card.page.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "the first 200"
    ends = card.evaluate("""card => {
        const shown = name => [...card.querySelectorAll(name)].map(part => part.getBoundingClientRect())
            .find(({ height }) => height > 0);
        const pin = shown(".seglib-pin");
        return [(pin.left + pin.right) / 2, shown(".seglib-ladder input").right - 8];
    }""")
    assert ends[0] == pytest.approx(ends[1], abs=2)  # the thumb stands under the line of the chart
    card.screenshot(path=ARTEFACTS / "proposals.png")


def test_an_object_by_click_by_arrow_key_and_in_the_list(card: Locator, twin: ProposalExplorer) -> None:
    card.get_by_role("radio", name="Proposals", exact=True).check()
    twin.view = "proposals"
    canvas, count = card.locator(".seglib-canvas canvas"), len(twin._facts.names)
    unit = canvas.bounding_box()["width"] / 96  # type: ignore[index]
    for twin.selected in reversed(range(count)):
        y, x = (twin._facts.ids == twin.selected + 1).nonzero()[0].tolist()
        canvas.click(position={"x": (x + 0.5) * unit, "y": (y + 0.5) * unit})
        agree(card, twin)
    for key, selected in (
        ("ArrowRight", 1 % count),
        ("ArrowLeft", 0),
        ("ArrowUp", count - 1),
        ("ArrowDown", 0),
    ):
        press(card, canvas, key)
        twin.selected = selected
        agree(card, twin)
    press(card, canvas, "Escape")
    twin.selected = -1
    agree(card, twin)
    card.locator(".seglib-pick:visible").first.click()
    press(card, card.get_by_role("radio", name=re.compile(rf"^{twin._facts.names[0]}, overlap")), "ArrowDown")
    twin.selected = 1 if count > 1 else -1
    agree(card, twin)


def test_the_paste_by_slider_and_list(card: Locator, twin: ProposalExplorer) -> None:
    card.get_by_role("radio", name="Paste", exact=True).check()
    twin.view = "paste"
    agree(card, twin)
    last = len(twin._facts.picked)
    press(card, card.get_by_label("Regions pasted"), "Home")
    for twin.painted in range(last + 1):
        agree(card, twin)
        assert card.locator(".seglib-pick[data-waits]").count() == last - twin.painted
        card.page.keyboard.press("ArrowRight")
    twin.painted = last
    press(card, card.get_by_role("radio", name=re.compile(rf"^{last}: ")), "ArrowUp")
    twin.painted = max(last - 1, 1) if last > 1 else last
    agree(card, twin)
    card.get_by_role("checkbox", name="Hatching").check()
    twin.hatch = True
    agree(card, twin)
    card.screenshot(path=ARTEFACTS / "proposals-paste.png")


def test_it_fits_a_narrow_cell_and_every_control_has_a_name(card: Locator) -> None:
    card.page.set_viewport_size({"width": 480, "height": 1400})
    for view in ("Grouping", "Paste", "Proposals"):
        card.get_by_role("radio", name=view, exact=True).check()
        assert card.evaluate("card => card.scrollWidth - card.clientWidth") <= 0
    nameless = card.locator("input, button, [tabindex]").evaluate_all("""controls => controls.filter(
        control => !(control.ariaLabel || control.labels?.[0]?.textContent || control.textContent)
        || control.dataset.lmSuppressShortcuts !== "true").map(control => control.outerHTML)""")
    assert nameless == []


def test_a_image_without_objects_and_scores(page: Page) -> None:
    twin = ProposalExplorer(POOLS[0][0], propose(POOLS[0][0], 20), view="proposals", number=5)
    show(page, twin)
    card = page.locator(".seglib-card")
    expect(card.locator(".seglib-explains")).to_have_text(twin.says())
    until(partial(shows, card, twin), "the fifth region", 10)
    card.get_by_role("radio", name="Paste", exact=True).check()
    twin.view = "paste"
    expect(card.locator(".seglib-explains")).to_have_text(twin.says())
    until(partial(shows, card, twin), "the image alone", 10)
