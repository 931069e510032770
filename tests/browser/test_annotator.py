"""The annotator drawn on with a real mouse and real keys: what it makes of them, paints and sends."""

from typing import Any

import pytest
import torch
from playwright.sync_api import Locator, Page, expect

from seglib.labels import Classes
from seglib.widgets.annotator import Annotator
from tests.browser.lab import drag, painted
from tests.browser.plain import quoted, show

CLASSES = Classes.of("background", "fish", "crab")
GREY = torch.full((3, 60, 80), 90, dtype=torch.uint8)  # shown 7 times as large: 560 x 420
BLUE, ORANGE = (list(CLASSES.colors[k]) for k in (1, 2))
ANSWERS = """const images = JSON.parse(%s, bytes);
const answers = ({ requested, change }) => ({
  ...(requested && { fetched: images[requested[0]] }),
  ...(change && !window.deaf && { saved_change: change }),
});"""
PIXEL = """(canvas, [x, y]) => [...canvas.getContext("2d").getImageData(
    Math.round(x * canvas.width), Math.round(y * canvas.height), 1, 1).data].slice(0, 3)"""


class Desk:
    """The annotator on a page, with a mouse that knows image coordinates."""

    def __init__(self, page: Page, kind: str = "boxes", images: int = 3, **state: Any) -> None:
        self.page = page
        page.set_viewport_size({"width": 1200, "height": 800})
        widget = Annotator([GREY] * images, classes=CLASSES, kind=kind, height=420, **state)
        packed = [widget.gallery.packed(index) for index in range(images)]
        show(page, widget, answers=ANSWERS % quoted(packed))
        self.canvas = page.locator("canvas.seglib-drawing")
        self.words = page.locator(".seglib-readout")
        expect(self.canvas).to_have_css("width", "560px")

    def at(self, x: float, y: float) -> tuple[float, float]:
        box = self.canvas.bounding_box()
        assert box
        return box["x"] + 7 * x, box["y"] + 7 * y

    def click(self, *points: tuple[float, float]) -> None:
        for point in points:
            self.page.mouse.click(*self.at(*point))

    def choose(self, tag: tuple[float, float]) -> None:
        """Clicks on a shape's tag, which is hit where it is painted."""
        painted(self.page)
        self.click(tag)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        drag(self.page, self.at(*start), self.at(*end))

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name)

    @property
    def work(self) -> list[dict[str, Any]]:
        return self.page.evaluate("model.get('work')")

    def shapes(self, image: int = 0) -> list[list[list[float]]]:
        return [one["points"] for one in self.work[image]["objects"]]

    def pixel(self, x: float, y: float) -> list[int]:
        self.page.mouse.move(5, 5)  # no guide lines
        painted(self.page)
        return self.canvas.evaluate(PIXEL, [x / 80, y / 60])


def test_a_box_is_dragged_and_seen(page):
    desk = Desk(page)
    assert desk.pixel(10, 30) == [90, 90, 90]
    desk.drag((10, 20), (30, 45))
    assert desk.shapes() == [[[10, 20], [30, 45]]]
    expect(desk.words).to_contain_text("Box 1, fish: 20 × 25 pixels")
    assert desk.pixel(10, 30) == BLUE and desk.pixel(20, 45) == BLUE  # on two edges
    inside = desk.pixel(20, 30)
    assert inside[2] > inside[0] and inside != BLUE  # tinted, and the image is seen
    expect(desk.button("Select box 1, fish")).to_be_visible()
    expect(desk.canvas).to_have_attribute("aria-label", "image 1: 1 box (fish)")
    page.wait_for_timeout(100)
    assert page.evaluate("window.sent.at(-1).work[0].objects.length") == 1  # Python has heard of it


def test_a_box_is_drawn_from_any_corner_and_stays_on_the_image(page):
    desk = Desk(page)
    desk.drag((30, 45), (10, 20))
    desk.drag((70, 50), (95, 70))
    desk.click((50.4, 5.4), (60.6, 10.6))  # without dragging: both corners clicked
    desk.click((35, 20), (35, 20))
    expect(desk.words).to_contain_text("The box has no area")
    boxes = [[[10, 20], [30, 45]], [[70, 50], [80, 60]], [[50, 5], [61, 11]]]
    assert desk.shapes() == boxes
    desk.click((40, 25))  # the other corner of the last
    assert desk.shapes() == [*boxes, [[35, 20], [40, 25]]]


