"""Both explorers in JupyterLab: the keys are their own, and Python knows and sets what is on show."""

from __future__ import annotations

import nbformat
import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.lab import ARTEFACTS, Lab, until, watch
from tests.browser.widget import Widget

PROPOSALS = """\
import torch
from seglib.scenes import Scenes
from seglib.regions import propose
from seglib.widgets import ProposalExplorer

pools = Scenes(length=1, size=(96, 96))
image, mask = pools[0]
proposals = propose(image, 200)
scores = 3 * proposals.overlaps_many(mask == torch.arange(10)[:, None, None]) - 1
objects, more = pools.instances(0), {"classes": pools.classes, "scores": scores}
explorer = ProposalExplorer(image, proposals, objects, **more, view="proposals")
explorer"""
REFINEMENT = """\
import torch
from seglib.scenes import Scenes
from seglib.weak.boxes import load_boxes
from seglib.widgets import RefinementExplorer

pools = Scenes(length=1, size=(48, 48))
image, mask = pools[0]
answer = torch.nn.functional.one_hot(mask.clamp(max=9).long().roll(9, 1), 10).permute(2, 0, 1).float()
explorer = RefinementExplorer(image, mask, load_boxes(pools)[0], pools.classes, rounds=[answer], view="reset")
explorer"""
# Cell, sliders and keys with what Python then knows, a state that Python sets.
CASES = {
    "Proposal explorer": (
        PROPOSALS,
        [("Proposals examined", "Home", "explorer.at == 0"), ("", "ArrowRight", "explorer.reel == 1")],
        "explorer.view, explorer.at = 'paste', 0",
    ),
    "Refinement explorer": (
        REFINEMENT,
        [
            ("Reset below", "Home", "{row.texts[1] for row in explorer.frame.numbers} == {'kept'}"),
            ("Reset below", "End", "explorer.at == 100"),
        ],
        "explorer.view = 'rules'",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_keys_are_its_own_and_python_knows(name: str, lab: Lab, context: BrowserContext) -> None:
    cell, keys, change = CASES[name]
    errors: list[str] = []
    tab = context.new_page()
    watch(tab, errors)
    cells = [nbformat.v4.new_code_cell(cell)]
    notebook = lab.open(tab, nbformat.v4.new_notebook(cells=cells), f"{name}.ipynb")
    try:
        notebook.run_all()
        shown = Widget(notebook, name)
        for slider, key, known in keys:  # without a slider: on the image
            shown.press(shown.card.get_by_label(slider) if slider else shown.canvas(), key)
            until(lambda: shown.python(known), f"Python reads {known}", 10)  # noqa: B023
        says = shown.card.locator(".seglib-says")
        expect(says).to_have_text(shown.python("explorer.frame.words"))
        shown.execute(change)
        expect(says).to_have_text(shown.python("explorer.frame.words"))
        shown.card.screenshot(path=ARTEFACTS / f"{name}.png")
        assert not errors, errors
    finally:
        tab.close()
        lab.shut_down(notebook)
