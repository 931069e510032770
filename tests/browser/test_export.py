"""Without a kernel: exported to HTML widgets work, in a notebook opened again they are images."""

import re
from pathlib import Path

import nbformat
import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import Page, expect

from seglib.widgets.shell import Shell
from tests.browser import samples
from tests.browser.lab import ARTEFACTS, checksum, until
from tests.browser.plain import read
from tests.browser.widget import CELLS


def output(widget: Shell) -> nbformat.NotebookNode:
    """What JupyterLab saves when a cell shows this widget."""
    data, _ = widget._repr_mimebundle_()
    return nbformat.v4.new_output("execute_result", data=data, execution_count=1)


@pytest.fixture
def export(page: Page, tmp_path: Path) -> Page:
    """The exported page, with a viewer and a detector; a request to anywhere else fails the test."""
    widgets = (samples.viewer(), samples.detector())
    cells = [nbformat.v4.new_code_cell("widget", outputs=[output(widget)]) for widget in widgets]
    exporter = HTMLExporter(mathjax_url="", require_js_url="", jquery_url="")
    body, _ = exporter.from_notebook_node(nbformat.v4.new_notebook(cells=cells))
    return read(page, body, tmp_path)


def test_both_widgets_work_without_a_kernel(export):
    expect(export.locator(".seglib-canvas canvas[aria-label]")).to_have_count(2)  # both are painted
    viewer, detector = export.locator(".seglib-card").all()
    for card, label in ((viewer, "Opacity"), (detector, "How much")):
        canvas = card.locator(".seglib-canvas canvas").first
        before = checksum(canvas)
        card.get_by_label(label).focus()
        export.keyboard.press("ArrowRight")
        until(lambda: checksum(canvas) != before, f"{label} changes the image", 5)  # noqa: B023
    export.screenshot(path=ARTEFACTS / "export.png", full_page=True)


def test_without_scripts_there_is_a_image_with_its_description(export, tmp_path):
    html = (tmp_path / "export.html").read_text(encoding="utf-8")
    before = html.split('<script type="module">\n// Pixels')[0]
    assert '<div data-seglib="' in before and 'alt="truth: ' in before


def test_opened_again_without_its_kernel_a_widget_is_a_still_image_with_words(lab, context):
    with lab.open(context, "reopened.ipynb", *CELLS[:2]) as notebook:
        notebook.run_all()
        expect(notebook.page.locator(".seglib-card")).to_be_visible()
        expect(notebook.page.locator("[data-seglib]")).to_be_hidden()
        notebook.page.keyboard.press("Control+s")
        notebook.page.wait_for_function("() => !document.querySelector('.jp-mod-dirty')")
    tab = context.new_page()
    card, still, view = map(tab.locator, (".seglib-card", "[data-seglib]", ".jupyter-widgets"))
    tab.goto(f"{lab.url}/doc/tree/reopened.ipynb?reset&token={lab.token}")
    view.wait_for(state="attached", timeout=60_000)  # "model not found"
    expect(view).to_be_hidden()
    expect(still).to_contain_text("run the cell")
    expect(still.locator("img")).to_have_attribute("alt", re.compile("^truth: "))
    expect(card).to_have_count(0)
    tab.screenshot(path=ARTEFACTS / "reopened.png")
    tab.close()
