"""The images in the README and at the head of the notebooks: `python -m tools.course.covers` draws them.

They show built-in scenes and Chelsea, scikit-image's cat (CC0). Redraw them when scenes change.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from seglib import backbones
from seglib.course import demos
from seglib.course.samples import album
from seglib.data import in_memory
from seglib.data.balance import count, median_frequency
from seglib.data.quality import laplacian_variance
from seglib.draw import difference, figure_bytes, image_grid, overlay
from seglib.evaluate import OracleStride
from seglib.fcn import FCN
from seglib.labels import VOID, Classes
from seglib.losses import cross_entropy
from seglib.regions import hierarchy, propose
from seglib.regions.proposals import oracle_paste
from seglib.scenes import CLASSES, Dials, Scenes
from seglib.segmenters import NetSegmenter
from seglib.train import finish, train
from seglib.weak.boxes import BoxAnnotations
from seglib.weak.cleaning import keep_inside, mean_field
from seglib.weak.grabcut import grabcut_plus
from seglib.weak.schemes import rectangles

ROOT = Path(__file__).parents[2]
SIZE = (240, 240)
POOLS = Scenes(200, split="train", size=SIZE)
FISH = 24  # a pool in which two fish touch
SEAHORSE = 1  # a pool with a large seahorse
EACH = (39, 23, 5, 38, 37, 20, 32, 35, 0, 4)  # for each class the pool that shows it best
Shown = dict[str, Tensor]  # title -> (3, H, W) uint8


def cover() -> Shown:
    """One pool, and what the course makes of it."""
    image, mask = POOLS[FISH]
    return {
        "an image": image,
        "its mask": overlay(image, mask, CLASSES),
        "the same, without colour": overlay(image, mask, CLASSES, hatch=True, opacity=0.7),
        "where a coarse grid fails": difference(image, OracleStride(16).predict(image, mask), mask),
    }


def crab_alone() -> Shown:
    """The pool of notebook 00, and the same in grey, where only the crab keeps its colour."""
    image, mask = Scenes(200, split="train", size=(160, 160))[34]
    grey = (0.6 * image.float().mean(0) + 70).to(torch.uint8).expand(3, -1, -1)
    return {
        "a pool": image,
        "which pixels are crab?": torch.where(mask == CLASSES.index("crab"), image, grey),
    }


def five_answers() -> Figure:
    """Classification, detection, semantic, instance and panoptic segmentation of one pool."""
    (image, mask), found = POOLS[FISH], POOLS.instances(FISH)
    number = torch.zeros_like(mask)
    for k, visible in enumerate(found.masks, start=1):
        number[visible] = k
    each = Classes.of("background", *(f"object {k}" for k in range(1, len(found) + 1)))
    semantic = overlay(image, mask, CLASSES, opacity=0.8)
    figure, axes = panels(
        {
            "classification": image,
            "detection": demos.boxed(image, boxes_of(FISH), CLASSES),
            "semantic": semantic,
            "instance": overlay(image, number, each, opacity=0.8),
            "panoptic": semantic,
        }
    )
    names = sorted({CLASSES.names[k] for k in found.classes.tolist()})
    box = {"facecolor": "black", "alpha": 0.65, "edgecolor": "none", "pad": 6}
    words = axes[0].text(0.5, 0.5, "\n".join(names), transform=axes[0].transAxes, color="white", bbox=box)
    words.set(fontsize=11, horizontalalignment="center", verticalalignment="center")
    for visible in found.masks:
        axes[4].contour(visible.numpy(), levels=[0.5], colors="white", linewidths=1.4)
    return figure


def seahorse_finder() -> Shown:
    """A pool with a seahorse, and the mask of a product that finds none."""
    (image, mask), classes = POOLS[SEAHORSE], Classes(("background", "seahorse"), ((0, 0, 0), (230, 159, 0)))
    truth = torch.where(mask == CLASSES.index("seahorse"), 1, 0)
    dim = (image * 0.45).to(torch.uint8)
    return {
        "a pool": image,
        "where the seahorse is": overlay(dim, truth, classes, opacity=0.9),
        "what the product finds": overlay(dim, torch.zeros_like(truth), classes),
    }


def an_image_each() -> Figure:
    """Ten pools, one for each class, and how many pixels the ten classes have in them."""
    figure = Figure(figsize=(10.2, 3.2), layout="constrained")
    grid = figure.add_gridspec(1, 2, width_ratios=(1.75, 1))
    left, right = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
    masks = torch.stack([POOLS[number][1] for number in EACH])
    images = [(POOLS[number][0] * 0.8).to(torch.uint8) for number in EACH]
    axes = image_grid(left, images, CLASSES.names, 5)
    for index in range(1, len(CLASSES)):
        axes[index].contour((masks[index] == index).numpy(), levels=[0.5], colors="white", linewidths=1.6)
    known = masks[masks != VOID]
    share = 100 * known.long().bincount(minlength=len(CLASSES)) / len(known)
    colors = [tuple(channel / 255 for channel in color) for color in CLASSES.colors]
    bars(right.subplots(), dict(zip(CLASSES, share.tolist())), "% of the pixels", colors)
    return figure


def blurred_or_calm() -> Figure:
    """Two calm, sharp pools and two that are out of focus, with the variance of the Laplacian of each."""
    photos = album()
    images = [photos[index][0] for index in (33, 46, 41, 51)]
    figure, axes = panels(dict(zip("ABCD", images)))
    for axis, image in zip(axes, images):
        axis.set_xlabel(f"variance of the Laplacian: {laplacian_variance(image):.0f}", fontsize=9)
    return figure


def cut_up() -> Shown:
    """Chelsea the cat, and three stops on the way from superpixels to the whole image."""
    cat = demos.cat()
    tree = hierarchy(cat, scale=20)
    mosaics = {f"{count} regions": demos.mosaic(cat, tree.at(count)) for count in (400, 60, 20)}
    return {"a photograph": cat, **mosaics}


def what_is_it() -> Figure:
    """A photograph of a cup and a cat, and the words that a classifier finds most likely for it."""
    photo, lite = demos.cup_and_cat(), backbones.load("lite0").eval()
    with torch.no_grad():
        scores = lite.classify(interpolate(photo[None].float(), size=(224, 224), mode="bilinear"))
    top = scores.softmax(1)[0].topk(5)
    figure = Figure(figsize=(9.6, 2.2), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(2, 1))  # type: ignore[misc]
    image_grid(left, [photo], ["a photograph"], 1)
    words = [demos.WORDS[index] for index in top.indices.tolist()]
    axis = right.subplots()
    bars(axis, dict(zip(words, (100 * top.values).tolist())), "probability (%)", "#0072b2")
    axis.set_title("what is in it?", fontsize=10)
    return figure


def on_three_grids() -> Shown:
    """A pool's mask, and the same mask kept on grids of 32, 16 and 8 pixels."""
    image, mask = POOLS[FISH]
    grids = {
        f"a number for {stride} x {stride}": OracleStride(stride, soft=True).predict(image, mask)
        for stride in (32, 16, 8)
    }
    return painted(image, {"its true mask": mask, **grids})


