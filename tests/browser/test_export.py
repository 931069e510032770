"""Without a kernel: exported to HTML widgets work, in a notebook opened again they are images."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import BrowserContext, Page, expect

from seglib.scenes import Scenes
from seglib.widgets import LieDetector, MaskViewer
from seglib.widgets.shell import Shell
from tests.browser.lab import ARTEFACTS, Lab, checksum, until
from tests.browser.widget import CELLS


def output(widget: Shell) -> nbformat.NotebookNode:
    """What JupyterLab saves when a cell shows this widget."""
    data, _ = widget._repr_mimebundle_()
    return nbformat.v4.new_output("execute_result", data=data, execution_count=1)


@pytest.fixture
def export(page: Page, tmp_path: Path) -> Page:
    """The exported page, with a viewer and a detector; a request to anywhere else fails the test."""
    pools = Scenes(length=1)
    image, mask = pools[0]
    widgets = [MaskViewer(image, mask, classes=pools.classes), LieDetector(image, mask, pools.classes)]
    cells = [nbformat.v4.new_code_cell("widget", outputs=[output(widget)]) for widget in widgets]
    body, _ = HTMLExporter(mathjax_url="", require_js_url="", jquery_url="").from_notebook_node(
        nbformat.v4.new_notebook(cells=cells)
    )
    file = tmp_path / "export.html"
    file.write_text(body, encoding="utf-8")
    page.route(
        "**/*", lambda route: route.continue_() if route.request.url.startswith("file:") else route.abort()
    )
    page.goto(file.as_uri())
    return page


def test_both_widgets_work_without_a_kernel(export: Page) -> None:
    expect(export.locator(".seglib-canvas canvas[aria-label]")).to_have_count(2)  # both are painted
    viewer, detector = export.locator(".seglib-card").all()
    for card, label in ((viewer, "Opacity"), (detector, "How much")):
        canvas = card.locator(".seglib-canvas canvas").first
        before = checksum(canvas)
        card.get_by_label(label).focus()
        export.keyboard.press("ArrowRight")
        until(lambda: checksum(canvas) != before, f"{label} changes the image", 5)  # noqa: B023
    export.screenshot(path=ARTEFACTS / "export.png", full_page=True)


def test_without_scripts_there_is_a_image_with_its_description(export: Page, tmp_path: Path) -> None:
    html = (tmp_path / "export.html").read_text(encoding="utf-8")
    before = html.split('<script type="module">\n// Pixels')[0]
    assert '<div data-seglib="' in before and 'alt="mask: ' in before


def test_opened_again_without_its_kernel_a_widget_is_a_still_image_with_words(
    lab: Lab, context: BrowserContext
) -> None:
    tab = context.new_page()
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS[:2]]
    notebook = lab.open(tab, nbformat.v4.new_notebook(cells=cells), "reopened.ipynb")
    card, still, view = map(tab.locator, (".seglib-card", "[data-seglib]", ".jupyter-widgets"))
    try:
        notebook.run_all()
        expect(card).to_be_visible()
        expect(still).to_be_hidden()
        tab.keyboard.press("Control+s")
        tab.wait_for_function("() => !document.querySelector('.jp-mod-dirty')")
    finally:
        lab.shut_down(notebook)
    tab.goto("about:blank")
    tab.goto(f"{lab.url}/doc/tree/reopened.ipynb?reset&token={lab.token}")
    view.wait_for(state="attached", timeout=60_000)  # "model not found"
    expect(view).to_be_hidden()
    expect(still).to_contain_text("run the cell")
    expect(still.locator("img")).to_have_attribute("alt", re.compile("^truth: "))
    expect(card).to_have_count(0)
    tab.screenshot(path=ARTEFACTS / "reopened.png")
    tab.close()
