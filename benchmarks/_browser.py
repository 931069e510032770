"""What the measurements in a browser share: a real JupyterLab in a real, headless Chromium, and a line."""

from __future__ import annotations

import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tests.browser.lab import Lab
from tests.browser.machine import chromium, jupyterlab
from tools.checks import find_chromium


@contextmanager
def lab_in_chromium(*said: str) -> Iterator[tuple[Lab, Browser]]:
    """JupyterLab and the browser; prints what they run on, and `said`; without a Chromium it ends."""
    path = find_chromium()
    if path is None:
        sys.exit("There is no Chromium here: install one, or name it in SEGLIB_CHROMIUM.")
    with tempfile.TemporaryDirectory() as home, jupyterlab(Path(home)) as lab, chromium(path) as browser:
        machine = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
        print(", ".join([f"Chromium {browser.version}", machine, *said]))
        yield lab, browser


def pressed(page: Page, keys: Sequence[str]) -> list:
    """What the page's clock pushed to `times` for each key that was pressed."""
    for key in keys:
        count = page.evaluate("times.length")
        page.keyboard.press(key)
        page.wait_for_function("count => times.length > count", arg=count, timeout=5000)
        page.wait_for_timeout(40)
    return page.evaluate("times")


def line(what: str, milliseconds: Sequence[float]) -> None:
    """Prints median, 95th percentile and worst."""
    ordered = sorted(milliseconds)
    p95, middle = ordered[int(0.95 * len(ordered))], statistics.median(ordered)
    print(f"{what:<38} median {middle:5.1f}   95 % {p95:5.1f}   worst {ordered[-1]:5.1f} ms")