def with_and_without_weights() -> Shown:
    """A pool with a seahorse, and what a net says that was trained without and with class weights."""
    few = Dials(frequency=0.2)
    data = in_memory(Scenes(160, size=(96, 96), dials=few))
    val = Scenes(200, split="val", size=SIZE, dials=few)
    image, mask = val[int(count(val).of("pixels")[:, CLASSES.index("seahorse")].argmax())]
    masks = {"its true mask": mask}
    for title, weights in {"without weights": None, "with weights": median_frequency(count(data))}.items():
        loss = partial(cross_entropy, weights=weights)
        torch.manual_seed(0)
        net = FCN(backbones.load("lite0"), len(CLASSES), stride=8).freeze()
        finish(train(net, data, steps=60, batch_size=8, lr=3e-3, loss=loss, precision="float32"), title)
        masks[title] = NetSegmenter(net, CLASSES, size=data.size).predict(image)
    return {"a pool": image, **painted(image, masks)}


def boxes_alone() -> Shown:
    """A pool with its boxes, two labels that are made of them, and its mask."""
    (image, mask), boxes = POOLS[FISH], boxes_of(FISH)
    masks = {
        "the boxes, filled": rectangles(image, *boxes),
        "by colours and edges": grabcut_plus(image, *boxes),
        "what nobody drew": mask,
    }
    return {"what was drawn": demos.boxed(image, boxes, CLASSES), **painted(image, masks)}


