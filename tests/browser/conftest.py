"""A private JupyterLab and a Chromium for the tests in this folder; screenshots go to artefacts/browser/."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, sync_playwright

from tests.browser.lab import ARTEFACTS, ROOT, Lab, until, watch

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},  # every cell is on the page, also those below it
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}


@pytest.fixture(scope="session")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """A Chromium with an empty profile; without one tests are skipped, or fail if SEGLIB_BROWSER=required."""
    path = os.environ.get("SEGLIB_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        sentence = "no Chromium: install one, or name it in SEGLIB_CHROMIUM"
        required = os.environ.get("SEGLIB_BROWSER") == "required"
        pytest.fail(sentence) if required else pytest.skip(sentence)
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    profile = tmp_path_factory.mktemp("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch_persistent_context(
            str(profile), executable_path=path, args=ARGUMENTS, viewport={"width": 1280, "height": 960}
        )
        yield browser
        browser.close()


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
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One JupyterLab for all tests."""
    home = tmp_path_factory.mktemp("lab")
    for name, values in SETTINGS.items():
        file = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    folder = home / "notebooks"
    folder.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    own = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "IPYTHONDIR": "ipython",
        "SEGLIB_HOME": "seglib",
    }
    environment = os.environ | {name: str(home / place) for name, place in own.items()}
    where = ["--ip=127.0.0.1", f"--port={port}", f"--ServerApp.root_dir={folder}"]
    how = ["--no-browser", "--allow-root", f"--IdentityProvider.token={token}"]
    with (home / "log.txt").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *where, *how], env=environment,
            cwd=ROOT, stdout=log, stderr=log,
        )  # fmt: skip
    lab = Lab(folder, f"http://127.0.0.1:{port}", token, home / "runtime")

    def answers() -> bool:
        assert server.poll() is None, (home / "log.txt").read_text()
        try:
            return bool(lab.ask("api/status"))
        except OSError:
            return False

    until(answers, "JupyterLab answers")
    yield lab
    for kernel in lab.kernels:
        kernel.close()
    server.terminate()
    server.wait(30)
