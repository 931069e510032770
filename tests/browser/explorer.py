"""A proposal explorer on a page, held against the same one in this process."""

from __future__ import annotations

import base64
from functools import partial

import numpy as np
import torch
from playwright.sync_api import Locator, expect

from seglib.regions import propose
from seglib.scenes import Scenes
from seglib.widgets import ProposalExplorer
from tests.browser.lab import until

POOLS = Scenes(length=1, size=(96, 96))
# What a canvas shows, one sample for each of `width` columns; as the test of the viewer reads it.
SAMPLES = """(canvas, width) => {
    const unit = canvas.width / width, height = canvas.height / unit, data = canvas.getContext("2d")
        .getImageData(0, 0, canvas.width, canvas.height).data, out = new Uint8Array(width * height * 3);
    for (let y = 0, i = 0; y < height; y++) for (let x = 0; x < width; x++) {
        const at = 4 * (Math.floor((y + .5) * unit) * canvas.width + Math.floor((x + .5) * unit));
        for (let c = 0; c < 3; c++) out[i++] = data[at + c];
    }
    return btoa(Array.from(out, value => String.fromCharCode(value)).join(""));
}"""


def made() -> ProposalExplorer:
    """An explorer of a scene, with everything; each class's score is how much of the region it is."""
    image, mask = POOLS[0]
    proposals = propose(image, 200)
    scores = 3 * proposals.overlaps_many(mask == torch.arange(10)[:, None, None]) - 1
    return ProposalExplorer(image, proposals, POOLS.instances(0), POOLS.classes, scores=scores)


def pixels(canvas: Locator, width: int) -> np.ndarray:
    data = np.frombuffer(base64.b64decode(canvas.evaluate(SAMPLES, width)), np.uint8)
    return data.reshape(-1, width, 3).astype(int)


def shows(card: Locator, twin: ProposalExplorer) -> bool:
    """Whether the image is the twin's, to two grey levels."""
    wanted = twin.compose().permute(1, 2, 0).numpy().astype(int)
    return bool(np.abs(pixels(card.locator(".seglib-canvas canvas"), wanted.shape[1]) - wanted).max() <= 2)


def agree(card: Locator, twin: ProposalExplorer) -> None:
    """Words, image, crops and scores on the page are those of the twin."""
    expect(card.locator(".seglib-explains")).to_have_text(twin.says())
    until(partial(shows, card, twin), f"the image of {twin.view}", 10)
    crops = twin.crops
    canvases = card.locator(".seglib-crops canvas").all()
    assert [canvas.is_visible() for canvas in canvases] == [crops is not None] * 2
    if crops is None or twin.region is None:
        return
    assert (canvases[0].get_attribute("aria-label") or "").startswith(f"region {twin.region + 1:,}, full box")
    for canvas, crop in zip(canvases, crops):  # the browser makes an image smaller in its own way
        error = np.abs(pixels(canvas, 96) - crop.permute(1, 2, 0).numpy())
        assert error.mean() < 5
    mean = (crops[1] == 127).all(dim=0).numpy()  # outside of the region
    assert (pixels(canvases[1], 96)[mean] == 127).all()
    bars = card.locator(".seglib-score .seglib-value").all_inner_texts()
    assert bars == twin.data["regions"]["texts"][twin.state.region]


def press(card: Locator, control: Locator, *keys: str) -> None:
    expect(control).to_be_visible()  # what is hidden takes no focus, and nobody says so
    control.focus()
    for key in keys:
        card.page.keyboard.press(key)
