"""The mask viewer in JupyterLab: what the canvas shows, the keyboard, and both directions to Python."""

import itertools
import re
from collections.abc import Iterator
from functools import partial

import pytest
import torch
from playwright.sync_api import expect

from seglib.labels import VOID, Classes
from seglib.widgets import MaskViewer
from tests.browser import samples
from tests.browser.explorer import paints, press, put
from tests.browser.lab import ARTEFACTS, Notebook, checksum, drag, painted, until
from tests.browser.plain import show
from tests.browser.widget import Widget

RESET = """\
viewer.opacity, viewer.outline, viewer.hatch, viewer.error = 0.5, True, False, ""
viewer.mode, viewer.layer, viewer.visible = "overlay", "truth", [*pools.classes, "void"]
viewer.zoom = 1"""
FIRST = {"Outline": True, "Hatching": False, "kelp": True, "Overlay": True, "truth": True}


@pytest.fixture
def viewer(widgets: Notebook) -> Iterator[Widget]:
    """The viewer in its first state."""
    shown = Widget(widgets, "Mask viewer")

    def first() -> bool:
        ticked = {name: shown.card.get_by_label(name, exact=True).is_checked() for name in FIRST}
        return ticked == FIRST and shown.card.get_by_label("Opacity").input_value() == "0.5"

    # What the test before did may still be on its way to Python, which keeps what comes late.
    until(lambda: (shown.execute(RESET), first())[1], "the viewer is in its first state", 30)
    painted(shown.page)
    shown.card.scroll_into_view_if_needed()
    yield shown
    assert not widgets.errors, widgets.errors


@pytest.fixture(scope="module")
def twin() -> MaskViewer:
    """The same viewer in this process."""
    return samples.viewer()


@pytest.mark.parametrize(
    ("role", "name", "key", "known"),
    [
        ("slider", "Opacity", "ArrowRight", "viewer.opacity == 0.51"),
        ("checkbox", "Outline", "Space", "not viewer.outline"),
        ("checkbox", "Hatching", "Space", "viewer.hatch"),
        ("checkbox", "kelp", "Space", "'kelp' not in viewer.visible"),
        ("button", "Hide all classes", "Enter", "viewer.visible == []"),
        ("button", "Show all classes", "Enter", "viewer.visible == [*pools.classes, 'void']"),
    ],
)
def test_a_control_answers_its_key_and_python_knows(viewer, role, name, key, known):
    if name.startswith("Show"):
        viewer.press(viewer.card.get_by_role("button", name="Hide all classes"), "Enter")
    viewer.press(viewer.card.get_by_role(role, name=name, exact=True), key)
    until(lambda: viewer.python(known), f"Python reads: {known}", 5)
    viewer.card.screenshot(path=ARTEFACTS / "viewer.png")


def test_many_quick_presses_all_arrive(viewer):
    slider = viewer.card.get_by_label("Opacity")
    slider.focus()
    for _ in range(30):
        viewer.page.keyboard.press("ArrowRight")
        viewer.page.wait_for_timeout(20)  # meanwhile the kernel echoes older values
    expect(slider).to_have_value("0.8")
    until(lambda: viewer.python("viewer.opacity") == 0.8, "Python reads the last value", 5)


def test_the_image_does_not_wait_for_a_busy_kernel(viewer):
    kernel = viewer.notebook.kernel
    pending = kernel.thread.submit(kernel.client.execute, "import time; time.sleep(4)", reply=True)
    viewer.press(viewer.card.get_by_label("Opacity"), "ArrowRight")
    assert not pending.done()
    pending.result()


STATES = [
    {"mode": mode, "layer": layer, "opacity": opacity, "outline": outline, "hatch": hatch, "visible": visible}
    for mode, layer in (("overlay", "truth"), ("overlay", "prediction"), ("difference", "truth"))
    for opacity, (outline, hatch), visible in itertools.product(
        (0.0, 0.35, 1.0), ((True, False), (False, True)), (["kelp", "void"], [*samples.POOLS.classes])
    )
    if mode == "overlay" or (opacity, outline) == (1.0, True)
]


