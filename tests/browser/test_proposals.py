"""The proposal explorer in Chromium: image, words, crops and lists follow every control, as Python says."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from seglib.widgets import ProposalExplorer
from tests.browser.explorer import agree, opened, press, put, turn
from tests.browser.lab import ARTEFACTS
from tests.browser.samples import proposals


@pytest.fixture(scope="module")
def built() -> ProposalExplorer:
    return proposals()


@pytest.fixture
def twin(built: ProposalExplorer) -> ProposalExplorer:
    """The explorer in this process, in its first state."""
    return put(built, view="grouping", reel=0, at=0, opacity=0.5, hatch=False)


@pytest.fixture
def card(page: Page, twin: ProposalExplorer) -> Locator:
    """The same explorer on a page."""
    return opened(page, twin, 900)


def test_the_grouping_by_slider(card, twin):
    agree(card, twin)
    slider = card.get_by_label("Regions left")
    press(slider, "ArrowRight", "ArrowRight")
    agree(card, twin, at=2)
    press(slider, "End")
    last = len(twin._views["grouping"].reels[0].stops) - 1
    agree(card, twin, at=last)
    press(slider, "ArrowLeft")
    agree(card, twin, at=last - 1)
    assert card.page.evaluate("sent.at(-1)") == {"view": "grouping", "reel": 0, "at": last - 1}
    for opacity in (1.0, 0.0, 0.5):
        card.page.evaluate(f"put('opacity', {opacity})")
        agree(card, twin, opacity=opacity)
    card.locator(".seglib-canvas canvas").hover(position={"x": 100, "y": 100})
    expect(card.locator(".seglib-readout")).to_contain_text("region: merges next with the ")
    card.screenshot(path=ARTEFACTS / "proposals-grouping.png")


def test_the_number_of_proposals_by_key(card, twin):
    last = turn(card, twin, "proposals")
    slider = card.get_by_label("Proposals examined")
    press(slider, "Home")
    for stop in range(last + 1):
        if stop % 4 == 0:
            agree(card, twin, at=stop)
            told = card.locator(".seglib-pick .seglib-value:visible").all_inner_texts()
            assert told == [reel.rows[stop].texts[0] for reel in twin._views["proposals"].reels[:-1]]
        card.page.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "the first 200"
    ends = card.evaluate("""card => {
        const shown = name => [...card.querySelectorAll(name)].map(part => part.getBoundingClientRect())
            .find(({ height }) => height > 0);
        const pin = shown(".seglib-pin");
        return [(pin.left + pin.right) / 2, shown(".seglib-stops input").right - 8];
    }""")
    assert ends[0] == pytest.approx(ends[1], abs=2)  # the thumb stands under the line of the chart
    card.screenshot(path=ARTEFACTS / "proposals.png")


def test_an_object_by_click_by_arrow_key_and_in_the_list(card, twin):
    turn(card, twin, "proposals")
    view, canvas = twin._views["proposals"], card.locator(".seglib-canvas canvas")
    assert view.targets is not None
    unit, count = canvas.bounding_box()["width"] / 96, len(view.reels) - 1
    for index in reversed(range(count)):
        y, x = (view.targets == index + 1).nonzero()[0].tolist()
        canvas.click(position={"x": (x + 0.5) * unit, "y": (y + 0.5) * unit})
        agree(card, twin, reel=index)
        expect(card.locator(".seglib-readout")).to_contain_text(f"x {x}, y {y} · region: ")
        expect(card.locator(".seglib-readout")).to_contain_text(f"· object: {view.reels[index].name}")
    for key, index in (("ArrowRight", 1), ("ArrowLeft", 0), ("ArrowUp", count - 1), ("ArrowDown", 0)):
        press(canvas, key)
        agree(card, twin, reel=index % count)
    press(canvas, "Escape")
    agree(card, twin, reel=count)
    press(canvas, "ArrowDown")
    agree(card, twin, reel=0)
    press(card.get_by_role("radio", name=re.compile(rf"^{view.reels[0].name}, ")), "ArrowDown")
    agree(card, twin, reel=1)


def test_the_paste_by_slider_and_list_and_each_view_keeps_its_place(card, twin):
    last = turn(card, twin, "paste")
    press(card.get_by_label("Regions pasted"), "Home")
    for stop in range(last + 1):
        agree(card, twin, at=stop)
        assert card.locator(".seglib-pick[data-waits]:visible").count() == last - stop
        card.page.keyboard.press("ArrowRight")
    card.locator(".seglib-pick:visible").first.click()
    agree(card, twin, at=1)
    card.get_by_role("checkbox", name="Hatching").check()
    agree(card, twin, hatch=True)
    card.screenshot(path=ARTEFACTS / "proposals-paste.png")
    turn(card, twin, "proposals")
    card.get_by_role("radio", name="Paste", exact=True).check()
    agree(card, twin, view="paste", reel=0, at=1)
