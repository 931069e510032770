"""The images in the README and at the head of the notebooks: `python -m tools.course.covers` draws them.

They show built-in scenes and Chelsea, scikit-image's cat (CC0). Redraw them when scenes change.
"""

from __future__ import annotations

import io
from functools import partial
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
from seglib.course.samples import album
from seglib.data import in_memory
from seglib.data.balance import count, median_frequency
from seglib.data.quality import laplacian_variance
from seglib.draw import difference, figure_bytes, overlay
from seglib.evaluate import OracleStride
from seglib.fcn import FCN
from seglib.labels import VOID, Classes
from seglib.losses import cross_entropy
from seglib.regions import hierarchy, propose
from seglib.regions.proposals import oracle_paste
from seglib.scenes import Dials, Scenes
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


def main() -> None:
    """Draw all of them."""
    for path, figure in {
        "docs/cover.png": cover(),
        "notebooks/images/00_question.png": crab_alone(),
        "notebooks/images/01_question.png": five_answers(),
        "notebooks/images/02_question.png": seahorse_finder(),
        "notebooks/images/03a_question.png": an_image_each(),
        "notebooks/images/03b_question.png": blurred_or_calm(),
        "notebooks/images/04_question.png": cut_up(),
        "notebooks/images/05a_question.png": what_is_it(),
        "notebooks/images/05b_question.png": on_three_grids(),
        "notebooks/images/06_question.png": with_and_without_weights(),
        "notebooks/images/07a_question.png": boxes_alone(),
        "notebooks/images/07b_question.png": smoothed_boxes(),
        "notebooks/images/07c_question.png": eleven_boxes(),
        "notebooks/images/08_question.png": three_errors(),
        "notebooks/images/09_question.png": boxes_become_masks(),
    }.items():
        save(figure, ROOT / path)
        print(path)


def cover() -> Figure:
    """One pool, and what the course makes of it."""
    image, mask = POOLS[FISH]
    shown = {
        "an image": image,
        "its mask": overlay(image, mask, POOLS.classes),
        "the same, without colour": overlay(image, mask, POOLS.classes, hatch=True, opacity=0.7),
        "where a coarse grid fails": difference(image, OracleStride(16).predict(image, mask), mask),
    }
    return panels(shown)[0]


def crab_alone() -> Figure:
    """The pool of notebook 00, and the same in grey, where only the crab keeps its colour."""
    pools = Scenes(200, split="train", size=(160, 160))
    image, mask = pools[34]
    grey = (0.6 * image.float().mean(0) + 70).to(torch.uint8).expand(3, -1, -1)
    crab = torch.where(mask == pools.classes.index("crab"), image, grey)
    return panels({"a pool": image, "which pixels are crab?": crab})[0]


def five_answers() -> Figure:
    """Classification, detection, semantic, instance and panoptic segmentation of one pool."""
    (image, mask), found, classes = POOLS[FISH], POOLS.instances(FISH), POOLS.classes
    number = torch.zeros_like(mask)
    for k, visible in enumerate(found.masks, start=1):
        number[visible] = k
    each = Classes.of("background", *(f"object {k}" for k in range(1, len(found) + 1)))
    semantic, instance = overlay(image, mask, classes, opacity=0.8), overlay(image, number, each, opacity=0.8)
    titles = ["classification", "detection", "semantic", "instance", "panoptic"]
    shown = [image, image, semantic, instance, overlay(semantic, number, each, opacity=0)]
    figure, axes = panels(dict(zip(titles, shown)))
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
    (image, mask), rare = POOLS[SEAHORSE], POOLS.classes.index("seahorse")
    truth = torch.where(mask == rare, 1, 0)
    classes = Classes(("background", "seahorse"), ((0, 0, 0), (230, 159, 0)))
    dim = (image * 0.45).to(torch.uint8)
    shown = {
        "a pool": image,
        "where the seahorse is": overlay(dim, truth, classes, opacity=0.9),
        "what the product finds": overlay(dim, torch.zeros_like(truth), classes),
    }
    return panels(shown)[0]


