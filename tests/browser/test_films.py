"""The three films: in JupyterLab, where Python knows and sets what is on show, and without a kernel."""

import pytest
from playwright.sync_api import expect

from tests.browser import samples
from tests.browser.explorer import agree, press, put
from tests.browser.lab import ARTEFACTS, checksum, drag, until
from tests.browser.plain import exported
from tests.browser.widget import Widget

# Title; first state; sliders (or the image), keys and the states after them; a state that Python sets.
FILMS = {
    "detector": ("Metric lie detector", {"reel": 0, "at": 0}, [("How much", "ArrowRight", {"at": 1})],
                 {"reel": 4, "at": 1}),
    "proposals": ("Proposal explorer", {"view": "proposals", "reel": 0, "at": 3},
                  [("Proposals examined", "ArrowLeft", {"at": 2}), ("", "ArrowRight", {"reel": 1})],
                  {"view": "paste", "reel": 0, "at": 0}),
    "refinement": ("Refinement explorer", {"view": "reset", "reel": 0, "at": 50},
                   [("Reset below", "End", {"at": 100}), ("Reset below", "Home", {"at": 0})],
                   {"view": "rules", "reel": 0, "at": 0}),
}  # fmt: skip


@pytest.mark.parametrize("name", FILMS)
def test_in_jupyterlab_the_keys_are_its_own_and_python_knows(name, widgets):
    title, first, keys, other = FILMS[name]
    shown, twin = Widget(widgets, title), put(getattr(samples, name)(), show_boxes=False)

    def sets(state: dict[str, object]) -> None:
        shown.execute(f"for trait, value in {state}.items(): setattr({name}, trait, value)")
        agree(shown.card, twin, **state)

    def known() -> bool:
        state = shown.python(f"[{name}.view, {name}.reel, {name}.at]")
        return state == [twin.view, twin.reel, twin.at]

    sets(first | {"show_boxes": False})
    for slider, key, state in keys:
        press(shown.card.get_by_label(slider) if slider else shown.canvas(), key)
        agree(shown.card, twin, **state)
        until(known, f"Python reads {key}", 10)
    sets(other)
    shown.card.screenshot(path=ARTEFACTS / f"{name}.png")
    assert not widgets.errors, widgets.errors


@pytest.mark.parametrize("name", FILMS)
def test_exported_it_works_without_a_kernel(name, page, tmp_path):
    _, first, keys, _ = FILMS[name]
    twin = put(getattr(samples, name)(), show_boxes=False, **first)
    card = exported(page, twin, tmp_path)
    agree(card, twin)
    for slider, key, state in keys:
        press(card.get_by_label(slider) if slider else card.locator(".seglib-canvas canvas").first, key)
        agree(card, twin, **state)


def test_a_lie_is_dragged_says_its_size_and_another_starts_where_it_has_a_step(widgets):
    shown, twin = Widget(widgets, "Metric lie detector"), samples.detector()
    shown.execute("detector.reel, detector.at = 0, 1")
    slider = shown.card.get_by_label("How much")
    slider.scroll_into_view_if_needed()
    expect(slider).to_have_attribute("aria-valuetext", "1 px")
    before, box = checksum(shown.canvas()), slider.bounding_box()
    assert box
    middle = box["y"] + box["height"] / 2
    drag(shown.page, (box["x"] + 8, middle), (box["x"] + box["width"] * 0.45, middle))
    until(lambda: checksum(shown.canvas()) != before, "the image changes", 5)
    agree(shown.card, twin, at=int(slider.input_value()))
    assert twin.at > 2
    until(lambda: shown.python("detector.at") == twin.at, "Python reads the step", 5)
    shown.card.get_by_role("radio", name="Drop a class").check()
    expect(slider).to_have_value("0")
    until(lambda: shown.python("[detector.reel, detector.at]") == [4, 0], "Python reads the lie", 5)
    assert not widgets.errors, widgets.errors
