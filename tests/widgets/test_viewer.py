"""The mask viewer without a browser: its state as images and words, errors, what travels, the snapshot."""

from __future__ import annotations

import io
import itertools
import re
import subprocess
import sys
import zlib
from typing import Any

import ipywidgets
import numpy as np
import pytest
import torch
import traitlets
from PIL import Image

from seglib import draw, widgets
from seglib.data.dataset import Instances
from seglib.labels import Classes
from seglib.widgets import MaskViewer
from seglib.widgets.shell import RefusedError, Shell
from seglib.widgets.viewer import MODES, linked

CLASSES = Classes.of("background", "fish", "crab")
WITHOUT_BACKGROUND = Classes.of("sky", "road", "car")
IMAGE = torch.randint(0, 256, (3, 6, 8), generator=torch.Generator().manual_seed(0)).byte()
TRUTH = torch.tensor([[0, 0, 0, 0, 2, 2, 2, 2], [0, 1, 1, 0, 2, 2, 2, 255]]).repeat(3, 1)
PRED = TRUTH.roll(1, dims=1).where(TRUTH != 255, 0)


def viewer(classes: Classes = CLASSES, **state: Any) -> MaskViewer:
    return MaskViewer(IMAGE, {"truth": TRUTH, "prediction": PRED}, classes=classes, **state)


def instances(*masks: torch.Tensor) -> Instances:
    return Instances(torch.stack(masks), torch.ones(len(masks)).long(), torch.zeros(len(masks), 4).long())


def test_every_state_has_a_image() -> None:
    shown = viewer()
    names = [*CLASSES, "void"]
    for mode, layer, opacity, outline, hatch, count in itertools.product(
        MODES, ("truth", "prediction"), (0.0, 0.4, 1.0), (True, False), (True, False), range(len(names) + 1)
    ):
        shown.mode, shown.layer, shown.opacity, shown.outline = mode, layer, opacity, outline
        shown.hatch, shown.visible = hatch, names[:count]
        image = shown.compose()
        assert image.shape == (3, 6, 16 if mode == "side by side" else 8)
        assert image.dtype == torch.uint8
        if mode == "overlay" and (opacity == 0 or count <= 1):
            assert torch.equal(image, IMAGE)  # nothing painted: no colour, or only the background is visible


@pytest.mark.parametrize("hatch", [True, False])
def test_all_visible_is_the_overlay_of_the_library(hatch: bool) -> None:
    expected = draw.overlay(IMAGE, PRED, CLASSES, opacity=0.3, hatch=hatch)
    assert torch.equal(viewer(layer="prediction", opacity=0.3, hatch=hatch).compose(), expected)


def test_a_hidden_class_is_neither_painted_nor_outlined() -> None:
    without = viewer(visible=["fish", "void"]).compose()
    expected = draw.overlay(IMAGE, TRUTH.where(TRUTH != 2, 0), CLASSES)
    assert torch.equal(without, expected)


def test_a_class_can_be_hidden_where_no_class_is_background() -> None:
    hidden = viewer(WITHOUT_BACKGROUND, visible=["car"]).compose()
    expected = draw.overlay(IMAGE, TRUTH.where(TRUTH == 2, 0), CLASSES)
    same = TRUTH != 2
    assert torch.equal(hidden[:, same], expected[:, same])
    assert torch.equal(viewer(WITHOUT_BACKGROUND, visible=[]).compose(), IMAGE)


def test_side_by_side_is_both_maps_or_image_and_map() -> None:
    both = viewer(mode="side by side").compose()
    assert torch.equal(both, torch.cat([viewer().compose(), viewer(layer="prediction").compose()], dim=2))
    one = MaskViewer(IMAGE, TRUTH, classes=CLASSES, mode="side by side").compose()
    assert torch.equal(one, torch.cat([IMAGE, viewer().compose()], dim=2))


@pytest.mark.parametrize("layer", ["truth", "prediction"])
def test_the_truth_is_never_compared_with_itself(layer: str) -> None:
    expected = draw.difference(IMAGE, PRED, TRUTH)
    assert torch.equal(viewer(mode="difference", layer=layer).compose(), expected)


