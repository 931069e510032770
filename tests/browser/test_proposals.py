"""The proposal explorer in Chromium: picture, words, crops and lists follow every control, as Python says."""

from __future__ import annotations

import base64
import re
from functools import partial
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from playwright.sync_api import BrowserContext, Locator, Page, expect

from seglib.data.scenes import Scenes
from seglib.regions.search import propose
from seglib.widgets import ProposalExplorer
from tests.browser.lab import ARTEFACTS, Lab, until, watch
from tests.browser.plain import show
from tests.browser.widget import Widget

pytestmark = pytest.mark.browser

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
CELLS = [
    """\
import torch
from seglib.data.scenes import Scenes
from seglib.regions.search import propose
from seglib.widgets import ProposalExplorer

pools = Scenes(length=1, size=(96, 96))
image, _ = pools[0]
objects = pools.instances(0)
proposals = propose(image, 200)
scores = 3 * proposals.overlaps_many((pools[0][1] == torch.arange(10)[:, None, None])) - 1""",
    """\
explorer = ProposalExplorer(image, proposals, objects, pools.classes, scores=scores, view="proposals")
explorer""",
]


@pytest.fixture(scope="module")
def built() -> ProposalExplorer:
    image, mask = POOLS[0]
    proposals = propose(image, 200)
    scores = 3 * proposals.overlaps_many(mask == torch.arange(10)[:, None, None]) - 1
    return ProposalExplorer(image, proposals, POOLS.instances(0), POOLS.classes, scores=scores)


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
    for name, value in {**begin, "view": "grouping", "opacity": 0.5, "hatch": False, "cursor": None}.items():
        setattr(built, name, value)
    return built


@pytest.fixture
def card(page: Page, twin: ProposalExplorer) -> Locator:
    """The same explorer on a page."""
    page.set_viewport_size({"width": 900, "height": 1000})
    show(page, twin)
    return page.locator(".seglib-card")


def pixels(canvas: Locator, width: int) -> np.ndarray:
    data = np.frombuffer(base64.b64decode(canvas.evaluate(SAMPLES, width)), np.uint8)
    return data.reshape(-1, width, 3).astype(int)


def shows(card: Locator, twin: ProposalExplorer) -> bool:
    """Whether the picture is the twin's, to two grey levels."""
    wanted = twin.compose().permute(1, 2, 0).numpy().astype(int)
    return bool(np.abs(pixels(card.locator(".seglib-canvas canvas"), wanted.shape[1]) - wanted).max() <= 2)


def agree(card: Locator, twin: ProposalExplorer) -> None:
    """Words, picture, crops and scores on the page are those of the twin."""
    expect(card.locator(".seglib-explains")).to_have_text(twin.says())
    until(partial(shows, card, twin), f"the picture of {twin.view}", 10)
    crops = twin.crops
    canvases = card.locator(".seglib-crops canvas").all()
    assert [canvas.is_visible() for canvas in canvases] == [crops is not None] * 2
    if crops is None or twin.region is None:
        return
    assert (canvases[0].get_attribute("aria-label") or "").startswith(f"region {twin.region + 1:,}, full box")
    for canvas, crop in zip(canvases, crops):  # the browser makes a picture smaller in its own way
        error = np.abs(pixels(canvas, 96) - crop.permute(1, 2, 0).numpy())
        assert error.mean() < 5
    mean = (crops[1] == 127).all(dim=0).numpy()  # outside of the region
    assert (pixels(canvases[1], 96)[mean] == 127).all()
    bars = card.locator(".seglib-score .seglib-value").all_inner_texts()
    assert bars == twin.data["regions"]["texts"][twin.state.region]


def press(card: Locator, control: Locator, *keys: str) -> None:
    control.focus()
    for key in keys:
        card.page.keyboard.press(key)


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
            assert overlaps == [f"{value:.2f}" for value in twin._facts.overlaps[stop].tolist()]
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
        twin.cursor = [x, y]
        agree(card, twin)
        expect(card.locator(".seglib-readout")).to_have_text(twin.read_out())
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
    twin.selected, twin.cursor = -1, None
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


def test_a_picture_without_objects_and_scores(page: Page) -> None:
    twin = ProposalExplorer(POOLS[0][0], propose(POOLS[0][0], 20), view="proposals", number=5)
    show(page, twin)
    card = page.locator(".seglib-card")
    expect(card.locator(".seglib-explains")).to_have_text(twin.says())
    until(partial(shows, card, twin), "the fifth region", 10)
    card.get_by_role("radio", name="Paste", exact=True).check()
    twin.view = "paste"
    expect(card.locator(".seglib-explains")).to_have_text(twin.says())
    until(partial(shows, card, twin), "the picture alone", 10)


def test_exported_it_works_without_a_kernel(page: Page, twin: ProposalExplorer, tmp_path: Path) -> None:
    twin.view = "proposals"
    file = tmp_path / "explorer.html"
    file.write_text(f"<!doctype html><meta charset=utf-8>{twin.to_html()}", encoding="utf-8")
    page.route(re.compile("^(?!file:|blob:|data:)"), lambda route: route.abort())
    page.goto(file.as_uri())
    card = page.locator(".seglib-card")
    agree(card, twin)
    press(card, card.get_by_label("Proposals looked at"), "ArrowLeft")
    twin.number = twin._facts.numbers[-2]
    agree(card, twin)


def test_in_jupyterlab_the_keys_are_its_own_and_python_knows(lab: Lab, context: BrowserContext) -> None:
    errors: list[str] = []
    tab = context.new_page()
    watch(tab, errors)
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    notebook = lab.open(tab, nbformat.v4.new_notebook(cells=cells), "proposals.ipynb")
    try:
        notebook.run_all()
        shown = Widget(notebook, "Proposal explorer")
        shown.press(shown.card.get_by_label("Proposals looked at"), "Home")
        until(lambda: shown.python("explorer.number") == 1, "Python reads the number", 10)
        shown.press(shown.canvas(), "ArrowRight")
        until(lambda: shown.python("explorer.selected") == 1, "Python reads the object", 10)
        shown.execute("explorer.view = 'grouping'")
        shown.press(shown.card.get_by_label("Regions left"), "End")
        until(lambda: shown.python("explorer.left") == 1, "Python reads the grouping", 10)
        shown.execute("explorer.view, explorer.painted = 'paste', 1")
        expect(shown.card.locator(".seglib-explains")).to_have_text(shown.python("explorer.says()"))
        shown.card.screenshot(path=ARTEFACTS / "proposals-lab.png")
        assert not errors, errors
    finally:
        tab.close()
        lab.shut_down(notebook)