def test_four_extreme_points_make_the_box_of_the_pixels_clicked(page):
    desk = Desk(page)
    page.get_by_label("Four extreme points").check()
    desk.click((20.5, 10.5), (5.5, 30.5), (25.5, 40.5))
    expect(desk.words).to_contain_text("3 of 4")
    assert desk.shapes() == []
    desk.click((50.5, 20.5))
    assert desk.shapes() == [[[5, 10], [51, 41]]]


@pytest.mark.parametrize("how", ["first corner", "Enter", "double click"])
def test_a_polygon_is_clicked_and_closed(page, how):
    desk = Desk(page, "polygons")
    desk.click((10, 10), (40, 10))
    desk.press("Enter")
    expect(desk.words).to_contain_text("three corners or more")
    desk.click((40, 40))
    if how == "first corner":
        desk.click((10.5, 10.5))
    elif how == "Enter":
        desk.press("Enter")
    else:
        page.mouse.dblclick(*desk.at(10, 40))
    four = [[10, 40]] if how == "double click" else []
    assert desk.shapes() == [[[10, 10], [40, 10], [40, 40], *four]]
    assert desk.pixel(25, 10) == BLUE


def test_a_point_is_taken_back_and_an_object_cancelled(page):
    desk = Desk(page, "polygons")
    desk.click((10, 10), (40, 10), (60, 50))
    desk.press("Backspace")
    desk.click((40, 40))
    desk.press("Enter")
    desk.click((50, 10), (60, 10), (60, 20))
    desk.press("Escape", "Enter")
    assert desk.shapes() == [[[10, 10], [40, 10], [40, 40]]]


def test_every_step_can_be_undone_and_done_again(page):
    desk = Desk(page)
    desk.drag((10, 20), (30, 45))
    desk.press("2")
    desk.drag((40, 20), (60, 45))
    both = desk.shapes()
    desk.button("Undo").click()
    assert desk.shapes() == both[:1]
    desk.press("Control+z")
    assert desk.shapes() == []
    desk.press("Control+z")
    expect(desk.words).to_have_text("Nothing to undo.")
    desk.press("Control+y")
    desk.press("Control+Shift+Z")
    assert desk.shapes() == both
    assert [one["label"] for one in desk.work[0]["objects"]] == [0, 1]
    desk.canvas.focus()
    desk.press("Backspace")
    assert desk.shapes() == both[:1]


def test_a_chosen_box_is_moved_by_its_corner_and_as_a_whole(page):
    desk = Desk(page)
    desk.drag((10, 20), (30, 45))
    desk.choose((11.5, 18.5))
    desk.drag((30, 45), (40, 50))
    assert desk.shapes() == [[[10, 20], [40, 50]]]
    desk.drag((20, 30), (25, 20))
    assert desk.shapes() == [[[15, 10], [45, 40]]]
    desk.drag((15, 10), (50, 20))  # a corner dragged past its opposite
    assert desk.shapes() == [[[45, 20], [50, 40]]]
    desk.drag((47, 30), (99, 99))  # as far as the image goes
    assert desk.shapes() == [[[75, 40], [80, 60]]]
    desk.click((77, 50))  # inside: let go
    desk.drag((10, 10), (20, 20))
    assert len(desk.shapes()) == 2


def test_corners_of_a_polygon_are_moved_added_and_deleted(page):
    desk = Desk(page, "polygons")
    desk.click((10, 10), (40, 10), (40, 40), (10, 40), (10, 10))
    desk.choose((11.5, 8.5))
    desk.drag((40, 10), (50, 5))
    desk.drag((10, 25), (5, 25))  # an edge
    assert desk.shapes() == [[[10, 10], [50, 5], [40, 40], [10, 40], [5, 25]]]
    desk.canvas.focus()
    desk.press("v", "Delete")
    assert len(desk.shapes()[0]) == 4
    desk.press("Delete")  # no corner is chosen now: the whole
    assert desk.shapes() == []
    desk.press("Control+z")
    assert len(desk.shapes()[0]) == 4


def test_everything_goes_by_keyboard(page):
    desk = Desk(page)
    desk.canvas.focus()
    desk.press("2", "ArrowRight", "ArrowDown", "Enter")
    desk.press("Shift+ArrowRight", "Shift+ArrowDown", "ArrowDown", " ")
    assert desk.shapes() == [[[41, 31], [51, 42]]]  # the cross begins in the middle
    assert desk.work[0]["objects"][0]["label"] == 1
    desk.press("o", "v", "v", "v")
    expect(desk.words).to_have_text("x 51, y 42")
    desk.press("m", "ArrowRight", "ArrowUp", "Enter")
    assert desk.shapes() == [[[41, 31], [52, 41]]]
    desk.press("1")
    assert desk.work[0]["objects"][0]["label"] == 0
    desk.press("m", "ArrowRight", "Escape")
    assert desk.shapes() == [[[41, 31], [52, 41]]]
    desk.press("Delete", "n")
    expect(desk.page.get_by_text("2 of 3")).to_be_visible()
    assert desk.shapes() == []


