"""How long from a key on the mask viewer's opacity slider until the image's pixels have changed?

In a real JupyterLab in a real, headless Chromium without a GPU, at 1:1 on the page, 21 classes. The clock
starts with the key's own time stamp. It stops when a pixel that is read back from the canvas, once the frame
is drawn, has changed. The aim is one frame at 1024 x 1024: median 16 ms, worst 33 ms.

"nothing" is the same with a slider that fills one canvas of 8 x 8 pixels: what the machine itself needs, busy
as it is. The tick box of a class is timed as well; it paints the layers anew, which the slider does not.

    python benchmarks/viewer.py [--presses 100]
"""

from __future__ import annotations

import argparse

import nbformat
from _browser import lab_in_chromium, line, pressed
from playwright.sync_api import Browser

from tests.browser.lab import Lab, Notebook

IMAGE = ".seglib-canvas canvas"
CODE = """\
import torch
from seglib.labels import Classes
from seglib.widgets import MaskViewer

size = {size}
random = torch.Generator().manual_seed(0)
coarse = torch.randint(0, 21, (1, 1, 16, 16), generator=random).float()
mask = torch.nn.functional.interpolate(coarse, size=(size, size))[0, 0].byte()
mask[:40, :40] = 2  # an orange corner on a dark image: one percent of opacity changes its value
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
    """A notebook that shows an image of size x size pixels."""
    cell = nbformat.v4.new_code_cell(CODE.format(size=size))
    page = browser.new_page()
    page.set_viewport_size({"width": size + 500, "height": size + 200})
    notebook = lab.open(page, nbformat.v4.new_notebook(cells=[cell]), f"viewer-{size}.ipynb")
    notebook.run_all()
    page.locator(IMAGE).first.wait_for()
    return notebook


def times(notebook: Notebook, control: str, keys: list[str], canvas: str = IMAGE) -> list[float]:
    """Milliseconds from each key on a control to the changed pixel."""
    listener = notebook.page.get_by_label(control, exact=True)
    listener.evaluate(CLOCK, canvas)
    listener.focus()
    return pressed(notebook.page, keys)


def measure(notebook: Notebook, size: int, presses: int) -> None:
    """Three lines for one size of image."""
    arrows = ["ArrowRight", "ArrowLeft"] * (presses // 2)
    notebook.page.evaluate(NOTHING)
    line(f"{size} x {size}, nothing", times(notebook, "nothing", arrows, "#nothing"))
    line(f"{size} x {size}, opacity slider", times(notebook, "Opacity", arrows))
    line(f"{size} x {size}, a class on or off", times(notebook, "class 2", ["Space"] * (presses // 2)))
    notebook.page.close()


def main() -> None:
    """Three sizes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--presses", type=int, default=100)
    presses = parser.parse_args().presses
    with lab_in_chromium(f"{presses} presses") as (lab, browser):
        for size in (512, 1024, 2048):
            measure(opened(lab, browser, size), size, presses)


if __name__ == "__main__":
    main()
