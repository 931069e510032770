"""The proposal explorer in JupyterLab, and exported: there without a kernel."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.explorer import agree, made, press
from tests.browser.lab import ARTEFACTS, Lab, until, watch
from tests.browser.widget import Widget

pytestmark = pytest.mark.browser

CELLS = [
    """\
import torch
from seglib.scenes import Scenes
from seglib.regions import propose
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


def test_exported_it_works_without_a_kernel(page: Page, tmp_path: Path) -> None:
    twin = made()
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
