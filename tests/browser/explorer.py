"""A film on a page, compared with the same one in this process."""

from __future__ import annotations

import base64
from functools import partial

import numpy as np
from playwright.sync_api import Locator, Page, expect

from seglib.widgets.film import Film
from tests.browser.lab import until
from tests.browser.plain import show

# What a canvas shows, one sample for each of `width` columns, in the middle of an image pixel.
SAMPLES = """(canvas, width) => {
    const unit = canvas.width / width, height = canvas.height / unit, data = canvas.getContext("2d")
        .getImageData(0, 0, canvas.width, canvas.height).data, out = new Uint8Array(width * height * 3);
    for (let y = 0, i = 0; y < height; y++) for (let x = 0; x < width; x++) {
        const at = 4 * (Math.floor((y + .5) * unit) * canvas.width + Math.floor((x + .5) * unit));
        for (let c = 0; c < 3; c++) out[i++] = data[at + c];
    }
    return btoa(Array.from(out, value => String.fromCharCode(value)).join(""));
}"""
NAMELESS = """controls => controls.filter(
    control => !(control.ariaLabel || control.labels?.[0]?.textContent || control.textContent)
    || control.dataset.lmSuppressShortcuts !== "true").map(control => control.outerHTML)"""


def pixels(canvas: Locator, width: int) -> np.ndarray:
    """(H, W, 3) int: what a canvas shows, one sample an image pixel."""
    data = np.frombuffer(base64.b64decode(canvas.evaluate(SAMPLES, width)), np.uint8)
    return data.reshape(-1, width, 3).astype(int)


def opened(page: Page, twin: Film, width: int = 1100) -> Locator:
    """The card of a film on a page of its own, without the boxes, which have no pixels of the image."""
    page.set_viewport_size({"width": width, "height": 1000})
    twin.show_boxes = False
    show(page, twin)
    return page.locator(".seglib-card")


def shows(card: Locator, twin: Film) -> bool:
    """Whether the images are the twin's, to two grey levels."""
    canvases = [canvas for canvas in card.locator(".seglib-canvas canvas").all() if canvas.is_visible()]
    wanted = [panel.permute(1, 2, 0).numpy().astype(int) for panel in twin.compose()]
    return len(canvases) == len(wanted) and all(
        np.abs(pixels(canvas, panel.shape[1]) - panel).max() <= 2 for canvas, panel in zip(canvases, wanted)
    )


def agree(card: Locator, twin: Film, **state: object) -> None:
    """Words, images, numbers and crops on the page are those of the twin in this state."""
    with twin.hold_trait_notifications():
        for name, value in state.items():
            setattr(twin, name, value)
    expect(card.locator(".seglib-says")).to_have_text(twin.frame.words)
    until(partial(shows, card, twin), f"the images of {twin.view}, {twin.reel}, {twin.at}", 10)
    crops = [image.get_attribute("alt") for image in card.locator(".seglib-crops img:visible").all()]
    assert crops == [words for _, words, _ in twin.frame.crops]
    cells = card.locator(".seglib-numbers:visible [role=cell]").all_inner_texts()
    assert cells == [text for row in twin.frame.numbers for text in row.texts]


def press(control: Locator, *keys: str) -> None:
    expect(control).to_be_visible()  # what is hidden takes no focus, and no error says so
    control.focus()
    for key in keys:
        control.page.keyboard.press(key)


def fits(card: Locator) -> bool:
    return card.evaluate("card => card.scrollWidth - card.clientWidth") <= 0


def fits_and_has_names(card: Locator, views: tuple[str, ...]) -> None:
    """It fits a narrow cell, and every control has a name and keeps its keys."""
    card.page.set_viewport_size({"width": 480, "height": 1400})
    for view in views:
        card.get_by_role("radio", name=view, exact=True).check()
        until(partial(fits, card), f"{view} fits", 5)
    assert card.locator("input, button, [tabindex]").evaluate_all(NAMELESS) == []
