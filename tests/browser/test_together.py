"""All widgets in one page: none of them looks otherwise because another one was there before it."""

from __future__ import annotations

import functools

import numpy as np
import torch
from playwright.sync_api import Page

from seglib.data.quality import Sharpness
from seglib.regions import propose
from seglib.scenes import Scenes
from seglib.widgets import (
    Annotator,
    BalanceBoard,
    LieDetector,
    MaskViewer,
    Monitor,
    ProposalExplorer,
    RefinementExplorer,
)
from seglib.widgets.shell import Shell
from tests.browser.lab import ARTEFACTS
from tests.browser.plain import show
from tests.widgets.refinements import scene
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
NAMELESS = """card => [...card.querySelectorAll("button, input, summary, canvas[tabindex]")].filter(node =>
    !(node.ariaLabel || node.labels?.[0]?.textContent || node.textContent)
    || node.dataset.lmSuppressShortcuts !== "true").map(node => node.outerHTML)"""
WIDER = """card => [card, ...card.querySelectorAll(".seglib-bars")]
    .map(node => node.scrollWidth - node.clientWidth)"""


@functools.cache
def widgets() -> dict[str, Shell]:
    """One of each, in a state with much to see."""
    pools = Scenes(length=6, size=(64, 64))
    image, mask = pools[0]
    proposals, objects = propose(image, 50), pools.instances(0)
    scores = 3 * proposals.overlaps_many(mask == torch.arange(10)[:, None, None]) - 1
    blur = Sharpness(pools, np.random.default_rng(0).random(6), np.zeros(6))
    monitor = Monitor(steps(6))
    return {
        "viewer": MaskViewer(image, {"truth": mask, "prediction": mask.roll(3, 1)}, classes=pools.classes),
        "lies": LieDetector(image, mask, pools.classes),
        "proposals": ProposalExplorer(
            image, proposals, objects, classes=pools.classes, scores=scores, view="proposals"
        ),
        "refinement": RefinementExplorer(**scene(), view="rules"),
        "annotator": Annotator([image], classes=pools.classes),
        "balance": BalanceBoard(pools, sharpness=blur),
        "monitor": monitor,
    }


def boxes(page: Page, names: list[str]) -> dict[str, list[str]]:
    show(page, *(widgets()[name] for name in names))
    page.wait_for_timeout(500)
    cards = page.locator(".seglib-card").all()
    return {name: card.evaluate(BOXES) for name, card in zip(names, cards, strict=True)}


def test_every_widget_looks_as_it_does_alone_in_either_order(page: Page) -> None:
    page.set_viewport_size({"width": 1100, "height": 900})
    names = list(widgets())
    alone = {name: boxes(page, [name])[name] for name in names}
    for order in (names, names[::-1]):
        together = boxes(page, order)
        page.screenshot(path=ARTEFACTS / "together.png", full_page=True)
        for name in names:
            assert together[name] == alone[name], (name, order)


def test_every_control_has_a_name_and_its_keys_and_every_card_fits_a_narrow_cell(page: Page) -> None:
    for width in (700, 420):
        page.set_viewport_size({"width": width, "height": 900})
        boxes(page, list(widgets()))
        for card in page.locator(".seglib-card").all():
            assert card.evaluate(NAMELESS) == []
            assert max(card.evaluate(WIDER)) <= 0, (width, card.get_attribute("aria-label"))
