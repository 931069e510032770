"""A private JupyterLab and a Chromium for the tests in this folder; screenshots go to artefacts/browser/."""

from __future__ import annotations

import os
from collections.abc import Iterator

import nbformat
import pytest
from playwright.sync_api import BrowserContext, Page

from tests.browser.lab import ARTEFACTS, Lab, Notebook, watch
from tests.browser.machine import chromium, find_chromium, jupyterlab
from tests.browser.widget import CELLS


@pytest.fixture(scope="session")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """A Chromium with an empty profile; without one tests are skipped, or fail if SEGLIB_BROWSER=required."""
    path = find_chromium()
    if path is None:
        sentence = "no Chromium: install one, or name it in SEGLIB_CHROMIUM"
        required = os.environ.get("SEGLIB_BROWSER") == "required"
        pytest.fail(sentence) if required else pytest.skip(sentence)
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    with chromium(path, tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One JupyterLab for all tests."""
    with jupyterlab(tmp_path_factory.mktemp("lab")) as server:
        yield server


@pytest.fixture
def errors() -> list[str]:
    """What the page under test wrote to its console as an error; a test that ends with one fails."""
    return []


@pytest.fixture
def page(context: BrowserContext, errors: list[str]) -> Iterator[Page]:
    """A new tab."""
    tab = context.new_page()
    watch(tab, errors)
    yield tab
    tab.close()
    assert not errors, errors


@pytest.fixture(scope="session")
def widgets(lab: Lab, context: BrowserContext) -> Iterator[tuple[Notebook, list[str]]]:
    """A notebook with a viewer and a lie detector, and what it has written to the console as errors."""
    wrong: list[str] = []
    tab = context.new_page()
    watch(tab, wrong)
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    notebook = lab.open(tab, nbformat.v4.new_notebook(cells=cells), "widgets.ipynb")
    notebook.run_all()
    tab.locator(".seglib-card canvas").last.wait_for()
    yield notebook, wrong
    tab.close()
    lab.shut_down(notebook)
