"""The class-balance board in Chromium: bars, numbers and thumbnails follow every control, as Python says."""

import re

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from seglib.scenes import Scenes
from seglib.widgets import BalanceBoard
from tests.browser.explorer import pixels, put
from tests.browser.lab import ARTEFACTS, checksum, until
from tests.browser.plain import exported, show
from tests.browser.samples import blurred
from tests.browser.widget import Widget

POOLS = Scenes(24, size=(96, 96))
BLUR = blurred(POOLS)
LENGTHS = """rows => rows.map(row => [...row.querySelectorAll(".seglib-length")].map(
    bar => bar.getBoundingClientRect().width / bar.parentElement.getBoundingClientRect().width))"""


@pytest.fixture(scope="module")
def built() -> BalanceBoard:
    return BalanceBoard(POOLS, sharpness=BLUR)


@pytest.fixture
def twin(built: BalanceBoard) -> BalanceBoard:
    """The board in this process, in its first state."""
    return put(built, view="classes", selected="seahorse", frequency=0.4, cut=0, scheme="none")


@pytest.fixture
def card(page: Page, twin: BalanceBoard) -> Locator:
    """The same board on a page as wide as a narrow cell."""
    page.set_viewport_size({"width": 700, "height": 900})
    show(page, twin)
    return page.locator(".seglib-card")


def agree(card: Locator, twin: BalanceBoard) -> None:
    """Words, numbers and lengths of bars on the page are those of the twin."""
    view = card.locator(".seglib-view:visible")
    expect(view.get_by_role("status")).to_have_text(twin.words())
    columns = twin.columns()
    rows = view.locator(".seglib-bars-row")
    texts = [column["texts"][place] for place in range(10) for column in columns]

    def written() -> bool:  # two states may have the same words
        seen = rows.locator(".seglib-number").all_inner_texts()
        return [cell.strip().removesuffix(" ▲") for cell in seen] == texts

    until(written, "the numbers are those that Python says", 5)
    expected = np.array([column["lengths"] for column in columns]).T
    floor = 0.04  # a bar of next to nothing is two pixels long

    def drawn() -> bool:  # bars take a tenth of a second to move
        error = np.abs(np.array(rows.evaluate_all(LENGTHS)) - expected)
        return bool((error < np.where(expected > floor, 0.01, floor)).all())

    until(drawn, "the bars are as long as Python says", 5)
    assert view.get_by_role("columnheader").all_inner_texts()[1:] == [column["title"] for column in columns]


def row(card: Locator, name: str) -> Locator:
    """The row of a class."""
    return card.locator(".seglib-bars-row:visible", has=card.page.get_by_role("radio", name=name))


def images(card: Locator) -> list[int]:
    """The thumbnails on show, as numbers that change with their pixels."""
    return [checksum(canvas) for canvas in card.locator(".seglib-thumbs canvas:visible").all()]


def test_every_scheme(card, twin):
    agree(card, twin)
    for scheme in ("Inverse frequency", "Median frequency", "ENet", "Effective number", "None"):
        card.get_by_role("radio", name=scheme).check()
        twin.scheme = scheme.lower()
        agree(card, twin)


def test_a_class_is_chosen_by_key_and_by_click(card, twin):
    card.get_by_role("radio", name="seahorse").focus()
    before = images(card)
    for key, name in (("ArrowUp", "snail"), ("ArrowUp", "urchin"), ("ArrowDown", "snail")):
        card.page.keyboard.press(key)
        twin.selected = name
        agree(card, twin)
        assert images(card) != before
        before = images(card)
    labels = [canvas.get_attribute("aria-label") for canvas in card.locator("canvas:visible").all()]
    assert all(re.fullmatch(r"image \d+: snail [\d.]+ %", label or "") for label in labels)
    row(card, "kelp").locator(".seglib-bartrack").last.click()
    twin.selected = "kelp"
    agree(card, twin)


