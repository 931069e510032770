"""From a segmenter to what others open: masks, overlays, COCO outlines, areas, and a net as ONNX."""

import copy
import csv
import glob
import io
import json
import os
import re
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Pillow
from torch import Tensor, nn

from seglib.data.annotations import AnnotatedImage, Annotation, AnnotationSet, write_coco
from seglib.data.dataset import count_pixels
from seglib.data.files import AS_JPEG, HEIC, SUFFIXES, read_image, write_mask
from seglib.draw import overlay
from seglib.files import as_path, check_names, listed, write_text, write_whole
from seglib.labels import VOID, Classes, check_mask, percent
from seglib.progress import tracked
from seglib.tables import Table, Tabled

RESULTS = ("masks", "overlays", "annotations.json", "areas.csv")
QUALITY = 90  # of the overlays, which are JPEG
MULTIPLE = 32  # the coarsest stride: sides of what an exported net takes are 32 n, or 32 n + 1


@dataclass(frozen=True)
class Areas(Tabled):
    """How many pixels of each image each class has.

    Attributes:
        classes: K names.
        names: of the N images.
        pixels: (N, K) int64.
        failed: one sentence for each image that could not be read.
    """

    classes: Classes
    names: tuple[str, ...]
    pixels: NDArray[np.int64]
    failed: tuple[str, ...] = ()

    @property
    def shares(self) -> NDArray[np.float64]:
        """(N, K) share of each image, 0..1."""
        return self.pixels / self.pixels.sum(axis=1, keepdims=True)

    @property
    def table(self) -> Table:
        """One row per class, over all images."""
        whole = self.pixels.sum()
        rows = [
            [name, f"{column.sum()}", percent(column.sum() / whole, 1), f"{(column > 0).sum()}"]
            for name, column in zip(self.classes, self.pixels.T)
        ]
        columns = ["", "pixels", "of all pixels", "in images"]
        return Table(f"Areas in {len(self.names)} images", columns, rows, "\n".join(self.failed))

    def csv(self) -> str:
        """One line per image and class: image, class, pixels, percent."""
        text = io.StringIO()
        lines = csv.writer(text, lineterminator="\n")
        lines.writerow(["image", "class", "pixels", "percent"])
        for name, pixels, shares in zip(self.names, self.pixels.tolist(), self.shares.tolist()):
            rows = zip(self.classes, pixels, shares)
            lines.writerows([name, of, count, f"{100 * share:.3f}"] for of, count, share in rows)
        return text.getvalue()


def predict_files(
    segmenter: Any, places: Path | str | Iterable[Path | str], out: Path | str, *, overwrite: bool = False
) -> Areas:
    """Predict images and write what others open, with a progress bar.

    The folder `out` receives `masks/NAME.png` (class indices, in the classes' colours), `overlays/NAME.jpg`,
    `annotations.json` (COCO, outlines) and `areas.csv`. All are upright: the rotation that a camera notes in
    the file has been applied.

    Args:
        segmenter: has `classes` and `predict(image)`.
        places: an image file, a folder (with everything below it) or a pattern such as "day*/*.jpg", or a
            list of these.
        out: the folder, made if necessary.
        overwrite: replace files of the same names.

    Returns:
        The areas. An image that cannot be read is left out, and the reason is in `failed`.

    Raises:
        FileNotFoundError: a place does not exist.
        ValueError: there is no image, none can be read, two would be written to one file, or `out` holds
            results already.
        DiskError: a file cannot be written.
    """
    out = as_path(out)
    images = find_images(places, out)
    if not overwrite and (there := [name for name in RESULTS if (out / name).exists()]):
        raise ValueError(
            f"{out} already holds results ({listed(there)}); choose another folder, or replace them with "
            "overwrite=True (on the command line --overwrite)"
        )
    classes, done, failed = segmenter.classes, [], []
    for name, path in tracked(images.items(), len(images), "predicting"):
        try:
            image = read_image(path)
        except (ValueError, OSError) as error:
            failed.append(str(error))
            continue
        mask = segmenter.predict(image).cpu()
        stem = name.rpartition(".")[0]
        write_mask(out / "masks" / f"{stem}.png", mask, classes)
        painted = Pillow.fromarray(overlay(image, mask, classes).permute(1, 2, 0).numpy())
        write_whole(
            out / "overlays" / f"{stem}.jpg",
            lambda file, painted=painted: painted.save(file, "JPEG", quality=QUALITY),  # type: ignore[misc]
        )
        pixels = count_pixels(mask.numpy().astype(np.uint8), len(classes))[:-1]
        done.append((outlined(mask, classes, name), pixels))
    if not done:
        raise ValueError(f"no image could be read: {failed[0]}")
    drawn, counts = zip(*done)
    names = tuple(name for index, name in enumerate(classes) if index != classes.background)
    write_coco(out / "annotations.json", AnnotationSet(names, drawn))
    areas = Areas(classes, tuple(one.file_name for one in drawn), np.stack(counts), tuple(failed))
    write_text(out / "areas.csv", areas.csv())
    return areas


