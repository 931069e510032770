"""draw, patterns: what an image of a mask must show, and that nothing is shown without words."""

from __future__ import annotations

import base64
import io
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from seglib import draw
from seglib.draw import bars, difference, overlay, show, show_images
from seglib.labels import VOID, Classes

CLASSES = Classes.of("background", "cat", "dog")
SIZE = (24, 32)


@pytest.fixture
def image() -> Tensor:
    """(3, 24, 32) noise."""
    return torch.randint(0, 256, (3, *SIZE), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


@pytest.fixture
def mask() -> Tensor:
    """(24, 32): background on the left, then cat, dog, void, eight columns each."""
    return torch.tensor([0, 1, 2, VOID], dtype=torch.uint8).repeat_interleave(8).expand(SIZE).contiguous()


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """(markup, text) of everything that is shown."""
    outputs: list[tuple[str, str]] = []
    monkeypatch.setattr(draw, "show_html", lambda markup, text: outputs.append((markup, text)))
    return outputs


def pixels(markup: str) -> np.ndarray:
    """The image inside the markup."""
    source = re.search(r'src="data:image/png;base64,([^"]+)"', markup)
    assert source
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(source[1]))).convert("RGB"))


@pytest.mark.parametrize("opacity", [0.0, 0.3, 0.5, 1.0])
def test_an_overlay_goes_from_the_image_to_the_mask_and_leaves_background_clear(
    image: Tensor, mask: Tensor, opacity: float
):
    before = image.clone(), mask.clone()
    result = overlay(image, mask, CLASSES, opacity=opacity, outline=False)
    assert result.shape == image.shape and result.dtype == torch.uint8
    for index, weight in enumerate([0, opacity, opacity]):
        color = torch.tensor(CLASSES.colors[index])[:, None]
        expected = (1 - weight) * image[:, mask == index] + weight * color
        assert (result[:, mask == index] - expected).abs().max() < 0.51
    assert torch.equal(image, before[0]) and torch.equal(mask, before[1])


def test_no_opacity_is_the_image_itself_even_with_outlines(image: Tensor, mask: Tensor):
    assert torch.equal(overlay(image, mask, CLASSES, opacity=0, hatch=True), image)


def test_outlines_lie_where_classes_meet(image: Tensor, mask: Tensor):
    plain, lined = (overlay(image, mask, CLASSES, outline=outline) for outline in (False, True))
    changed = (plain != lined).any(dim=0)
    assert changed.any(dim=0).nonzero().flatten().tolist() == [7, 15, 23]
    assert lined[:, :, [7, 15, 23]].min() > 225  # white, whatever lies below


def test_hatching_tells_classes_apart_without_colour():
    grey = Classes(("a", "b", "c"), ((90, 90, 90), (91, 91, 91), (92, 92, 92)))
    image = torch.full((3, *SIZE), 90, dtype=torch.uint8)
    drawn = [
        overlay(image, torch.full(SIZE, index), grey, hatch=True, outline=False).float()
        for index in (0, 1, 2, VOID)
    ]
    for first in range(4):
        assert drawn[first].std() > 10
        for second in range(first):
            assert ((drawn[first] - drawn[second]).abs() > 30).float().mean() > 0.1


@pytest.mark.parametrize("index", [(slice(3), slice(1, 24)), slice(2), ...])
def test_wrong_images_are_refused(image: Tensor, mask: Tensor, index):
    wrong = image[index] if index is not ... else image.float()
    with pytest.raises(ValueError, match=r"must be .*\(3, H, W\)"):
        overlay(wrong, mask, CLASSES)
    with pytest.raises(ValueError, match="must be"):
        difference(wrong, mask, mask)
    with pytest.raises(ValueError, match="value 3"):
        overlay(image, torch.full(SIZE, 3), CLASSES)


@pytest.mark.parametrize("brightness", [0, 128, 255])
def test_right_wrong_and_void_differ_without_colour_on_any_image(mask: Tensor, brightness: int):
    image = torch.full((3, *SIZE), brightness, dtype=torch.uint8)
    pred = mask.clone()
    pred[mask == 1] = 2
    result = difference(image, pred, mask).float().mean(dim=0)  # grey
    right, wrong, void = (result[:, columns] for columns in (slice(0, 8), slice(8, 16), slice(24, 32)))
    assert torch.equal(void, difference(image, torch.zeros_like(mask), mask).float().mean(dim=0)[:, 24:])
    assert right.std() < 1  # a flat image stays flat where the prediction is right
    assert wrong.std() > 20 and void.std() > 20  # stripes and dots show
    assert (void.median() - wrong.median()).abs() > 40 and (right.median() - wrong.median()).abs() > 5


