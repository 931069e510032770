"""A Chromium with an empty profile, and a JupyterLab server with a home of its own."""

import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.browser.lab import ROOT, Lab, until

OFF = ("gpu", "quic", "background-networking", "component-update", "sync")
ARGUMENTS = ["--no-sandbox", "--no-first-run", *(f"--disable-{name}" for name in OFF)]
SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},  # every cell is on the page, also those below it
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
OWN = {
    "JUPYTER_CONFIG_DIR": "config",
    "JUPYTER_DATA_DIR": "data",
    "JUPYTER_RUNTIME_DIR": "runtime",
    "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
    "JUPYTERLAB_SETTINGS_DIR": "settings",
    "IPYTHONDIR": "ipython",
    "SEGLIB_HOME": "seglib",
}

TESTS = {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}  # for the kernels


@contextmanager
def chromium(path: str) -> Iterator[Browser]:
    """A headless Chromium with an empty profile of its own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def jupyterlab(home: Path) -> Iterator[Lab]:
    """A JupyterLab on a free port; `home` is an empty folder."""
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
    where = ["--ip=127.0.0.1", f"--port={port}", f"--ServerApp.root_dir={folder}"]
    how = ["--no-browser", "--allow-root", f"--IdentityProvider.token={token}"]
    with (home / "log.txt").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *where, *how],
            env=os.environ | {name: str(home / place) for name, place in OWN.items()} | TESTS,
            cwd=ROOT,
            stdout=log,
            stderr=log,
        )
    lab = Lab(folder, f"http://127.0.0.1:{port}", token, home / "runtime")

    def answers() -> bool:
        assert server.poll() is None, (home / "log.txt").read_text()
        try:
            return bool(lab.ask("api/status"))
        except OSError:
            return False

    try:
        until(answers, "JupyterLab answers", 120)
        yield lab
    finally:
        for kernel in lab.kernels:
            kernel.close()
        server.terminate()
        server.wait(30)
