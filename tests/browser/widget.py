"""A widget in an open notebook: its card on the page, and the variable that holds it in the kernel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Locator, Page

from tests.browser.lab import Notebook, checksum, until

# One notebook shows them all: a kernel costs half a gigabyte and several seconds.
CELLS = [
    """\
from seglib.scenes import Scenes
from seglib.widgets import BalanceBoard, LieDetector, MaskViewer
from seglib.widgets.lies import corrupt

pools = Scenes(length=1)
image, mask = pools[0]""",
    """\
maps = {"truth": mask, "prediction": corrupt(mask, "shift", 6)}
viewer = MaskViewer(image, maps, classes=pools.classes, instances=pools.instances(0))
viewer""",
    """\
board = BalanceBoard(Scenes(length=6, size=(64, 64)))
board""",
    """\
detector = LieDetector(image, mask, pools.classes)
detector""",
]


@dataclass
class Widget:
    """One card on the page."""

    notebook: Notebook
    name: str

    @property
    def page(self) -> Page:
        return self.notebook.page

    @property
    def card(self) -> Locator:
        return self.page.get_by_role("region", name=self.name)

    def canvas(self, index: int = 0) -> Locator:
        return self.card.locator(".seglib-canvas canvas").nth(index)

    def python(self, expression: str) -> Any:
        return self.notebook.python(expression)

    def execute(self, code: str) -> None:
        self.notebook.execute(code)

    def reset(self, code: str, first: Callable[[], bool]) -> None:
        """Run `code` until the card shows the first state.

        What the test before did may still be on its way to Python, which keeps what comes late.
        """
        until(lambda: (self.execute(code), first())[1], "the widget is in its first state", 30)

    def press(self, control: Locator, key: str) -> None:
        """A key on a control changes the image."""
        before = checksum(self.canvas())
        control.focus()
        self.page.keyboard.press(key)
        until(lambda: checksum(self.canvas()) != before, f"{key} changes the image", 10)
