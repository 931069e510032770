"""All widgets in one page: none of them looks otherwise because another one was there before it."""

import functools

from playwright.sync_api import Page

from seglib.widgets import Annotator, Monitor
from seglib.widgets.shell import Shell
from tests.browser import samples
from tests.browser.lab import ARTEFACTS
from tests.browser.plain import show
from tests.widgets.trainings import steps

# Where everything in a card is, from the card's corner, and how large.
BOXES = """card => {
    const corner = card.getBoundingClientRect();
    return [...card.querySelectorAll("*")].filter(node => node.checkVisibility()).map(node => {
        const { x, y, width, height } = node.getBoundingClientRect();
        const place = [x - corner.x, y - corner.y, width, height].map(Math.round).join(" ");
        return `${node.localName}.${node.getAttribute("class") ?? ""} ${place}`;
    });
}"""

# What takes the focus without a name, or loses its arrow keys to JupyterLab; and what is wider than its card.
NAMELESS = """card => [...card.querySelectorAll("button, input, summary, [tabindex]")].filter(node =>
    !(node.ariaLabel || node.labels?.[0]?.textContent || node.textContent)
    || node.dataset.lmSuppressShortcuts !== "true").map(node => node.outerHTML)"""
WIDER = """card => [card, ...card.querySelectorAll(".seglib-bars")]
    .map(node => node.scrollWidth - node.clientWidth)"""


@functools.cache
def widgets() -> dict[str, Shell]:
    """One of each, in a state with much to see."""
    return {
        "viewer": samples.viewer(),
        "lies": samples.detector(),
        "proposals": samples.proposals(view="proposals"),
        "refinement": samples.refinement(view="rules"),
        "annotator": Annotator([samples.POOLS[0][0]], classes=samples.POOLS.classes),
        "balance": samples.board(),
        "monitor": Monitor(steps(6)),
    }


def boxes(page: Page, names: list[str]) -> dict[str, list[str]]:
    show(page, *(widgets()[name] for name in names))
    page.wait_for_timeout(500)
    cards = page.locator(".seglib-card").all()
    return {name: card.evaluate(BOXES) for name, card in zip(names, cards, strict=True)}


def test_every_widget_looks_as_it_does_alone_in_either_order(page):
    page.set_viewport_size({"width": 1100, "height": 900})
    names = list(widgets())
    alone = {name: boxes(page, [name])[name] for name in names}
    for order in (names, names[::-1]):
        together = boxes(page, order)
        page.screenshot(path=ARTEFACTS / "together.png", full_page=True)
        for name in names:
            assert together[name] == alone[name], (name, order)


def test_every_control_has_a_name_and_its_keys_and_every_card_fits_a_narrow_cell(page):
    for width in (700, 420):
        page.set_viewport_size({"width": width, "height": 900})
        boxes(page, list(widgets()))
        for card in page.locator(".seglib-card").all():
            assert card.evaluate(NAMELESS) == []
            wider = card.evaluate(WIDER)
            for view in card.get_by_role("radiogroup", name="View").get_by_role("radio").all():
                view.check()
                page.wait_for_timeout(100)
                wider += card.evaluate(WIDER)
            assert max(wider) <= 0, (width, card.get_attribute("aria-label"))
