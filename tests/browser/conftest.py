"""A private JupyterLab and a Chromium for the tests in this folder; screenshots go to artefacts/browser/."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize
from xdist.scheduler import LoadScopeScheduling

from tests.browser.lab import ARTEFACTS, Lab, Notebook, watch
from tests.browser.machine import chromium, jupyterlab
from tests.browser.widget import CELLS
from tools.checks import find_chromium

NOTEBOOKS = "test_notebooks"
# Files that share the notebook of `widgets`.
WIDGETS = ("test_balance", "test_films", "test_viewer")
VIEWPORT: ViewportSize = {"width": 1280, "height": 960}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The course's notebooks first: each takes as long as a file."""
    items.sort(key=lambda item: item.path.stem != NOTEBOOKS)


class Spread(LoadScopeScheduling):
    """What one process runs in one go: a notebook of the course; the tests of `widgets`; a file."""

    def _split_scope(self, nodeid: str) -> str:
        stem = Path(nodeid.partition("::")[0]).stem
        return nodeid if stem == NOTEBOOKS else "widgets" if stem in WIDGETS else stem


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Spread:
    """How tests are shared out to two processes; pytest-xdist's own groups do nothing in pytest 9.2."""
    return Spread(config, log)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A Chromium; without one tests are skipped, or fail if SEGLIB_BROWSER=required."""
    path = find_chromium()
    if path is None:
        sentence = "no Chromium: install one, or name it in SEGLIB_CHROMIUM"
        required = os.environ.get("SEGLIB_BROWSER") == "required"
        pytest.fail(sentence) if required else pytest.skip(sentence)
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    with chromium(path) as started:
        yield started


@pytest.fixture(scope="session")
def context(browser: Browser) -> BrowserContext:
    """What the pages of JupyterLab share, so that its scripts are loaded once."""
    return browser.new_context(viewport=VIEWPORT)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One JupyterLab for all tests."""
    with jupyterlab(tmp_path_factory.mktemp("lab")) as server:
        yield server


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that shares nothing with any other, not even the clock; an error on it fails the test."""
    with browser.new_context(viewport=VIEWPORT) as own:
        watch(tab := own.new_page(), errors := [])
        yield tab
    assert not errors, errors


@pytest.fixture(scope="session")
def widgets(lab: Lab, context: BrowserContext) -> Iterator[Notebook]:
    """A notebook with five widgets."""
    with lab.open(context, "widgets.ipynb", *CELLS) as notebook:
        notebook.run_all()
        notebook.page.locator(".seglib-card canvas").last.wait_for()
        yield notebook