def an_image_each() -> Figure:
    """Ten pools, one for each class, and how many pixels the ten classes have in them."""
    classes, masks = POOLS.classes, []
    figure = Figure(figsize=(10.2, 3.2), layout="constrained")
    grid = figure.add_gridspec(1, 2, width_ratios=(1.75, 1))
    left, right = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
    for axis, wanted in zip(left.subplots(2, 5).ravel(), range(len(classes))):
        image, mask = POOLS[EACH[wanted]]
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


def blurred_or_calm() -> Figure:
    """Two calm, sharp pools and two that are out of focus, with the variance of the Laplacian of each."""
    photos = album()
    images = [photos[index][0] for index in (33, 46, 41, 51)]
    figure, axes = panels({"ABCD"[number]: image for number, image in enumerate(images)})
    for axis, image in zip(axes, images):
        said = f"variance of the Laplacian: {laplacian_variance(image):.0f}"
        axis.text(0.5, -0.07, said, transform=axis.transAxes, ha="center", va="center", fontsize=9)
    return figure


def cut_up() -> Figure:
    """Chelsea the cat, and three stops on the way from superpixels to the whole image."""
    cat = demos.cat()
    tree = hierarchy(cat, scale=20)
    mosaics = {f"{count} regions": demos.mosaic(cat, tree.at(count)) for count in (400, 60, 20)}
    return panels({"a photograph": cat, **mosaics})[0]


