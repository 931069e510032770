"""The refinement explorer in JupyterLab: the keys are its own, and Python knows what is on show."""

from __future__ import annotations

import nbformat
import pytest
from playwright.sync_api import BrowserContext, Locator, expect

from tests.browser.explorer import press as pressed
from tests.browser.lab import ARTEFACTS, Lab, until, watch
from tests.browser.widget import Widget

pytestmark = pytest.mark.browser


def press(card: Locator, control: Locator, *keys: str) -> None:
    pressed(control, *keys)


CELLS = [
    """\
import torch
from seglib.scenes import Scenes
from seglib.weak.boxes import load_boxes
from seglib.widgets import RefinementExplorer

pools = Scenes(length=1, size=(48, 48))
image, mask = pools[0]
answer = torch.nn.functional.one_hot(mask.clamp(max=9).long().roll(9, 1), 10).permute(2, 0, 1).float()""",
    """\
explorer = RefinementExplorer(image, mask, load_boxes(pools)[0], pools.classes, rounds=[answer], view="rules")
explorer""",
]


def test_in_jupyterlab_the_keys_are_its_own_and_python_knows(lab: Lab, context: BrowserContext) -> None:
    errors: list[str] = []
    tab = context.new_page()
    watch(tab, errors)
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    notebook = lab.open(tab, nbformat.v4.new_notebook(cells=cells), "refinement.ipynb")
    try:
        notebook.run_all()
        shown = Widget(notebook, "Refinement explorer")
        dial = shown.card.get_by_label("Reset below")
        shown.press(dial, "Home")
        until(lambda: shown.python("explorer.threshold") == 0, "Python reads the dial", 10)
        assert shown.python("len(explorer.reset)") == 0
        shown.press(dial, "End")
        until(lambda: shown.python("explorer.threshold") == 1, "Python reads the dial", 10)
        assert shown.python("len(explorer.reset)") > 0
        expect(shown.card.locator(".seglib-explains")).to_have_text(shown.python("explorer.says()"))
        shown.execute("explorer.stage = 'net'")
        expect(shown.card.locator(".seglib-explains")).to_have_text(shown.python("explorer.says()"))
        press(shown.card, shown.card.get_by_role("slider", name="Step"), "ArrowLeft")
        until(lambda: shown.python("explorer.round") == 0, "Python reads the round", 10)
        shown.card.screenshot(path=ARTEFACTS / "refinement-lab.png")
        assert not errors, errors
    finally:
        tab.close()
        lab.shut_down(notebook)