def test_the_dial_redraws_all(card, twin):
    dial = card.get_by_label("How often a seahorse is drawn")
    dial.focus()
    card.page.keyboard.press("Home")
    for stop in (0.1, 0.2, 0.4):
        twin.frequency = stop
        agree(card, twin)
        shown = twin.columns()[1]["texts"][POOLS.classes.index("seahorse")]
        assert len(images(card)) == min(int(shown), 6)
        card.page.keyboard.press("ArrowRight")
    assert dial.get_attribute("aria-valuetext") == "0.4 × as often"
    assert card.page.evaluate("sent.at(-1)") == {"frequency": 0.4}
    card.screenshot(path=ARTEFACTS / "balance.png")


def test_the_class_is_lit_and_all_else_is_dimmed(card, twin):
    title = twin.data["settings"][2]["images"][0][0]["title"]
    image, mask = POOLS[int(re.findall(r"\d+", title)[0])]
    row(card, "background").click()
    canvas = card.locator(".seglib-thumbs canvas").first
    expect(canvas).to_have_attribute("aria-label", title)
    seen = pixels(canvas, 96)
    expected = image.permute(1, 2, 0).numpy().astype(float)
    object_ = (mask > 0).numpy() & (mask < 255).numpy()
    ratio = seen.mean(axis=2) / expected.mean(axis=2).clip(1)
    assert np.median(ratio[(mask == 0).numpy()]) == pytest.approx(1, abs=0.05)
    assert np.median(ratio[object_]) == pytest.approx(1 - 0x60 / 255, abs=0.07)
    assert (seen[(mask == 0).numpy()] > 240).all(axis=1).any()  # the line, on the class's side


def test_the_cut_moves_the_images_and_shows_what_is_lost(card, twin):
    card.get_by_role("radio", name="Blur").check()
    twin.view = "blur"
    agree(card, twin)
    expect(card.get_by_text("Nothing is dropped yet.")).to_be_visible()
    cut, before = card.get_by_label("Drop the most blurred"), images(card)
    cut.focus()
    for dropped in (1, 2, 3, 4):
        card.page.keyboard.press("ArrowRight")
        twin.cut = dropped
        agree(card, twin)
        assert images(card) != before
        before = images(card)
        names = [canvas.get_attribute("aria-label") for canvas in card.locator("canvas:visible").all()]
        order = BLUR.blurred(1.0)
        near = [*order[dropped : dropped + 3][::-1], *order[max(dropped - 3, 0) : dropped][::-1]]
        assert [int(re.findall(r"\d+", name or "")[0]) for name in names] == near
    marked = card.locator(".seglib-bars-row:visible", has=card.page.locator("[data-much]")).all_inner_texts()
    much = twin.columns()[2]["much"]
    assert [text.split()[0] for text in marked] == [n for n, m in zip(POOLS.classes, much) if m]
    card.screenshot(path=ARTEFACTS / "balance-blur.png")


def test_hatching_can_be_left_out(card):
    bar = row(card, "crab").locator(".seglib-length").first
    assert "url(" in bar.evaluate("bar => getComputedStyle(bar).backgroundImage")
    card.get_by_role("checkbox", name="Hatching").focus()
    card.page.keyboard.press("Space")
    expect(bar).to_have_css("background-image", "none")


def test_exported_it_works_without_a_kernel(page, twin, tmp_path):
    card = exported(page, twin, tmp_path)
    agree(card, twin)
    dial = card.get_by_label("How often a seahorse is drawn")
    before = dial.input_value()
    dial.press("ArrowLeft")
    expect(dial).not_to_have_value(before)
    twin.frequency = 0.2
    agree(card, twin)


def test_in_jupyterlab_the_keys_are_its_own_and_python_knows(widgets):
    board = Widget(widgets, "Class balance")
    board.card.get_by_label("How often a seahorse is drawn").focus()
    board.page.keyboard.press("ArrowLeft")
    until(lambda: board.python("board.frequency") == 0.2, "Python reads the dial", 5)
    board.card.get_by_role("radio", name="crab").focus()
    board.page.keyboard.press("ArrowDown")
    until(lambda: board.python("board.selected") == "jellyfish", "Python reads the class", 5)
    board.execute("board.scheme = 'enet'")
    expect(board.card.get_by_role("radio", name="ENet")).to_be_checked()
    expect(board.card.get_by_role("status").first).to_have_text(board.python("board.words()"))
    board.card.screenshot(path=ARTEFACTS / "balance-lab.png")
    assert not widgets.errors, widgets.errors