def test_a_polygon_goes_by_keyboard(page):
    desk = Desk(page, "polygons")
    desk.canvas.focus()
    desk.press("Enter", "Shift+ArrowRight", "Enter", "Shift+ArrowDown", "Enter", "Enter")
    assert desk.shapes() == [[[40, 30], [50, 30], [50, 40]]]


def test_every_image_keeps_its_own(page):
    desk = Desk(page)
    desk.drag((10, 20), (30, 45))
    desk.click((50, 50))  # begun, and left
    desk.button("Next image").click()
    expect(page.get_by_text("2 of 3")).to_be_visible()
    expect(page.get_by_text("No box on this image yet.")).to_be_visible()
    desk.drag((1, 2), (3, 4))
    desk.press("p")
    expect(desk.button("Select box 1, fish")).to_be_visible()
    assert desk.shapes(0) == [[[10, 20], [30, 45]]] and desk.shapes(1) == [[[1, 2], [3, 4]]]
    desk.press("Control+z")  # the steps back of an image stay with it
    assert desk.shapes(0) == [] and len(desk.shapes(1)) == 1
    desk.press("p", "p")
    expect(page.get_by_text("1 of 3")).to_be_visible()


def test_zoomed_and_moved_a_point_is_where_it_is_seen(page):
    desk = Desk(page)
    desk.canvas.focus()
    desk.press("+", "+")  # 2.25 about the middle (40, 30)
    page.keyboard.down("Shift")
    desk.drag((40, 30), (54, 30))  # 14 / 2.25 image pixels to the right
    page.keyboard.up("Shift")
    assert desk.shapes() == []
    desk.drag((40, 30), (62.5, 52.5))
    left = 40 - 14 / 2.25
    assert desk.shapes() == [[[round(left), 30], [round(left + 10), 40]]]


def test_what_python_sets_is_seen_and_its_copy_of_the_work_keeps_the_steps_back(page):
    desk = Desk(page)
    desk.drag((10, 20), (30, 45))
    page.evaluate("put('work', structuredClone(model.get('work')))")
    desk.button("Undo").click()
    assert desk.shapes() == []
    other = "{ objects: [{ label: 1, points: [[5, 5], [9, 9]], seconds: null }], seconds: 3 }"
    page.evaluate(f"put('work', model.get('work').with(0, {other}))")
    expect(desk.button("Select box 1, crab")).to_contain_text("0.0 s")
    assert desk.pixel(7, 9) == ORANGE
    page.evaluate("put('error', 'ValueError: the disk is full')")
    expect(page.get_by_role("alert")).to_have_text("ValueError: the disk is full")


def test_a_kernel_that_does_not_answer_is_told(page):
    page.clock.install(time=0)
    desk = Desk(page)
    desk.drag((10, 20), (30, 45))
    page.clock.run_for(6000)
    line = page.locator(".seglib-saved")
    expect(line).to_have_text("no boxes; not saved in a file")  # what this kernel says
    page.evaluate("window.deaf = true")
    desk.drag((40, 20), (60, 45))
    page.clock.run_for(6000)
    expect(line).to_contain_text("Not saved yet: the kernel is busy, or it has stopped")
    page.evaluate("window.deaf = false")
    desk.drag((5, 5), (9, 9))
    page.clock.run_for(100)
    expect(line).to_have_text("no boxes; not saved in a file")


def test_on_another_screen_a_click_lands_where_it_is_seen(page):
    desk = Desk(page)
    desk.drag((10, 20), (30, 45))
    screen = {"width": 1200, "height": 800, "deviceScaleFactor": 2, "mobile": False}
    page.context.new_cdp_session(page).send("Emulation.setDeviceMetricsOverride", screen)
    assert desk.pixel(10, 30) == BLUE and desk.pixel(20, 45) == BLUE
    expect(desk.canvas).to_have_js_property("width", 1120)  # and it is sharp
    desk.choose((11.5, 18.5))
    desk.drag((30, 45), (40, 50))
    assert desk.shapes() == [[[10, 20], [40, 50]]]