def test_what_travels_is_what_was_given() -> None:
    data = viewer(instances=instances(TRUTH == 1, TRUTH == 2)).data
    assert (data["width"], data["height"]) == (8, 6)
    image = np.asarray(Image.open(io.BytesIO(data["image"])))
    assert np.array_equal(image, IMAGE.permute(1, 2, 0).numpy())
    maps = {entry["name"]: np.frombuffer(zlib.decompress(entry["labels"]), "u1") for entry in data["maps"]}
    assert np.array_equal(maps["truth"].reshape(6, 8), TRUTH.numpy())
    ids = np.frombuffer(zlib.decompress(data["instances"]), "<u2").reshape(6, 8)
    assert np.array_equal(ids, TRUTH.where(TRUTH != 255, 0))


def test_a_large_image_travels_small() -> None:
    image = torch.zeros(3, 2048, 2048, dtype=torch.uint8)
    data = MaskViewer(image, image[0], classes=CLASSES).data
    assert len(data["image"]) + len(data["maps"][0]["labels"]) < image.numel() / 100


def test_of_a_photograph_of_twelve_megapixels_one_of_two_pixels_is_shown_and_it_says_so() -> None:
    rng = torch.Generator().manual_seed(0)
    image = torch.randint(0, 256, (3, 3000, 4000), dtype=torch.uint8, generator=rng)
    mask = torch.randint(0, 3, (3000, 4000), dtype=torch.uint8, generator=rng)
    shown = MaskViewer(image, mask, classes=CLASSES, instances=instances(mask == 1))
    data, note = shown.data, "Shown is 1 of every 2 pixels across and down."
    assert (data["width"], data["height"], data["stride"], data["note"]) == (2000, 1500, 2, note)
    labels = np.frombuffer(zlib.decompress(data["maps"][0]["labels"]), "u1").reshape(1500, 2000)
    numbers = np.frombuffer(zlib.decompress(data["instances"]), "<u2").reshape(1500, 2000)
    assert np.array_equal(labels, mask[::2, ::2]) and np.array_equal(numbers, mask[::2, ::2] == 1)
    assert shown.compose().shape == (3, 1500, 2000) and note in shown.description()
    assert len(shown.to_html()) < 20e6  # of noise; of a photograph a few megabytes
    assert viewer().data["stride"] == 1 and "Shown is" not in viewer().description()