def smoothed_boxes() -> Shown:
    """A pool with filled boxes, the same labels along the edges of the image, and its mask."""
    (image, mask), boxes = POOLS[FISH], boxes_of(FISH)
    filled = rectangles(image, *boxes)
    sure = torch.where(filled == torch.arange(len(CLASSES))[:, None, None], 0.55, 0.45 / len(CLASSES))
    smooth = mean_field(image, sure / sure.sum(0)).argmax(0)
    masks = {"the boxes, filled": filled, "along edges and colours": keep_inside(smooth, boxes)}
    return painted(image, {**masks, "what nobody drew": mask})


def eleven_boxes() -> Figure:
    """Twelve pools: eleven with their boxes, and one with its mask, which takes as many minutes."""
    figure = Figure(figsize=(7.2, 2.5), layout="constrained")
    shown = [demos.boxed(POOLS[number][0], boxes_of(number), CLASSES) for number in range(11)]
    shown.append(overlay(*POOLS[11], CLASSES, opacity=0.8))
    image_grid(figure, shown, [""] * len(shown), 6)
    return figure


def three_errors() -> Shown:
    """A pool with its mask, and the typical errors of three families, none of which needed any training."""
    (image, mask), found = POOLS[FISH], POOLS.instances(FISH)
    masks = {
        "its mask": mask,
        "from regions": oracle_paste(propose(image, 250), found, void=mask == VOID).long(),
        "on a coarse grid": OracleStride(16).predict(image, mask),
        "from boxes": grabcut_plus(image, *boxes_of(FISH)),
    }
    return painted(image, masks)


def boxes_become_masks() -> Shown:
    """A pool, its boxes, and the masks that GrabCut+ makes of them."""
    (image, _), boxes = POOLS[FISH], boxes_of(FISH)
    made = painted(image, {"masks, by GrabCut+": grabcut_plus(image, *boxes)})
    return {"a photograph": image, "a minute of boxes": demos.boxed(image, boxes, CLASSES), **made}


COVERS: dict[str, Callable[[], Shown | Figure]] = {
    "docs/cover.png": cover,
    "notebooks/images/00_question.png": crab_alone,
    "notebooks/images/01_question.png": five_answers,
    "notebooks/images/02_question.png": seahorse_finder,
    "notebooks/images/03a_question.png": an_image_each,
    "notebooks/images/03b_question.png": blurred_or_calm,
    "notebooks/images/04_question.png": cut_up,
    "notebooks/images/05a_question.png": what_is_it,
    "notebooks/images/05b_question.png": on_three_grids,
    "notebooks/images/06_question.png": with_and_without_weights,
    "notebooks/images/07a_question.png": boxes_alone,
    "notebooks/images/07b_question.png": smoothed_boxes,
    "notebooks/images/07c_question.png": eleven_boxes,
    "notebooks/images/08_question.png": three_errors,
    "notebooks/images/09_question.png": boxes_become_masks,
}


def boxes_of(index: int) -> BoxAnnotations:
    """The boxes of a pool, with their classes."""
    found = POOLS.instances(index)
    return BoxAnnotations(found.boxes, found.classes)


def painted(image: Tensor, masks: dict[str, Tensor]) -> Shown:
    """The image under each of the masks, strongly coloured."""
    return {title: overlay(image, mask, CLASSES, opacity=0.7) for title, mask in masks.items()}


def panels(shown: Shown) -> tuple[Figure, list[Axes]]:
    """A figure with images in a row, each under its title."""
    figure = Figure(figsize=(2.4 * len(shown), 2.7), layout="constrained")
    return figure, image_grid(figure, [*shown.values()], [*shown], len(shown))


def bars(axis: Axes, values: dict[str, float], label: str, color: object) -> None:
    """Show numbers as horizontal bars at a place, the first at the top."""
    drawn = axis.barh(list(values), list(values.values()), color=color, edgecolor="black", linewidth=0.6)
    axis.bar_label(drawn, fmt="%.1f", padding=3, fontsize=9)
    axis.set_xlabel(label)
    axis.margins(x=0.15)
    axis.invert_yaxis()
    axis.spines[["top", "right"]].set_visible(False)


def main() -> None:
    """Draw all of them, as PNG files of 256 colours: a third of the bytes, and nobody misses the rest."""
    for name, draw in COVERS.items():
        shown = draw()
        figure = shown if isinstance(shown, Figure) else panels(shown)[0]
        drawn = Image.open(io.BytesIO(figure_bytes(figure, dpi=110)))
        drawn.convert("RGB").quantize(256).save(ROOT / name, optimize=True)
        print(name)


if __name__ == "__main__":
    main()