def find_images(places: Path | str | Iterable[Path | str], out: Path | str = "") -> dict[str, Path]:
    """The image files in some places, by the name that their results get; hidden files are left out.

    The name of a file is its own; in a folder, and in what a pattern matches, with the folders below.

    Args:
        places: a file, a folder or a pattern, or a list of these.
        out: a folder whose content is not looked at.

    Raises:
        FileNotFoundError: a place does not exist.
        ValueError: a place holds no image, the results of two images would have one name, or a name is not
            UTF-8. A warning says how many photographs in HEIC, which Pillow cannot read, are left out.
    """
    found: dict[str, Path] = {}
    stems: dict[str, Path] = {}
    given = [places] if isinstance(places, str | Path) or not isinstance(places, Iterable) else places
    for place in map(str, map(as_path, given)):
        root, paths = _inside(place)
        photos = sorted(path for path in paths if _is_photo(path, root, Path(out)))
        here = [path for path in photos if path.suffix.lower() in SUFFIXES]
        copied = {path.with_suffix("") for path in here}  # an original in HEIC may have a copy as JPEG
        heic = [path for path in photos if path.suffix.lower() in HEIC and path.with_suffix("") not in copied]
        if not here:
            what = f"there is no image in it; files that are read end in {', '.join(sorted(SUFFIXES))}"
            raise ValueError(f"{place}: {f'its photographs are in HEIC. {AS_JPEG}' if heic else what}")
        if heic:
            warnings.warn(f"{place}: left out photographs in HEIC: {len(heic)}. {AS_JPEG}", stacklevel=3)
        for path in here:
            name = path.relative_to(root).as_posix()
            first = stems.setdefault(name.rpartition(".")[0], path)
            if first.resolve() != path.resolve():
                raise ValueError(f"{first} and {path} would be written to one file; rename one of them")
            found[name] = path
    check_names(found)
    return found


def _inside(place: str) -> tuple[Path, list[Path]]:
    """The files of a file, folder or pattern, and the folder that their names begin below."""
    path = Path(place)
    if path.is_file():
        return path.parent, [path]
    if path.is_dir():
        return path, [*path.rglob("*")]
    if not (matched := glob.glob(place, recursive=True)):  # noqa: PTH207 - the pattern may be absolute
        raise FileNotFoundError(f"{place}: no such file or folder, and no file has a name of this pattern")
    fixed = re.split(r"[*?\[]", place)[0]  # up to the first wildcard
    return Path(os.path.dirname(fixed)), [Path(one) for one in matched]  # noqa: PTH120 - "a/" is its own


def _is_photo(path: Path, root: Path, out: Path) -> bool:
    """Whether a file is an image or in HEIC, is not hidden, and is no result of ours."""
    hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
    ours = bool(out.parts) and out.resolve() in path.resolve().parents
    return path.suffix.lower() in {*SUFFIXES, *HEIC} and not hidden and not ours and path.is_file()


# Masks as outlines.


def outlined(mask: Tensor, classes: Classes, file_name: str) -> AnnotatedImage:
    """A mask as objects with outlines: each connected part of a class, background and void left out.

    The outlines run along the sides of pixels, so that filling them (by pycocotools, as `load` does) gives
    the mask back, pixel by pixel. A COCO polygon cannot have a hole: the outline goes into each hole along a
    line and back along the same line.

    Args:
        mask: (H, W) class indices, or 255 for void; any integer dtype.
        classes: K names.
        file_name: of the image.

    Raises:
        ValueError: a value is neither a class nor 255.

    Example:
        >>> mask = torch.tensor([[0, 1, 1], [0, 1, 1]])
        >>> outlined(mask, Classes.of("background", "fish"), "a.jpg").annotations[0].polygons
        (((1, 0), (1, 2), (3, 2), (3, 0)),)
    """
    check_mask(mask, len(classes))
    height, width = mask.shape
    present = np.flatnonzero(np.bincount(mask.cpu().numpy().ravel())).tolist()
    values = [index for index in present if index not in (classes.background, VOID)]
    drawn = [
        Annotation.outline(classes.names[index], [(x, y) for x, y in ring.tolist()])
        for index in values
        for ring in _rings((mask == index).cpu().numpy())
    ]
    return AnnotatedImage(file_name, width, height, tuple(drawn))