def test_a_figure_is_shown_with_its_words(shown: list):
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([0, 1])
    assert show(figure, alt='a line, "rising" & <steep>') is None
    markup, text = shown[0]
    words = "a line, &quot;rising&quot; &amp; &lt;steep&gt;"
    assert text == 'a line, "rising" & <steep>'
    assert f'<img alt="{words}" src="data:image/png;base64,' in markup
    assert f'<figcaption aria-hidden="true">{words}</figcaption></figure>' in markup
    assert pixels(markup).shape == (100, 200, 3)


def test_a_figure_of_photographs_is_not_a_png(shown: list):
    noise = torch.randint(0, 256, (3, 300, 400), generator=torch.Generator().manual_seed(0)).float()
    photograph = torch.nn.functional.avg_pool2d(noise, 3, 1, 1).byte()
    show_images([photograph] * 3, alt="grain")
    markup = shown[0][0]
    assert 'src="data:image/webp;base64,' in markup and len(markup) < 400_000


def test_images_are_all_drawn(shown: list, image: Tensor):
    colors = [(200, 0, 0), (0, 200, 0), (0, 0, 200), (200, 200, 0), (200, 0, 200)]
    images = [torch.tensor(color, dtype=torch.uint8)[:, None, None].expand(3, 10, 12) for color in colors]
    show_images(images, titles=list("abcde"), columns=3, alt="five colours")
    show_images(images, titles=list("abcde"), columns=3, alt="five colours")
    assert shown.pop() == shown[0], "the same figure is the same bytes"
    drawn = {tuple(pixel) for pixel in pixels(shown[0][0]).reshape(-1, 3)[::7].tolist()}
    assert set(colors) <= drawn
    show_images([image, image[0], image[0] > 99, image[:, :9]], alt="grey images, masks and sizes mix")
    assert len(shown) == 2


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: show_images([torch.zeros(3, 4, 4).byte()], titles=["a", "b"], alt="x"), "2 titles"),
        (lambda: show_images([], alt="x"), "0 images"),
        (lambda: bars({}, alt="x"), "there are no bars to show"),
        (lambda: show(Figure(), alt=""), "somebody who cannot see it"),
        (lambda: show(Figure(), alt="   "), "somebody who cannot see it"),
    ],
)
def test_wrong_calls_are_refused_and_show_nothing(shown: list, call, words: str):
    with pytest.raises(ValueError, match=words):
        call()
    assert not shown


def test_bars_have_their_numbers_and_hatching(monkeypatch: pytest.MonkeyPatch):
    figures: list[Figure] = []
    monkeypatch.setattr(draw, "show", lambda figure, alt: figures.append(figure))
    bars({"mIoU": {"stride 4": 98.52, "stride 8": 96.4}, "Boundary IoU": {"stride 8": 70}}, alt="both fall")
    axis = figures[0].axes[0]
    assert [text.get_text() for text in axis.texts] == ["98.5", "96.4", "70.0"]
    assert [text.get_text() for text in axis.get_yticklabels()] == ["stride 4", "stride 8"]
    assert len({container[0].get_hatch() for container in axis.containers}) == 2
    assert [bar.get_width() for container in axis.containers for bar in container] == [98.52, 96.4, 70]
    first, second = axis.containers[0][1], axis.containers[1][0]  # both of "stride 8": no overlap
    assert second.get_y() == pytest.approx(first.get_y() + first.get_height())


def test_a_notebook_gets_markup_and_text():
    shell = InteractiveShell.instance()
    try:
        with capture_output() as captured:
            show(Figure(figsize=(1, 1)), alt="an empty figure")
        data = captured.outputs[0].data
    finally:
        shell.clear_instance()
    assert data["text/plain"] == "an empty figure" and data["text/html"].startswith("<figure")


WITHOUT_JUPYTER = """
import sys
sys.modules["IPython"] = None  # as if it were not installed
from matplotlib.figure import Figure
from seglib.draw import show
show(Figure(), alt="an empty figure")
print("matplotlib.pyplot" in sys.modules)
"""


def test_without_jupyter_the_words_are_printed_and_pyplot_is_never_loaded():
    run = subprocess.run([sys.executable, "-c", WITHOUT_JUPYTER], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == ["an empty figure", "False"]
