"""How long from a key on the class-balance board's rarity dial until bars and thumbnails are redrawn?

In a real JupyterLab in a real, headless Chromium without a GPU: 60 scenes, 3 stops of the dial. The clock
starts with the key's own time stamp. "first change" is the first frame after which a bar has another length;
every thumbnail on show is read back from its canvas, so that drawing is in the time. "all at rest" is when no
bar moves any more: lengths glide for 80 ms, so that an eye can follow. The aim is 200 ms.

Then the same for a key that chooses another class: it changes thumbnails, and the bars of one column.

    python benchmarks/balance_redraw.py [--presses 100]
"""

from __future__ import annotations

import argparse
import time

import nbformat
from _browser import lab_in_chromium, line, pressed
from playwright.sync_api import Locator, Page

from tests.browser.lab import Lab

CODE = """\
from seglib.scenes import Scenes
from seglib.widgets import BalanceBoard

BalanceBoard(Scenes(60), scheme="median frequency")"""
# Two marks in `times` for each key: first change, all at rest. Pixels are read back to have them drawn.
CLOCK = """control => {
    const card = control.closest(".seglib-card");
    const width = bar => bar.getBoundingClientRect().width;
    const bars = () => [...card.querySelectorAll(".seglib-length")].map(width).join();
    const seen = () => [...card.querySelectorAll(".seglib-thumbs figure:not([hidden]) canvas")].map(canvas =>
        canvas.getContext("2d").getImageData(9, 9, 1, 1).data.join()).join("; ") + bars();
    window.times = [];
    control.addEventListener("keydown", ({ timeStamp }) => {
        const before = seen(), { port1, port2 } = new MessageChannel();
        let first = 0, last = before;
        const afterFrame = () => requestAnimationFrame(() => port2.postMessage(0));
        port1.onmessage = () => {
            const now = seen(), moving = card.getAnimations({ subtree: true }).length > 0;
            if (now !== before) first ||= performance.now() - timeStamp;
            if (first && !moving && now === last) return times.push([first, performance.now() - timeStamp]);
            last = now;
            afterFrame();
        };
        afterFrame();
    }, true);
}"""


def report(what: str, page: Page, listener: Locator, keys: list[str]) -> None:
    """Two lines about the keys that `listener` hears: to the first change, and to rest."""
    listener.evaluate(CLOCK)
    for name, column in zip(("first change", "all at rest"), zip(*pressed(page, keys))):
        line(f"{what}, {name}", column)


def measure(lab: Lab, page: Page, presses: int) -> None:
    """The board in a notebook, and keys on two of its controls."""
    page.set_viewport_size({"width": 1180, "height": 1100})
    cell = nbformat.v4.new_code_cell(CODE)
    notebook = lab.open(page, nbformat.v4.new_notebook(cells=[cell]), "balance.ipynb")
    start = time.perf_counter()
    notebook.run_all()
    dial = page.get_by_label("How often a seahorse is drawn")
    dial.wait_for()
    print(f"the cell ran and showed the board in {time.perf_counter() - start:.1f} s")
    sweep = ["ArrowLeft"] * 2 + ["ArrowRight"] * 2  # from .4 to .1 and back
    dial.focus()
    report("dial", page, dial, (sweep * presses)[:presses])
    page.get_by_role("radio", name="seahorse").focus()
    classes = page.get_by_role(
        "radiogroup", name="Class", exact=True
    ).first  # the focus goes from one to the next
    report("class", page, classes, (["ArrowUp"] * 5 + ["ArrowDown"] * 5) * (presses // 10))


def main() -> None:
    """The dial, then the classes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--presses", type=int, default=100)
    presses = parser.parse_args().presses
    with lab_in_chromium(f"{presses} presses") as (lab, browser):
        measure(lab, browser.new_page(), presses)


if __name__ == "__main__":
    main()
