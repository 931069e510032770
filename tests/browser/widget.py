"""A widget in an open notebook: its card on the page, and the variable that holds it in the kernel."""

from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Locator, Page

from tests.browser.lab import Notebook, checksum, until

# One notebook shows them all: a kernel costs half a gigabyte and several seconds.
NAMES = ("viewer", "board", "detector", "proposals", "refinement")
CELLS = [
    "from tests.browser import samples\npools = samples.POOLS",
    *(f"{name} = samples.{name}()\n{name}" for name in NAMES),
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

    def press(self, control: Locator, key: str) -> None:
        """A key on a control changes the image."""
        before = checksum(self.canvas())
        control.focus()
        self.page.keyboard.press(key)
        until(lambda: checksum(self.canvas()) != before, f"{key} changes the image", 10)
