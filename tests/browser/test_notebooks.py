"""Every notebook in JupyterLab: Run All, every slider moves its image, no error, also on the console."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Locator, Page

from tests.browser.lab import ARTEFACTS, ROOT, Notebook, checksum, until

NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]*_*.ipynb"))
# Widgets that blend an image under a slider. Board, monitor and annotator have tests of their own.
BLENDED = ".seglib-card:has(.seglib-canvas canvas):has(input[type=range])"


@pytest.fixture
def notebook(lab, context, request) -> Iterator[Notebook]:
    path: Path = request.param
    shutil.copytree(path.parent / "images", lab.folder / "images", dirs_exist_ok=True)
    shutil.rmtree(lab.folder / "drawn", ignore_errors=True)  # what another test has drawn
    with lab.open(context, path.name, content=nbformat.read(path, as_version=4)) as opened:
        yield opened


def move_slider(page: Page, card: Locator) -> None:
    """A step on a widget's slider, whichever way there is room, changes the image if anything is on it."""
    if "nothing is pasted" in card.inner_text():
        return
    canvas, slider = card.locator(".seglib-canvas canvas").first, card.locator("input[type=range]").first
    if not slider.is_visible():
        card.get_by_role("radio", name="Overlay").check()  # a difference has no opacity
    if (truth := card.get_by_role("radio", name="truth")).is_visible():
        truth.check()  # a net that learned for seconds may paint nothing
    before = checksum(canvas)
    slider.focus()
    page.keyboard.press("ArrowRight")
    until(lambda: checksum(canvas) != before, "the slider changes the image", 10)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem, indirect=True)
def test_run_all_and_move_every_slider(notebook, lab, request):
    page, name = notebook.page, request.node.callspec.id
    saved = lab.folder / f"{name}.ipynb"
    notebook.run_all(300)
    page.wait_for_timeout(500)
    for index, card in enumerate(page.locator(BLENDED).all()):
        card.locator("canvas").first.wait_for()
        card.scroll_into_view_if_needed()
        move_slider(page, card)
        card.screenshot(path=ARTEFACTS / f"{name}-{index}.png")
    page.get_by_role("button", name="Save and create checkpoint").click()
    until(lambda: '"execution_count": 2,' in saved.read_text("utf-8"), "the notebook is saved as it ran", 20)
    assert saved.stat().st_size < 2_000_000, "what a student sends by mail"