def test_canvas_and_controls_show_what_python_sets(viewer, twin):
    for state in STATES:
        put(twin, **state)
        viewer.execute("; ".join(f"viewer.{name} = {value!r}" for name, value in state.items()))
        until(partial(paints, viewer.canvas(), twin.compose()), f"the canvas shows {state}", 10)
    viewer.execute("viewer.mode, viewer.opacity = 'overlay', .9")
    expect(viewer.card.get_by_label("Opacity")).to_have_value("0.9")


def at(twin: MaskViewer, x: int, y: int) -> str:
    """What is at a pixel."""
    names = dict(enumerate(twin._classes)) | {VOID: "void"}
    parts = [f"{name}: {names[int(mask[y, x])]}" for name, mask in twin._maps.items()]
    numbers = samples.POOLS.instances(0).masks[:, y, x].nonzero()[:, 0].tolist()
    return " · ".join([f"x {x}, y {y}", *parts, f"object {numbers[-1] + 1}" if numbers else "no object"])


def test_the_arrow_keys_read_the_image_out(viewer, twin):
    canvas = viewer.canvas()
    press(canvas, "ArrowLeft", "ArrowUp", "Shift+ArrowRight")
    expect(viewer.card.locator(".seglib-readout")).to_have_text(at(twin, 89, 79))
    viewer.page.keyboard.press("Escape")
    expect(viewer.card.locator(".seglib-readout")).to_contain_text("Point at the image")


def test_keys_and_wheel_zoom_and_a_drag_pans(viewer):
    canvas = viewer.canvas()
    viewer.press(canvas, "+")
    until(lambda: viewer.python("viewer.zoom") == 1.5, "Python reads the zoom", 5)
    canvas.hover(position={"x": 200, "y": 200})
    viewer.page.mouse.wheel(0, -100)
    until(lambda: viewer.python("viewer.zoom") == pytest.approx(1.8), "the wheel zooms a focused image", 5)
    before, centre = checksum(canvas), viewer.python("viewer.center")
    box = canvas.bounding_box()
    assert box
    drag(viewer.page, (box["x"] + 200, box["y"] + 200), (box["x"] + 260, box["y"] + 200))
    until(lambda: checksum(canvas) != before, "the drag moves the image", 5)
    until(lambda: viewer.python("viewer.center")[0] < centre[0] - 5, "the view has gone left", 5)
    viewer.page.keyboard.press("0")
    until(lambda: viewer.python("viewer.zoom") == 1, "0 shows all", 5)


def test_a_trackpad_zooms_by_its_way_not_by_its_events(page, twin):
    show(page, twin)
    canvas = page.locator(".seglib-canvas canvas").first
    canvas.hover()
    canvas.focus()
    for _ in range(15):
        page.mouse.wheel(0, -4)
    until(lambda: page.evaluate("model.get('zoom')") == pytest.approx(1.2**0.6), "60 pixels of 100", 5)


def test_on_another_screen_image_read_out_and_clicks_stay_right(page, twin):
    """Moved from a screen with one pixel per CSS pixel to one with two, and back."""
    show(page, put(twin, mode="overlay", layer="truth", opacity=0.5))
    canvas, screen = page.locator(".seglib-canvas canvas").first, page.context.new_cdp_session(page)
    for ratio in (1, 2, 1):
        size = {"width": 1280, "height": 960, "deviceScaleFactor": ratio, "mobile": False}
        screen.send("Emulation.setDeviceMetricsOverride", size)
        page.mouse.move(200, 300 + ratio)
        expect(canvas).to_have_js_property("width", ratio * canvas.evaluate("canvas => canvas.clientWidth"))
        unit = canvas.bounding_box()["width"] / 160
        canvas.hover(position={"x": 40.5 * unit, "y": 100.5 * unit})
        assert paints(canvas, twin.compose())
        expect(page.locator(".seglib-readout")).to_have_text(at(twin, 40, 100))


