"""How long from a key on the mask viewer's opacity slider until the picture's pixels have changed?

In a real JupyterLab in a real, headless Chromium without a GPU, at 1:1 on the page, 21 classes. The clock
starts with the key's own time stamp. It stops when a pixel that is read back from the canvas, once the frame
is drawn, has changed. The aim is one frame at 1024 x 1024: median 16 ms, worst 33 ms.

"nothing" is the same with a slider that fills one canvas of 8 x 8 pixels: what the machine itself needs, busy
as it is. The tick box of a class is timed as well; it paints the layers anew, which the slider does not.

    python benchmarks/viewer.py [--presses 100]
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
from pathlib import Path

import nbformat
from playwright.sync_api import Browser

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tests.browser.lab import Lab, Notebook
from tests.browser.machine import chromium, find_chromium, jupyterlab

PICTURE = ".seglib-canvas canvas"
CODE = """\
import torch
from seglib.labels import Classes
from seglib.widgets import MaskViewer

size = {size}
random = torch.Generator().manual_seed(0)
coarse = torch.randint(0, 21, (1, 1, 16, 16), generator=random).float()
mask = torch.nn.functional.interpolate(coarse, size=(size, size))[0, 0].byte()
mask[:40, :40] = 2  # an orange corner on a dark picture: one percent of opacity changes its value
image = torch.randint(0, 60, (3, size, size), generator=random).byte()
classes = Classes.of("background", *[f"class {{k}}" for k in range(1, 21)])
MaskViewer(image, mask, classes=classes, height=size)"""
# Reading a pixel back makes Chromium draw what it has only recorded, so that drawing is in the time.
CLOCK = """(control, selector) => {
    const canvas = document.querySelector(selector);
    const pixel = () => canvas.getContext("2d").getImageData(4, 4, 1, 1).data.join();
    window.times = [];
    control.addEventListener("keydown", ({ timeStamp }) => {
        const before = pixel(), { port1, port2 } = new MessageChannel();
        const afterFrame = () => requestAnimationFrame(() => port2.postMessage(0));
        port1.onmessage = () => pixel() === before ? afterFrame() : times.push(performance.now() - timeStamp);
        afterFrame();
    }, true);
}"""


NOTHING = """() => {
    const canvas = Object.assign(document.createElement("canvas"), { id: "nothing", width: 8, height: 8 });
    const slider = document.createElement("input");
    slider.type = "range";
    slider.setAttribute("aria-label", "nothing");
    slider.dataset.lmSuppressShortcuts = "true";
    slider.oninput = () => requestAnimationFrame(() => {
        const context = canvas.getContext("2d");
        context.fillStyle = `rgb(${slider.value}, 0, 0)`;
        context.fillRect(0, 0, 8, 8);
    });
    document.querySelector(".seglib-card").prepend(slider, canvas);
}"""


def opened(lab: Lab, browser: Browser, size: int) -> Notebook:
    """A notebook that shows a picture of size x size pixels."""
    cell = nbformat.v4.new_code_cell(CODE.format(size=size))
    page = browser.new_page()
    page.set_viewport_size({"width": size + 500, "height": size + 200})
    notebook = lab.open(page, nbformat.v4.new_notebook(cells=[cell]), f"viewer-{size}.ipynb")
    notebook.run_all()
    page.locator(PICTURE).first.wait_for()
    return notebook


def times(notebook: Notebook, control: str, keys: list[str], canvas: str = PICTURE) -> list[float]:
    """Milliseconds from each key on a control to the changed pixel."""
    page = notebook.page
    page.get_by_label(control, exact=True).evaluate(CLOCK, canvas)
    page.get_by_label(control, exact=True).focus()
    for key in keys:
        count = page.evaluate("times.length")
        page.keyboard.press(key)
        page.wait_for_function("count => times.length > count", arg=count, timeout=5000)
        page.wait_for_timeout(40)
    return page.evaluate("times")


def report(what: str, values: list[float]) -> None:
    ordered = sorted(values)
    p95 = ordered[int(0.95 * len(ordered))]
    print(
        f"{what:<38} median {statistics.median(values):5.1f}   95 % {p95:5.1f}   worst {ordered[-1]:5.1f} ms"
    )


def measure(notebook: Notebook, size: int, presses: int) -> None:
    """Three lines for one size of picture."""
    arrows = ["ArrowRight", "ArrowLeft"] * (presses // 2)
    notebook.page.evaluate(NOTHING)
    report(f"{size} x {size}, nothing", times(notebook, "nothing", arrows, "#nothing"))
    report(f"{size} x {size}, opacity slider", times(notebook, "Opacity", arrows))
    report(f"{size} x {size}, a class on or off", times(notebook, "class 2", ["Space"] * (presses // 2)))
    notebook.page.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--presses", type=int, default=100)
    presses = parser.parse_args().presses
    path = find_chromium()
    if path is None:
        print("There is no Chromium here: install one, or name it in SEGLIB_CHROMIUM.")
        return 1
    with tempfile.TemporaryDirectory() as home, jupyterlab(Path(home)) as lab, chromium(path) as browser:
        machine = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
        print(f"Chromium {browser.version}, {machine}, {presses} presses")
        for size in (512, 1024, 2048):
            measure(opened(lab, browser, size), size, presses)
    return 0


if __name__ == "__main__":
    sys.exit(main())