def what_is_it() -> Figure:
    """A photograph of a cup and a cat, and the words that a classifier finds most likely for it."""
    photo, lite = demos.cup_and_cat(), backbones.load("lite0").eval()
    with torch.no_grad():
        scores = lite.classify(interpolate(photo[None].float(), size=(224, 224), mode="bilinear"))
    top = scores.softmax(1)[0].topk(5)
    figure = Figure(figsize=(9.6, 2.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(2, 1))
    panel(left, photo, "a photograph")
    names = [demos.WORDS[index] for index in top.indices.tolist()]
    right.barh(names, (100 * top.values).tolist(), color="#0072b2")
    right.set(xlabel="probability (%)", title="what is in it?")
    right.invert_yaxis()
    right.spines[["top", "right"]].set_visible(False)
    return figure


def on_three_grids() -> Figure:
    """A pool's mask, and the same mask kept on grids of 32, 16 and 8 pixels."""
    (image, mask), classes = POOLS[FISH], POOLS.classes
    grids = {
        f"a number for {stride} x {stride}": overlay(
            image, OracleStride(stride, soft=True).predict(image, mask), classes, opacity=0.7
        )
        for stride in (32, 16, 8)
    }
    return panels({"its true mask": overlay(image, mask, classes, opacity=0.7), **grids})[0]


def with_and_without_weights() -> Figure:
    """A pool with a seahorse, and what a net says that was trained without and with class weights."""
    few = Dials(frequency=0.2)
    data = in_memory(Scenes(160, size=(96, 96), dials=few))
    val = Scenes(200, split="val", size=SIZE, dials=few)
    rare = count(val).of("pixels")[:, POOLS.classes.index("seahorse")]
    image, mask = val[int(rare.argmax())]
    shown = {"a pool": image, "its true mask": overlay(image, mask, POOLS.classes, opacity=0.7)}
    weights = median_frequency(count(data))
    for title, chosen in {"without weights": None, "with weights": weights}.items():
        loss = partial(cross_entropy, weights=chosen)
        torch.manual_seed(0)
        net = FCN(backbones.load("lite0"), len(POOLS.classes), stride=8).freeze()
        finish(train(net, data, steps=60, batch_size=8, lr=3e-3, loss=loss, precision="float32"), title)
        pred = NetSegmenter(net, POOLS.classes, size=data.size).predict(image)
        shown[title] = overlay(image, pred, POOLS.classes, opacity=0.7)
    return panels(shown)[0]


def boxes_alone() -> Figure:
    """A pool with its boxes, two labels that are made of them, and its mask."""
    (image, mask), found, classes = POOLS[FISH], POOLS.instances(FISH), POOLS.classes
    one = BoxAnnotations(found.boxes, found.classes)
    labels = {
        "the boxes, filled": rectangles(image, *one),
        "by colours and edges": grabcut_plus(image, *one),
        "what nobody drew": mask,
    }
    shown = {title: overlay(image, label, classes, opacity=0.7) for title, label in labels.items()}
    return panels({"what was drawn": demos.boxed(image, one, classes), **shown})[0]


def smoothed_boxes() -> Figure:
    """A pool with filled boxes, the same labels along the edges of the image, and its mask."""
    (image, mask), found, classes = POOLS[FISH], POOLS.instances(FISH), POOLS.classes
    one = BoxAnnotations(found.boxes, found.classes)
    filled = rectangles(image, *one)
    sure = torch.where(filled == torch.arange(len(classes))[:, None, None], 0.55, 0.45 / len(classes))
    labels = {
        "the boxes, filled": filled,
        "along edges and colours": keep_inside(mean_field(image, sure / sure.sum(0)).argmax(0), one),
        "what nobody drew": mask,
    }
    return panels({name: overlay(image, one, classes, opacity=0.7) for name, one in labels.items()})[0]


def eleven_boxes() -> Figure:
    """Twelve pools: eleven with their boxes, and one with its mask, which takes as many minutes."""
    figure = Figure(figsize=(7.2, 2.5), layout="constrained")
    for number, axis in enumerate(figure.subplots(2, 6).ravel()):
        (image, mask), found, classes = POOLS[number], POOLS.instances(number), POOLS.classes
        drawn = demos.boxed(image, BoxAnnotations(found.boxes, found.classes), classes)
        panel(axis, drawn if number < 11 else overlay(image, mask, classes, opacity=0.8), "")
    return figure


def three_errors() -> Figure:
    """A pool with its mask, and the typical errors of three families, none of which needed any training."""
    (image, mask), found, classes = POOLS[FISH], POOLS.instances(FISH), POOLS.classes
    masks = {
        "its mask": mask,
        "from regions": oracle_paste(propose(image, 250), found, void=mask == VOID).long(),
        "on a coarse grid": OracleStride(16).predict(image, mask),
        "from boxes": grabcut_plus(image, found.boxes, found.classes),
    }
    return panels({title: overlay(image, labels, classes, opacity=0.7) for title, labels in masks.items()})[0]


def boxes_become_masks() -> Figure:
    """A pool, its boxes, and the masks that GrabCut+ makes of them."""
    (image, _), found, classes = POOLS[FISH], POOLS.instances(FISH), POOLS.classes
    made = grabcut_plus(image, found.boxes, found.classes)
    shown = {
        "a photograph": image,
        "a minute of boxes": demos.boxed(image, BoxAnnotations(found.boxes, found.classes), classes),
        "masks, by GrabCut+": overlay(image, made, classes, opacity=0.7),
    }
    return panels(shown)[0]


def panels(shown: dict[str, Tensor]) -> tuple[Figure, list[Axes]]:
    """A figure with images in a row, each under its title."""
    figure = Figure(figsize=(2.4 * len(shown), 2.7), layout="constrained")
    axes = list(figure.subplots(1, len(shown)).ravel())
    for axis, (title, image) in zip(axes, shown.items()):
        panel(axis, image, title)
    return figure, axes


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
    """As a PNG of 256 colours: a third of the bytes, and the eye does not miss the rest."""
    drawn = Image.open(io.BytesIO(figure_bytes(figure, dpi=110)))
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn.convert("RGB").quantize(256).save(path, optimize=True)


if __name__ == "__main__":
    main()
