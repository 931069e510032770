"""The annotator in JupyterLab: drawn on, saved, and still there after the kernel was restarted."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Locator, expect

from tests.browser.lab import ARTEFACTS, Kernel, Lab, Notebook, drag, until
from tests.browser.test_annotator import PIXEL

SET_UP = """\
import os

from seglib.scenes import Scenes
from seglib.widgets.annotator import Annotator

pools = Scenes(length=2)
print(os.getpid())"""
BOXES = """\
boxes = Annotator(pools, classes=pools.classes, path="drawn/boxes.json")
boxes"""
POLYGONS = """\
polygons = Annotator(pools, classes=pools.classes, kind="polygons", path="drawn/polygons.json")
polygons"""


@pytest.fixture(scope="module")
def notebook(lab: Lab, context: BrowserContext) -> Iterator[Notebook]:
    """A notebook with an annotator for boxes and one for polygons."""
    with lab.open(context, "annotator.ipynb", SET_UP, BOXES, POLYGONS) as opened:
        opened.run_all()
        yield opened


def easel(notebook: Notebook, index: int) -> Locator:
    canvas = notebook.page.locator("canvas.seglib-drawing").nth(index)
    canvas.scroll_into_view_if_needed()
    return canvas


def point(canvas: Locator, x: float, y: float) -> tuple[float, float]:
    """Where a place in the image, 160 x 160 pixels, is on the page."""
    box = canvas.bounding_box()
    assert box
    return box["x"] + box["width"] * x / 160, box["y"] + box["height"] * y / 160


def pixel(canvas: Locator, x: float, y: float) -> list[int]:
    return canvas.evaluate(PIXEL, [x / 160, y / 160])


def saved(lab: Lab, name: str, objects: int) -> list[dict[str, Any]]:
    """The objects in a file, once there are so many."""
    path = lab.folder / "drawn" / f"{name}.json"

    def found() -> list[dict[str, Any]] | None:
        annotations = json.loads(path.read_text())["annotations"] if path.exists() else []
        return annotations if len(annotations) == objects else None

    return until(found, "it is saved", 10)


def restart(notebook: Notebook, lab: Lab) -> None:
    """Restart Kernel and Run All Cells, as a student does it."""
    page = notebook.page
    pid = page.locator(".jp-OutputArea-output pre").first
    before = pid.inner_text()
    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.get_by_role("menuitem", name="Restart Kernel and Run All Cells").click()
    page.locator(".jp-Dialog .jp-mod-accept").click()
    until(lambda: pid.count() and pid.inner_text() != before, "another kernel runs the cells", 90)
    kernel = lab.ask(f"api/sessions/{notebook.session}")["kernel"]["id"]
    notebook.kernel = Kernel(lab.runtime / f"kernel-{kernel}.json")  # the old one is deaf
    lab.kernels.append(notebook.kernel)
    until(lambda: notebook.python("'polygons' in globals()"), "all cells have run", 90)


def test_a_box_a_polygon_a_restart(notebook, lab):
    page, canvas = notebook.page, easel(notebook, 0)
    drag(page, point(canvas, 20, 30), point(canvas, 70, 90), 1200)
    (box,) = saved(lab, "boxes", 1)
    assert box["bbox"] == [20, 30, 50, 60] and 1.2 <= box["seconds"] < 10
    drag(page, point(canvas, 100, 100), point(canvas, 120, 130))
    saved(lab, "boxes", 2)
    page.keyboard.press("Control+z")
    saved(lab, "boxes", 1)
    color = notebook.python("pools.classes.colors[1]")
    assert pixel(canvas, 20, 60) == color
    page.screenshot(path=ARTEFACTS / "annotator-boxes.png")

    canvas = easel(notebook, 1)
    page.get_by_role("radio", name="starfish").nth(1).check()
    for place in ((40, 40), (120, 40), (120, 120), (60, 130)):
        page.mouse.click(*point(canvas, *place))
    page.screenshot(path=ARTEFACTS / "annotator-polygons.png")
    still = page.locator("[data-seglib=annotator] img").first  # kept in the notebook, for the next day
    expect(still).to_have_attribute("alt", re.compile(r"1 box in boxes.json\.\n.*: fish, in"))
    page.mouse.click(*point(canvas, 40, 40))
    (polygon,) = saved(lab, "polygons", 1)
    assert polygon["segmentation"] == [[40, 40, 120, 40, 120, 120, 60, 130]]
    assert notebook.python("polygons.annotations[0].boxes().tolist()") == [[40, 40, 120, 130]]
    assert notebook.python("polygons.image(0).masks().sum().item()") > 5000

    restart(notebook, lab)
    expect(page.get_by_text("2 of 2")).to_have_count(2)  # the first image without work is open in both
    expect(page.get_by_text("1 box in boxes.json")).to_be_visible()
    assert notebook.python("boxes.work[0]['objects'][0]['points']") == [[20, 30], [70, 90]]


def test_after_the_restart_the_box_is_seen(notebook):
    card = notebook.page.locator(".seglib-card").first
    card.get_by_role("button", name="Previous image").click()
    expect(card.get_by_role("button", name="Select box 1, fish")).to_be_visible()
    canvas = easel(notebook, 0)
    color = notebook.python("pools.classes.colors[1]")
    until(lambda: pixel(canvas, 20, 60) == color, "the box is painted", 10)


def test_lab_leaves_the_keys_to_the_widget(notebook):
    page = notebook.page
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    canvas = easel(notebook, 0)
    canvas.focus()
    before = notebook.python("len(boxes.image(0).annotations)")
    for key in ("2", "ArrowRight", "ArrowDown", "Enter", "Shift+ArrowRight", "Shift+ArrowDown", "Enter"):
        page.keyboard.press(key)
    until(lambda: notebook.python("len(boxes.image(0).annotations)") == before + 1, "a box by keys", 10)
    for key in ("o", "v", "m", "ArrowUp", "m", "a", "b", "x", "z", "y", "d", "d", "Control+z", "Escape"):
        page.keyboard.press(key)
    page.wait_for_timeout(500)
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells
    assert page.locator(".jp-Notebook .jp-CodeCell").count() == cells  # M would make it a text cell
    page.locator(".seglib-card summary").first.focus()
    page.keyboard.press("Tab")  # from the last control to the next cell
    expect(page.locator(".jp-Notebook .jp-Cell").nth(2)).to_have_class(re.compile("jp-mod-active"))
    expect(page.locator(".jp-Notebook .jp-Cell").nth(2)).to_be_focused()


def test_an_error_while_saving_reaches_the_student(notebook, lab):
    page, canvas = notebook.page, easel(notebook, 0)
    (lab.folder / "drawn" / "boxes.json").write_text("{}")  # somebody else's
    page.mouse.click(*point(canvas, 5, 5))
    page.mouse.click(*point(canvas, 15, 15))
    alert = page.locator(".seglib-card").first.get_by_role("alert")
    expect(alert).to_contain_text("was changed by another annotator or program", timeout=10_000)
    assert (lab.folder / "drawn" / "boxes.json").read_text() == "{}"
    assert (lab.folder / "drawn" / "boxes.mine.json").exists()
    page.screenshot(path=ARTEFACTS / "annotator-alert.png")
