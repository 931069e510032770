"""The images in the README and at the head of the notebooks: `python -m tools.course.covers` draws them.

They show built-in scenes and Chelsea, scikit-image's cat (CC0). Redraw them when scenes change.
"""

from __future__ import annotations

import io
from pathlib import Path

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from seglib import backbones
from seglib.course import demos
from seglib.draw import difference, overlay
from seglib.evaluate import OracleStride
from seglib.fcn import convolutionalise
from seglib.labels import VOID, Classes
from seglib.regions import hierarchy
from seglib.scenes import Scenes
from seglib.weak.boxes import BoxAnnotations
from seglib.weak.grabcut import grabcut_plus
from seglib.weak.schemes import rectangles

ROOT = Path(__file__).parents[2]
SIZE = (240, 240)
POOLS = Scenes(200, split="train", size=SIZE)


def main() -> None:
    """Draw all of them."""
    for path, figure in {
        "docs/cover.png": cover(),
        "notebooks/images/00_question.png": crab_alone(),
        "notebooks/images/01_question.png": five_answers(),
        "notebooks/images/02_question.png": seahorse_finder(),
        "notebooks/images/03_question.png": a_image_each(),
        "notebooks/images/04_question.png": cut_up(),
        "notebooks/images/05_question.png": where_is_the_cat(),
        "notebooks/images/07_question.png": boxes_alone(),
    }.items():
        save(figure, ROOT / path)
        print(path)


def cover() -> Figure:
    """One pool, and what the course makes of it."""
    index = _first(touching=True, wanted="fish")
    image, mask = POOLS[index]
    pred = OracleStride(16).predict(image, mask)
    shown = [
        image,
        overlay(image, mask, POOLS.classes),
        overlay(image, mask, POOLS.classes, hatch=True, opacity=0.7),
    ]
    figure, axes = panels(4)
    titles = ["an image", "its mask", "the same, without colour", "where a coarse grid fails"]
    for axis, each, title in zip(axes, [*shown, difference(image, pred, mask)], titles):
        panel(axis, each, title)
    return figure


def crab_alone() -> Figure:
    """The pool of notebook 00, and the same in grey, where only the crab keeps its colour."""
    pools = Scenes(200, split="train", size=(160, 160))
    image, mask = pools[34]
    grey = (0.6 * image.float().mean(0) + 70).to(torch.uint8).expand(3, -1, -1)
    figure, axes = panels(2)
    panel(axes[0], image, "a pool")
    panel(axes[1], torch.where(mask == pools.classes.index("crab"), image, grey), "which pixels are crab?")
    return figure


def five_answers() -> Figure:
    """Classification, detection, semantic, instance and panoptic segmentation of one pool."""
    index = _first(touching=True, wanted="fish")
    (image, mask), found, classes = POOLS[index], POOLS.instances(index), POOLS.classes
    number = torch.zeros_like(mask)
    for k, visible in enumerate(found.masks, start=1):
        number[visible] = k
    each = Classes.of("background", *(f"object {k}" for k in range(1, len(found) + 1)))
    semantic, instance = overlay(image, mask, classes, opacity=0.8), overlay(image, number, each, opacity=0.8)
    figure, axes = panels(5)
    titles = ["classification", "detection", "semantic", "instance", "panoptic"]
    shown = [image, image, semantic, instance, overlay(semantic, number, each, opacity=0)]
    for axis, photo, title in zip(axes, shown, titles):
        panel(axis, photo, title)
    names = sorted({classes.names[k] for k in found.classes.tolist()})
    box = {"facecolor": "black", "alpha": 0.65, "edgecolor": "none", "pad": 6}
    words = axes[0].text(0.5, 0.5, "\n".join(names), transform=axes[0].transAxes, color="white", bbox=box)
    words.set(fontsize=11, horizontalalignment="center", verticalalignment="center")
    for k, (x1, y1, x2, y2) in zip(found.classes.tolist(), found.boxes.tolist()):
        color = [channel / 255 for channel in classes.colors[k]]
        axes[1].add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor="white", linewidth=3))
        axes[1].add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=color, linewidth=1.6))
    for visible in found.masks:
        axes[4].contour(visible.numpy(), levels=[0.5], colors="white", linewidths=1.4)
    return figure


def seahorse_finder() -> Figure:
    """A pool with a seahorse, and the mask of a product that finds none."""
    index = _first(touching=False, wanted="seahorse")
    (image, mask), rare = POOLS[index], POOLS.classes.index("seahorse")
    truth = torch.where(mask == rare, 1, 0)
    classes = Classes(("background", "seahorse"), ((0, 0, 0), (230, 159, 0)))
    figure, axes = panels(3)
    dim = (image * 0.45).to(torch.uint8)
    panel(axes[0], image, "a pool")
    panel(axes[1], overlay(dim, truth, classes, opacity=0.9), "where the seahorse is")
    panel(
        axes[2],
        overlay(dim, torch.zeros_like(truth), classes),
        "what the product finds",
    )
    return figure