def test_a_second_finger_starts_no_second_point(page):
    desk = Desk(page, "polygons")
    touch = page.context.new_cdp_session(page)
    first, second = ({"x": x, "y": y, "id": k} for k, (x, y) in enumerate((desk.at(10, 10), desk.at(40, 30))))
    for kind, points in (("Start", [first]), ("Start", [first, second]), ("End", [first]), ("End", [])):
        touch.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})
    desk.canvas.focus()
    desk.press("Enter")
    expect(desk.words).to_contain_text("three corners or more")
    desk.press("Backspace")
    expect(desk.words).to_have_text("Nothing is started.")


# The clock, in a browser whose time the test turns.


class Timed(Desk):
    """The annotator on a page whose time stands until the test lets it go on."""

    def __init__(self, page: Page, kind: str = "boxes") -> None:
        page.clock.install(time=0)
        super().__init__(page, kind)
        page.clock.pause_at(1000)
        self.face = page.get_by_role("group", name="Clock")

    def wait(self, seconds: float) -> None:
        self.page.clock.run_for(1000 * seconds)

    def shows(self, *texts: str) -> None:
        self.wait(0.3)  # the face is painted four times a second
        for text in texts:
            expect(self.face).to_contain_text(text)

    def counted(self, *objects: float, image: float) -> None:
        """Seconds of each object of the first image, and of the image."""
        work = self.work[0]
        seconds = [*(one["seconds"] for one in work["objects"]), work["seconds"]]
        assert seconds == pytest.approx([*objects, image], abs=0.05)


def test_it_starts_with_the_first_click_and_stops_with_the_last_or_when_nobody_moves(page):
    desk = Timed(page)
    desk.wait(60)
    desk.shows("0:00", "this box", "starts with your first click", "0:00 on this image")
    desk.click((10, 10))
    desk.wait(7)
    desk.shows("0:07", "this box", "running")
    desk.click((20, 20))
    desk.counted(7.3, image=7.3)
    desk.wait(5)
    desk.shows("0:07", "last box", "0:12 on this image")
    desk.click((30, 10))
    desk.wait(500)
    desk.shows("0:10", "paused: move to resume")
    page.mouse.move(*desk.at(15, 15))
    desk.shows("0:10", "running")
    desk.wait(2)
    desk.click((40, 20))
    desk.counted(7.3, 12.3, image=7.3 + 5.3 + 12.3)


def test_the_button_pauses_and_drawing_goes_on(page):
    desk = Timed(page)
    desk.click((10, 10))
    desk.wait(4)
    desk.button("Pause the clock").click()
    page.mouse.move(*desk.at(15, 15))  # looking around is no work
    desk.wait(30)
    desk.shows("0:04", "paused", "0:04 on this image")
    desk.button("Resume the clock").click()
    desk.wait(2)
    desk.button("Pause the clock").click()
    desk.wait(30)
    desk.click((20, 20))
    desk.counted(6, image=6)
    desk.shows("last box")
    desk.wait(2)
    desk.shows("0:08 on this image")


def test_it_stands_while_the_student_is_away_and_what_it_counted_is_kept(page):
    desk = Timed(page)
    desk.click((10, 10))
    desk.wait(4)
    page.evaluate("window.dispatchEvent(new Event('blur'))")
    desk.counted(image=4)
    desk.wait(300)
    desk.shows("0:04", "paused while you are away")
    page.mouse.move(*desk.at(15, 15))
    desk.wait(1)
    desk.click((20, 20))
    desk.counted(5, image=5)
    desk.wait(3)
    page.evaluate("document.activeElement.blur()")  # as when another cell is clicked
    desk.counted(5, image=8)


def test_every_image_has_its_time_and_corrections_add_to_that_of_their_object(page):
    desk = Timed(page)
    desk.click((10, 20))
    desk.wait(5)
    desk.click((30, 45))
    desk.canvas.focus()
    desk.press("o", "v", "m")
    desk.wait(2)
    desk.press("ArrowLeft", "m")
    assert desk.shapes() == [[[9, 20], [30, 45]]]
    desk.counted(7, image=7)
    desk.press("n")
    desk.wait(40)
    desk.shows("starts with your first click", "0:00 on this image")
    desk.press("p")
    desk.wait(40)
    desk.shows("starts with your first click", "0:07 on this image")
    desk.click((50, 20))
    desk.wait(1)
    desk.press("Escape")  # what is begun and given up costs time, too
    page.evaluate("window.dispatchEvent(new Event('blur'))")
    desk.counted(7, image=8)