def _rings(mask: NDArray[np.bool_]) -> Iterator[NDArray[np.int64]]:
    """(M, 2) x, y of the corners of every connected part of a mask, its holes included.

    OpenCV gives the centres of the pixels along a border. With every pixel as 2 x 2, the centre of the first
    one lies on an even number and that of the last one on an odd number, which tells the side of the pixel.
    """
    doubled = mask.astype(np.uint8).repeat(2, axis=0).repeat(2, axis=1)
    borders, tree = cv2.findContours(doubled, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    corners = [(border[:, 0].astype(np.int64) + 1) // 2 for border in borders]
    for number, (_, _, hole, parent) in enumerate(tree[0] if borders else ()):
        if parent >= 0:
            continue
        ring = corners[number]
        while hole >= 0:
            inner = corners[hole]
            near = int(((ring - inner[0]) ** 2).sum(axis=1).argmin())
            ring = np.concatenate([ring[: near + 1], inner, inner[:1], ring[near:]])
            hole = tree[0][hole][0]  # the next one of the same part
        yield ring[(ring != np.roll(ring, 1, axis=0)).any(axis=1)]  # a corner inwards is there twice


# A net for programs without PyTorch.


def write_onnx(
    path: Path | str, net: nn.Module, classes: Classes, size: tuple[int, int] | None, scale: float
) -> None:
    """Write a net as ONNX, and next to it, as JSON, what a program must know to use it.

    The file's input "images" is (1, 3, H, W) float32 in 0..255, red first, the output "scores" (1, K, H, W)
    float32. H and W are free, but are multiples of 32 plus "odd" of the JSON file: pad with 127 at the right
    and at the bottom, crop the scores. `docs/use.md` has a script for OpenCV. An FCN runs in OpenCV 4 and 5,
    a U-Net needs 5.

    Args:
        path: "net.onnx"; the JSON file is "net.json".
        net: an FCN or a UNet.
        classes: K names and colours.
        size: (height, width) that images are scaled to fit into, as in a NetSegmenter.
        scale: further factor on the image.

    Raises:
        ValueError: the net has no method `score_padded`.
        ModuleNotFoundError: the package onnx is missing.
        DiskError: a file cannot be written.
    """
    path = Path(path)
    if not hasattr(net, "score_padded"):
        raise ValueError(
            f"{type(net).__name__} cannot be exported, only FCN and UNet; give it a method "
            "score_padded(images), which scores images whose sides its strides divide"
        )
    try:
        import onnx  # noqa: F401 - PyTorch needs it to write the file
    except ModuleNotFoundError:
        raise ModuleNotFoundError("ONNX files need the package onnx: run `pip install onnx`") from None
    odd = int(not getattr(net, "backbone", net).centred)
    free = {2: "height", 3: "width"}
    exported: Any = copy.deepcopy(net).cpu().eval()
    exported.forward = exported.score_padded  # which pads and crops nothing, so that any size goes through
    # Warnings: of constants in the trace, which are meant, and of the exporter, which needs fewer packages.
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")
        torch.onnx.export(
            exported, (torch.zeros(1, 3, 2 * MULTIPLE + odd, 3 * MULTIPLE + odd),), f"{folder}/net",
            dynamo=False, input_names=["images"], output_names=["scores"], opset_version=17,
            dynamic_axes={"images": free, "scores": free},
        )  # fmt: skip
        content = Path(folder, "net").read_bytes()
    about = {"classes": classes.names, "colors": classes.colors, "size": size, "scale": scale, "odd": odd}
    write_whole(path, lambda file: file.write(content))
    write_text(path.with_suffix(".json"), json.dumps(about, indent=1, ensure_ascii=False))