def a_image_each() -> Figure:
    """Ten pools, one for each class, and how many pixels the ten classes have in them."""
    classes, masks = POOLS.classes, []
    figure = Figure(figsize=(10.2, 3.2), layout="constrained")
    grid = figure.add_gridspec(1, 2, width_ratios=(1.75, 1))
    left, right = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
    for axis, wanted in zip(left.subplots(2, 5).ravel(), range(len(classes))):
        image, mask = POOLS[_largest(wanted)]
        masks.append(mask)
        panel(axis, (image * 0.8).to(torch.uint8), classes.names[wanted])
        if wanted:
            axis.contour((mask == wanted).numpy(), levels=[0.5], colors="white", linewidths=1.6)
    known = torch.stack(masks)[torch.stack(masks) != VOID]
    share = 100 * known.long().bincount(minlength=len(classes)) / len(known)
    axis = right.subplots()
    colors = [tuple(channel / 255 for channel in color) for color in classes.colors]
    axis.barh(list(classes), share.tolist(), color=colors, edgecolor="black", linewidth=0.6)
    axis.set(xlabel="% of the pixels", ylim=(len(classes) - 0.4, -0.6))
    for row, value in enumerate(share.tolist()):
        axis.text(min(value, 80) + 1.5, row, f"{value:.1f}", va="center", fontsize=9)
    axis.spines[["top", "right"]].set_visible(False)
    return figure


def cut_up() -> Figure:
    """Chelsea the cat, and three stops on the way from superpixels to the whole image."""
    cat = demos.cat()
    tree = hierarchy(cat, scale=20)
    figure, axes = panels(4)
    panel(axes[0], cat, "a photograph")
    for axis, count in zip(axes[1:], (400, 60, 20)):
        panel(axis, demos.mosaic(cat, tree.at(count)), f"{count} regions")
    return figure


def where_is_the_cat() -> Figure:
    """Chelsea the cat, and where a classifier that never saw a mask finds a cat."""
    photo = demos.cat()
    everywhere = convolutionalise(backbones.load("lite0").eval().as_classifier(), (3, 224, 224)).eval()
    with torch.no_grad():
        large = interpolate(photo[None].float(), scale_factor=2, mode="bilinear")
        where = everywhere(large).softmax(1)[0, demos.CAT_WORDS].sum(0)
    return demos.heat_figure(photo, where)


def boxes_alone() -> Figure:
    """A pool with its boxes, two labels that are made of them, and its mask."""
    index = _first(touching=True, wanted="fish")
    (image, mask), found, classes = POOLS[index], POOLS.instances(index), POOLS.classes
    one = BoxAnnotations(found.boxes, found.classes)
    labels = [rectangles(image, *one), grabcut_plus(image, *one), mask]
    shown = [
        demos.boxed(image, one, classes),
        *(overlay(image, label, classes, opacity=0.7) for label in labels),
    ]
    titles = ["what was drawn", "the boxes, filled", "by colours and edges", "what nobody drew"]
    figure, axes = panels(4)
    for axis, each, title in zip(axes, shown, titles):
        panel(axis, each, title)
    return figure


def _largest(wanted: int) -> int:
    """The pool, of the first forty, that shows most of a class; of the background, least."""
    share = [(POOLS[index][1] == wanted).double().mean() for index in range(40)]
    order = sorted(range(40), key=lambda index: share[index])
    return order[0] if wanted == 0 else order[-1]


def _first(*, touching: bool, wanted: str) -> int:
    """The first pool that shows the class `wanted` large, and where two of a kind touch if they shall."""
    for index in range(len(POOLS)):
        found, mask = POOLS.instances(index), POOLS[index][1]
        large = (mask == POOLS.classes.index(wanted)).double().mean() > 0.025
        crowded = len(found.classes.unique()) >= 3 and _two_touch(found.masks, found.classes)
        if large and (crowded or not touching):
            return index
    raise ValueError(f"none of {len(POOLS)} pools shows {wanted} as the image needs it")


def _two_touch(masks: Tensor, class_ids: Tensor) -> bool:
    """Whether two objects of one class come within four pixels of each other."""
    near = torch.nn.functional.max_pool2d(masks[None].float(), 9, stride=1, padding=4)[0] > 0
    return any(
        class_ids[i] == class_ids[j] and bool((near[i] & masks[j]).any())
        for i in range(len(masks))
        for j in range(i)
    )


def panels(count: int) -> tuple[Figure, list[Axes]]:
    """A figure with `count` places in a row."""
    figure = Figure(figsize=(2.4 * count, 2.7), layout="constrained")
    return figure, list(figure.subplots(1, count).ravel())


def panel(axis: Axes, image: Tensor, title: str) -> None:
    """Show an image at a place.

    Args:
        axis: the place.
        image: (3, H, W) uint8.
        title: a few words above it.
    """
    axis.imshow(image.permute(1, 2, 0).numpy())
    axis.set_title(title, fontsize=11)
    axis.set_axis_off()


def save(figure: Figure, path: Path) -> None:
    """As a PNG of 256 colours: a third of the bytes, and the eye does not miss the rest.

    Args:
        figure: what was drawn.
        path: the file; its folder is made if it is not there.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, facecolor="white")
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.open(buffer).convert("RGB").quantize(256).save(path, optimize=True)


if __name__ == "__main__":
    main()