BAD = {
    "float image": ({"image": IMAGE.float()}, "the image must be .*float32"),
    "grey image": ({"image": IMAGE[0]}, r"\(6, 8\) uint8"),
    "array": ({"image": IMAGE.numpy()}, "ndarray"),
    "no maps": ({"maps": {}}, "at least one"),
    "array mask": ({"maps": TRUTH.numpy()}, "'mask' must be a tensor .*ndarray"),
    "float mask": ({"maps": TRUTH.float()}, "'mask' is torch.float32"),
    "other size": ({"maps": {"truth": TRUTH[:4]}}, r"'truth' has the size \(4, 8\), the image \(6, 8\)"),
    "no class": ({"maps": {"guess": TRUTH + 1}}, "'guess' holds the value 3"),
    "other objects": (
        {"instances": instances(TRUTH[:4] == 1)},
        r"the instances have the size \(4, 8\), the image \(6, 8\)",
    ),
    "no such class": ({"visible": ["dog"]}, "no class is called 'dog'"),
    "no such map": ({"layer": "guess"}, "no label map 'guess'.*truth, prediction"),
    "misspelt option": ({"opactiy": 0.3}, "no option 'opactiy'; did you mean 'opacity'"),
    "too low": ({"height": 50}, "height"),
    "too opaque": ({"opacity": 1.5}, "opacity"),
    "difference of one": ({"maps": TRUTH, "mode": "difference"}, "needs two label maps"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_mistake_gets_one_sentence(case: str) -> None:
    wrong, sentence = BAD[case]
    given = {"image": IMAGE, "maps": {"truth": TRUTH, "prediction": PRED}, "classes": CLASSES} | wrong
    with pytest.raises(ValueError, match=sentence) as caught:
        MaskViewer(given.pop("image"), given.pop("maps"), **given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("state", [{"opacity": 1.5}, {"zoom": 0.5}, {"mode": "upside down"}])
def test_a_value_out_of_range_is_refused_and_nothing_changes(state: dict[str, Any]) -> None:
    shown = viewer()
    (name, value), before = next(iter(state.items())), shown.compose()
    with pytest.raises(traitlets.TraitError):
        setattr(shown, name, value)
    assert torch.equal(shown.compose(), before)


@pytest.mark.parametrize("name", widgets.__all__)
def test_no_widget_swallows_a_misspelt_option(name: str) -> None:
    kind = getattr(widgets, name)
    with pytest.raises(RefusedError, match="has no option 'opactiy'"):
        Shell.__init__(kind.__new__(kind), opactiy=0.3)


def test_an_observers_error_is_shown_and_raised() -> None:
    shown = viewer()

    def fail(change: Any) -> None:
        raise KeyError("no such fish")

    shown.observe(fail, "opacity")
    with pytest.raises(KeyError):
        shown.set_state({"opacity": 0.2})  # as a change from the browser arrives
    assert shown.error == "KeyError: 'no such fish'"
    shown.unobserve(fail, "opacity")
    shown.set_state({"opacity": 0.3})
    assert (shown.error, shown.opacity) == ("", 0.3)


def test_a_browser_that_sends_nonsense_is_told() -> None:
    shown = viewer()
    with pytest.raises(ValueError, match="no label map 'guess'"):
        shown.set_state({"layer": "guess"})
    assert "no label map 'guess'" in shown.error and shown.layer == "truth"


def test_importing_the_widgets_imports_none_of_the_families() -> None:
    code = """
import sys, seglib.widgets
seglib.widgets.MaskViewer
assert not hasattr(seglib.widgets, "Viewer")
print([name for name in sys.modules if name.split(".")[1:2] in (["regions"], ["weak"], ["fcn"])])"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ran.stdout.strip(), ran.returncode) == ("[]", 0), ran.stderr


def test_displayed_it_carries_words_and_a_copy_that_needs_nothing() -> None:
    (first, _), (second, _) = viewer()._repr_mimebundle_(), viewer()._repr_mimebundle_()
    assert first["text/plain"] == second["text/plain"] == viewer().description()
    assert first["text/plain"].startswith("truth: crab 44 %, centre right")
    assert first["text/html"] == second["text/html"]  # no address, no id of a model: nbval compares it
    assert "application/vnd.jupyter.widget-view+json" in first
    assert not re.findall(r"https?:|//cdn|src=\"(?!data:)", first["text/html"])
    assert first["text/html"].count("</script>") == 1


def test_the_snapshot_cannot_be_broken_out_of() -> None:
    hostile = "</script><img src=x onerror=alert(1)>"
    html = MaskViewer(IMAGE, {hostile: TRUTH}, classes=CLASSES).to_html()
    assert html.count("</script>") == 1 and "<img src=x" not in html


def test_linked_viewers_share_everything_but_the_label_map(monkeypatch: pytest.MonkeyPatch) -> None:
    links = []
    monkeypatch.setattr(ipywidgets, "jslink", lambda source, target: links.append((source, target)))
    both = linked(viewer(), viewer(layer="prediction"))
    assert [one.layer for one in both.children] == ["truth", "prediction"]
    assert {pair[0][0] for pair in links} == {both.children[0]}
    assert {pair[1][0] for pair in links} == {both.children[1]}
    names = {source[1] for source, _ in links}
    assert {"zoom", "center", "opacity", "mode", "visible"} <= names and "layer" not in names
    bundle = both._repr_mimebundle_()
    assert bundle["text/html"].count("<div data-seglib") == 2
    assert bundle["text/plain"].startswith("truth: ")


def test_viewers_that_do_not_fit_are_not_linked() -> None:
    other = MaskViewer(IMAGE[:, :4], TRUTH[:4], classes=CLASSES)
    for others, said in ([other], "one size"), ([viewer(WITHOUT_BACKGROUND)], "same classes"), ([], "two"):
        with pytest.raises(ValueError, match=said):
            linked(viewer(), *others)