def test_a_large_image_says_its_scale_and_is_read_out_in_its_own_pixels(page):
    mask = torch.zeros(1500, 3000, dtype=torch.uint8)
    mask[1000:, 2000:] = 1
    image = mask.expand(3, -1, -1).contiguous()
    show(page, MaskViewer(image, mask, classes=Classes.of("background", "fish")))
    words, canvas = page.locator(".seglib-readout"), page.locator(".seglib-canvas canvas").first
    expect(words).to_contain_text("Shown is 1 of every 2 pixels across and down.")
    unit = canvas.bounding_box()["width"] / 3000
    canvas.hover(position={"x": 2500 * unit, "y": 1250 * unit})
    expect(words).to_have_text(re.compile(r"x 2[45]\d\d, y 12\d\d · mask: fish"))


def test_the_wheel_scrolls_the_notebook_over_an_image_without_focus(viewer):
    viewer.card.get_by_label("Opacity").focus()
    viewer.canvas().hover()
    before = viewer.canvas().bounding_box()["y"]
    for way in (100, -100):
        viewer.page.mouse.wheel(0, way)
        wanted = before - max(way, 0)
        until(lambda: viewer.canvas().bounding_box()["y"] == wanted, f"it scrolls by {way}", 5)  # noqa: B023
    assert viewer.python("viewer.zoom") == 1


def test_side_by_side_shares_zoom_and_cursor(viewer):
    viewer.card.get_by_role("radio", name="Side by side").check()
    first, second = viewer.canvas(0), viewer.canvas(1)
    expect(second).to_be_visible()
    before = checksum(first), checksum(second)
    first.focus()
    viewer.page.keyboard.press("+")
    until(lambda: checksum(first) != before[0] and checksum(second) != before[1], "both zoom", 5)
    viewer.page.keyboard.press("ArrowDown")
    expect(viewer.card.locator(".seglib-mark:visible")).to_have_count(2)
    viewer.card.screenshot(path=ARTEFACTS / "viewer-side-by-side.png")


def test_a_difference_is_told_in_words_and_numbers(viewer):
    viewer.card.get_by_role("radio", name="Difference").check()
    label = viewer.canvas().get_attribute("aria-label")
    assert label and label.startswith("prediction against truth: ")
    assert all(word in label for word in ("right", "wrong", "void"))
    expect(viewer.card.get_by_role("row", name="wrong")).to_be_visible()
    viewer.card.screenshot(path=ARTEFACTS / "viewer-difference.png")


def test_every_image_has_its_description(viewer, twin):
    twin.mode = "overlay"
    assert viewer.canvas().get_attribute("aria-label") == twin.description().splitlines()[0]


def test_an_error_of_an_observer_reaches_the_student(viewer):
    viewer.execute("def fail(change):\n    raise KeyError('no such fish')\n\nviewer.observe(fail, 'hatch')")
    box = viewer.card.get_by_role("checkbox", name="Hatching")
    box.check()
    expect(viewer.card.get_by_role("alert")).to_have_text("KeyError: 'no such fish'")
    for place in (40, 60, 80):  # to point at the image changes nothing that Python knows
        viewer.canvas().hover(position={"x": place, "y": place})
    viewer.page.wait_for_timeout(300)
    expect(viewer.card.get_by_role("alert")).to_have_text("KeyError: 'no such fish'")
    viewer.execute("viewer.unobserve(fail, 'hatch')")
    box.uncheck()
    expect(viewer.card.locator(".seglib-alert")).to_be_hidden()


def test_it_is_readable_on_a_dark_page_too(viewer):
    viewer.page.evaluate("""() => {
        document.body.dataset.jpThemeLight = "false";
        const root = document.documentElement.style;
        for (const [name, value] of Object.entries({"ui-font-color1": "#fff", "ui-font-color2": "#b3b3b3",
            "layout-color1": "#111", "layout-color2": "#424242", "border-color2": "#616161"}))
            root.setProperty(`--jp-${name}`, value);
    }""")
    expect(viewer.card).to_have_css("color", "rgb(255, 255, 255)")
    expect(viewer.card).to_have_css("background-color", "rgb(17, 17, 17)")
    viewer.card.screenshot(path=ARTEFACTS / "viewer-dark.png")
    viewer.page.evaluate("document.documentElement.removeAttribute('style')")
