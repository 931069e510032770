"""A film on a page, compared with the same one in this process."""

import base64
from functools import partial
from typing import Any

import numpy as np
from playwright.sync_api import Locator, Page, expect
from torch import Tensor

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


def paints(canvas: Locator, image: Tensor) -> bool:
    """Whether the canvas shows the image (3, H, W), to two grey levels."""
    wanted = image.permute(1, 2, 0).numpy().astype(int)
    return bool(np.abs(pixels(canvas, wanted.shape[1]) - wanted).max() <= 2)


def put(widget: Any, **state: object) -> Any:
    """The widget in another state."""
    with widget.hold_trait_notifications():
        for name, value in state.items():
            setattr(widget, name, value)
    return widget


def shows(card: Locator, twin: Film) -> bool:
    """Whether the images are the twin's."""
    canvases, panels = card.locator(".seglib-canvas canvas:visible").all(), twin.compose()
    return len(canvases) == len(panels) and all(map(paints, canvases, panels))


def agree(card: Locator, twin: Film, **state: object) -> None:
    """Words, images, numbers and crops on the page are those of the twin in this state."""
    put(twin, **state)
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


def turn(card: Locator, twin: Film, view: str) -> int:
    """Go to another view, where its first reel begins; returns that stop."""
    card.get_by_role("radio", name=view.capitalize(), exact=True).first.check()
    begin = twin._views[view].reels[0].begin
    agree(card, twin, view=view, reel=0, at=begin)
    return begin
