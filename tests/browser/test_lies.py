"""The metric lie detector in JupyterLab: dragging needs no kernel, and scores wait if they are told to."""

from __future__ import annotations

from collections.abc import Iterator

import nbformat
import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from seglib.data.scenes import Scenes
from seglib.widgets import LieDetector
from tests.browser.lab import ARTEFACTS, Lab, Notebook, checksum, until, watch

pytestmark = pytest.mark.browser

CODE = """\
from seglib.data.scenes import Scenes
from seglib.widgets import LieDetector

pools = Scenes(length=1)
detector = LieDetector(*pools[0], pools.classes)
detector"""


@pytest.fixture(scope="module")
def notebook(lab: Lab, context: BrowserContext) -> Iterator[tuple[Notebook, list[str]]]:
    """A notebook with one lie detector; its page serves all tests of this file."""
    errors: list[str] = []
    page = context.new_page()
    watch(page, errors)
    opened = lab.open(page, nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CODE)]), "lies.ipynb")
    opened.run_all()
    page.locator(".seglib-canvas canvas").wait_for()
    yield opened, errors
    page.close()


@pytest.fixture
def detector(notebook: tuple[Notebook, list[str]]) -> Iterator[Notebook]:
    """The detector in its first state; whatever reaches the console as an error fails the test."""
    opened, errors = notebook
    opened.execute(
        "detector.lie, detector.step, detector.mode, detector.hidden = 'erode', 0, 'overlay', False"
    )
    expect(opened.page.get_by_label("How much")).to_have_value("0")
    yield opened
    assert not errors, errors


@pytest.fixture(scope="module")
def twin() -> LieDetector:
    """The same detector in this process."""
    pools = Scenes(length=1)
    return LieDetector(*pools[0], pools.classes)


def percent(page: Page, name: str) -> Locator:
    """The cell with the number of one score."""
    return (
        page.get_by_role("row")
        .filter(has=page.get_by_role("rowheader", name=name, exact=True))
        .get_by_role("cell")
        .first
    )


def test_a_drag_changes_picture_and_scores_and_python_knows(detector: Notebook, twin: LieDetector) -> None:
    page, canvas = detector.page, detector.page.locator(".seglib-canvas canvas")
    before = checksum(canvas)
    slider = page.get_by_label("How much")
    box = slider.bounding_box()
    assert box
    page.mouse.move(box["x"] + 8, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.45, box["y"] + box["height"] / 2, steps=12)
    page.mouse.up()
    until(lambda: checksum(canvas) != before, "the picture changes", 5)
    twin.lie, twin.step = "erode", int(slider.input_value())
    assert twin.step > 2
    for name, score in twin.scores.items():
        expect(percent(page, name)).to_have_text(f"{100 * score:.1f}")
    until(lambda: detector.python("detector.step") == twin.step, "Python reads the step", 5)
    page.screenshot(path=ARTEFACTS / "lies.png")


def test_a_key_moves_the_slider_and_the_lie_tells_its_size(detector: Notebook) -> None:
    slider = detector.page.get_by_label("How much")
    slider.focus()
    detector.page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "1 px")


def test_another_lie_starts_where_it_has_a_step(detector: Notebook) -> None:
    detector.execute("detector.step = 10")
    expect(detector.page.get_by_label("How much")).to_have_value("10")
    detector.page.get_by_role("radio", name="Drop a class").check()
    expect(detector.page.get_by_label("How much")).to_have_value("0")
    until(lambda: detector.python("[detector.lie, detector.step]") == ["drop", 0], "Python reads the lie", 5)


def test_the_scores_wait_for_a_guess(detector: Notebook) -> None:
    detector.execute("detector.hidden = True")
    expect(percent(detector.page, "mIoU")).to_be_hidden()
    detector.page.screenshot(path=ARTEFACTS / "lies-hidden.png")
    detector.page.get_by_role("button", name="Show the scores").click()
    expect(percent(detector.page, "mIoU")).to_be_visible()
    until(lambda: detector.python("detector.hidden") is False, "Python knows that they are seen", 5)
