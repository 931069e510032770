"""What all widgets share: words and a copy that needs nothing, errors that are shown, quick imports."""

from __future__ import annotations

import functools
import subprocess
import sys
from typing import Any

import pytest

from seglib import widgets
from seglib.scenes import Scenes
from seglib.widgets import BalanceBoard, LieDetector, MaskViewer, Monitor
from seglib.widgets.shell import RefusedError, Shell
from tests.widgets.kit import needs_nothing, refused_from_the_browser
from tests.widgets.trainings import steps

POOLS = Scenes(2, size=(64, 64))
WORDS = {
    MaskViewer: "truth: ",
    LieDetector: "truth: ",
    BalanceBoard: "Class balance of scenes train, 2 images, seahorse drawn 0.4 times as often as any",
    Monitor: "Finished: 6 steps, 3 s.",
}


@functools.cache
def one(kind: type[Shell]) -> Any:
    """A widget of a kind."""
    image, mask = POOLS[0]
    if kind is MaskViewer:
        return MaskViewer(image, {"truth": mask}, classes=POOLS.classes)
    if kind is LieDetector:
        return LieDetector(image, mask, POOLS.classes)
    return BalanceBoard(POOLS) if kind is BalanceBoard else Monitor(steps(6))


@pytest.mark.parametrize("kind", WORDS)
def test_displayed_it_carries_words_and_a_copy_that_needs_nothing(kind: type[Shell]) -> None:
    page = needs_nothing(one(kind))
    assert repr(one(kind)).startswith(WORDS[kind]) and WORDS[kind] in page


def test_the_copy_cannot_be_broken_out_of() -> None:
    hostile = "</script><img src=x onerror=alert(1)>"
    html = MaskViewer(POOLS[0][0], {hostile: POOLS[0][1]}, classes=POOLS.classes).to_html()
    assert html.count("</script>") == 1 and "<img src=x" not in html


@pytest.mark.parametrize(
    ("kind", "state", "sentence"),
    [
        (MaskViewer, {"layer": "guess"}, "no label map 'guess'"),
        (LieDetector, {"at": 99}, "at must be 0 to 10"),
        (BalanceBoard, {"frequency": 0.33}, "frequency must be one of 0.1, 0.2, 0.4, got 0.33"),
    ],
)
def test_a_browser_that_sends_nonsense_is_told_and_nothing_changes(
    kind: type[Shell], state: dict[str, Any], sentence: str
) -> None:
    refused_from_the_browser(sentence, one(kind), **state)


@pytest.mark.parametrize("name", widgets.__all__)
def test_no_widget_swallows_a_misspelt_option(name: str) -> None:
    kind = getattr(widgets, name)
    with pytest.raises(RefusedError, match="has no option 'opactiy'"):
        Shell.__init__(kind.__new__(kind), opactiy=0.3)


def test_an_observers_error_is_shown_and_raised() -> None:
    shown = one(MaskViewer)

    def fail(change: Any) -> None:
        raise KeyError("no such fish")

    shown.observe(fail, "opacity")
    with pytest.raises(KeyError):
        shown.set_state({"opacity": 0.2})  # as a change from the browser arrives
    assert shown.error == "KeyError: 'no such fish'"
    shown.unobserve(fail, "opacity")
    shown.set_state({"opacity": 0.3})
    assert (shown.error, shown.opacity) == ("", 0.3)


def test_importing_the_widgets_imports_none_of_the_families() -> None:
    code = """
import sys, seglib.widgets
seglib.widgets.MaskViewer
assert not hasattr(seglib.widgets, "Viewer")
print([name for name in sys.modules if name.split(".")[1:2] in (["regions"], ["weak"], ["fcn"])])"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ran.stdout.strip(), ran.returncode) == ("[]", 0), ran.stderr
