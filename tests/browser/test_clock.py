"""The annotator's clock, with a browser whose time the test turns."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_annotator import Desk

pytestmark = pytest.mark.browser


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

    @property
    def seconds(self) -> tuple[list[float], float]:
        """Of each object of the first image, and of the image."""
        return [one["seconds"] for one in self.work[0]["objects"]], self.work[0]["seconds"]


def test_it_starts_with_the_first_click_and_stops_with_the_last(page: Page) -> None:
    desk = Timed(page)
    desk.wait(60)
    desk.shows("0:00", "this box", "starts with your first click", "0:00 on this image")
    desk.click((10, 10))
    desk.wait(7)
    desk.shows("0:07", "this box", "running")
    desk.click((20, 20))
    (first,), image = desk.seconds
    assert first == image == pytest.approx(7.3, abs=0.05)
    desk.wait(5)
    desk.shows("0:07", "last box", "0:12 on this image")
    desk.click((30, 10))
    desk.wait(3)
    desk.click((40, 20))
    assert desk.seconds[0] == pytest.approx([7.3, 3.0], abs=0.05)
    assert desk.seconds[1] == pytest.approx(7.3 + 5.3 + 3.0, abs=0.05)


def test_it_stands_when_nobody_moves(page: Page) -> None:
    desk = Timed(page)
    desk.click((10, 10))
    desk.wait(500)
    desk.shows("0:10", "paused: move to resume")
    page.mouse.move(*desk.at(15, 15))
    desk.shows("0:10", "running")
    desk.wait(2)
    desk.click((20, 20))
    assert desk.seconds[0] == pytest.approx([12.3], abs=0.05)


def test_the_button_pauses_and_drawing_goes_on(page: Page) -> None:
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
    assert desk.seconds == ([pytest.approx(6, abs=0.05)], pytest.approx(6, abs=0.05))
    desk.shows("last box")
    desk.wait(2)
    desk.shows("0:08 on this image")


def test_it_stands_while_the_student_is_away_and_what_it_counted_is_kept(page: Page) -> None:
    desk = Timed(page)
    desk.click((10, 10))
    desk.wait(4)
    page.evaluate("window.dispatchEvent(new Event('blur'))")
    assert desk.seconds == ([], pytest.approx(4, abs=0.05))
    desk.wait(300)
    desk.shows("0:04", "paused while you are away")
    page.mouse.move(*desk.at(15, 15))
    desk.wait(1)
    desk.click((20, 20))
    assert desk.seconds == ([pytest.approx(5, abs=0.05)], pytest.approx(5, abs=0.05))
    desk.wait(3)
    page.evaluate("document.activeElement.blur()")  # as when another cell is clicked
    assert desk.seconds[1] == pytest.approx(8, abs=0.05)


def test_correcting_an_object_costs_its_own_time(page: Page) -> None:
    desk = Timed(page)
    desk.click((10, 20))
    desk.wait(5)
    desk.click((30, 45))
    desk.canvas.focus()
    desk.press("o", "v", "m")
    desk.wait(2)
    desk.press("ArrowLeft", "m")
    assert desk.shapes() == [[[9, 20], [30, 45]]]
    assert desk.seconds[0] == pytest.approx([7], abs=0.05)


def test_every_image_has_its_time_and_keeps_it(page: Page) -> None:
    desk = Timed(page)
    desk.click((10, 20))
    desk.wait(5)
    desk.click((30, 45))
    desk.wait(2)
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
    assert desk.seconds == ([pytest.approx(5, abs=0.05)], pytest.approx(8, abs=0.05))
