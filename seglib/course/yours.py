"""A student's own photographs for notebook 09, or twenty drawn ones that look like a phone's."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from PIL import ExifTags
from PIL import Image as Pillow
from torch import Tensor
from torchvision.transforms.v2.functional import resize
from torchvision.tv_tensors import Image, Mask

from seglib.course import store
from seglib.course.say import say
from seglib.data.annotations import AnnotatedImage, Annotation, AnnotationSet
from seglib.data.dataset import Instances, SegmentationDataset
from seglib.data.files import instances_of, read_image
from seglib.export import find_images, outlined
from seglib.fcn import FCNSegmenter
from seglib.files import write_whole
from seglib.labels import VOID, Classes
from seglib.scenes import CLASSES, Dials, Scenes
from seglib.weak.boxes import BoxAnnotations
from seglib.weak.labels import PseudoLabels
from seglib.widgets import Annotator

LONGEST = {"tiny": 320, "laptop": 512, "gpu": 640}  # pixels of the longer side of a working copy
FOLDER = Path("yours")  # next to the notebook: what was drawn and trained
TEST, FIRST = 5, 8  # images that judge; images to label at first
BUILT_IN = Scenes(20, size=(240, 320), seed=9, dials=Dials(count=(2, 4), object_size=0.5, light=0.6, noise=0))
NAMES = ("background", "animal", "kelp")
TURNS = (  # EXIF orientation, and the turn that makes of an upright image what such a phone stores
    (1, None),
    (6, Pillow.Transpose.ROTATE_90),
    (8, Pillow.Transpose.ROTATE_270),
    (3, Pillow.Transpose.ROTATE_180),
)


class Album(SegmentationDataset):
    """Photographs in a folder, as working copies: upright, and small enough to label and to learn from.

    Copies are kept: reading twelve megapixels takes longer than learning from their copy. A mask is the truth
    where the album is the built-in one, else void everywhere.

    Args:
        files: name -> image file.
        classes: what is to be found.
        longest: pixels of the longer side of a working copy; smaller photographs stay as they are.
        truth: masks and objects of the same images, or None.
    """

    def __init__(
        self, files: dict[str, Path], classes: Classes, longest: int, truth: Scenes | None = None
    ) -> None:
        self.name, self.split, self.classes = "yours", "train", classes
        self.stems, self.files = [Path(name).stem for name in files], [*files.values()]
        self.longest, self.truth = longest, truth
        self.copies: dict[int, Image] = {}

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Image, Mask]:
        place = self.position(index)
        if place not in self.copies:
            image = read_image(self.files[place])
            largest = max(image.shape[1:])
            size = [max(1, side * min(largest, self.longest) // largest) for side in image.shape[1:]]
            self.copies[place] = Image(resize(image, size, antialias=True))
        image = Image(self.copies[place].clone())
        void = torch.full(image.shape[1:], VOID, dtype=torch.uint8)
        return image, Mask(_sized(_truth(place)[0][None], image)[0] if self.truth else void)

    def sample_id(self, index: int) -> str:
        """The stem of the photograph's file."""
        return self.stems[self.position(index)]

    def instances(self, index: int) -> Instances | None:
        """The true objects of a built-in photograph, None for one's own."""
        if self.truth is None:
            return None
        _, masks, classes = _truth(self.position(index))
        return instances_of(_sized(masks.byte(), self[index][0]).bool(), classes)


def bring(folder: str | None, names: Sequence[str], profile: str) -> Album:
    """The photographs of a folder, or the built-in ones where `folder` is None.

    Args:
        folder: with at least ten photographs; nothing in it is changed.
        names: of the classes, "background" first; of the built-in photographs they are given.
        profile: sets the size of the working copies.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: it holds fewer than ten photographs, or the names are not right.
    """
    if folder is None:
        root = store.folder().parent / "photographs"
        _draw(root)
        say("The built-in photographs are used.", f"They are in {root}, and you may look at the files there.")
        return Album(find_images([root]), Classes.of(*NAMES), LONGEST[profile], BUILT_IN)
    if names[0] != "background" or len(names) < 2:
        raise ValueError(f"the names are {list(names)}; begin with 'background', then what you want to find")
    files = {name: path for name, path in find_images([Path(folder).expanduser()]).items() if "/" not in name}
    if len(files) < TEST + FIRST - 3:
        raise ValueError(
            f"{folder} holds {len(files)} photographs; five judge, and five are the least to learn from: "
            "bring ten or more, twenty are better"
        )
    return Album(files, Classes.of(*names), LONGEST[profile])


def parts(album: Album) -> tuple[list[int], list[int], list[int]]:
    """Indices for judging (5), to label at first (8) and for later, by the hash of the names.

    What is added to the folder later changes no image's part, except that the first ones by hash judge.
    """
    names = [album.sample_id(index) for index in range(len(album))]
    order = sorted(range(len(album)), key=lambda index: hashlib.sha256(names[index].encode()).digest())
    later = max(2, len(album) - TEST - FIRST)
    return order[:TEST], order[TEST:-later], order[-later:]


def labels(images: SegmentationDataset, annotator: Annotator) -> tuple[SegmentationDataset, AnnotationSet]:
    """What was drawn, one entry for each image; of built-in images without a drawing, what is true.

    Args:
        images: what the annotator shows.
        annotator: of boxes or polygons.

    Returns:
        The images with an entry, and the entries. Your own images on which nothing was drawn are left out.

    Raises:
        ValueError: nothing was drawn, and nothing is known.
    """
    drawn = {Path(one.file_name).stem: one for one in annotator.annotations}
    entries: dict[int, AnnotatedImage] = {}
    for index in range(len(images)):
        name = images.sample_id(index)
        if name in drawn:
            entries[index] = drawn[name]
        elif (objects := images.instances(index)) is not None:
            entries[index] = _true(name, images[index][1], objects, images.classes, annotator.kind)
    if not entries:
        raise ValueError("nothing has been drawn yet: draw on these images above, then run this cell again")
    own = sum(images.sample_id(index) in drawn for index in entries)
    given, left = len(entries) - own, len(images) - len(entries)
    say(
        f"{annotator.kind.capitalize()} on {own or 'no'} image{'s' * (own != 1)} are yours.",
        f"On {given} nothing is drawn: there the truth of the built-in photographs is used." * (given > 0)
        + f"Left out, because nothing is drawn there: {left}." * (left > 0),
    )
    return images.subset(entries), AnnotationSet(annotator.names, tuple(entries.values()))


def from_outlines(images: SegmentationDataset, drawn: AnnotationSet) -> PseudoLabels:
    """Images with the masks that outlines fill; smaller objects in front.

    Args:
        images: as many as there are entries in `drawn`.
        drawn: polygons.
    """
    masks, found = [], []
    for one in drawn:
        objects = one.instances(images.classes)
        mask = torch.zeros(one.height, one.width, dtype=torch.uint8)
        for number in objects.masks.flatten(1).sum(1).argsort(descending=True).tolist():
            mask[objects.masks[number]] = int(objects.classes[number])
        masks.append(mask)
        found.append(BoxAnnotations(objects.boxes, objects.classes))
    return PseudoLabels(images, found, masks, "outlines")


def once(
    name: str, data: SegmentationDataset, make: Callable[[SegmentationDataset], FCNSegmenter]
) -> FCNSegmenter:
    """The segmenter that was trained on the same labels before, or a new one, which is kept in "yours/".

    Args:
        name: of the file.
        data: what `make` learns from; other masks are another file.
        make: trains a segmenter on `data`.
    """
    digest = hashlib.sha256()
    for index in range(len(data)):
        digest.update(data.sample_id(index).encode() + data[index][1].numpy().tobytes())
    path = FOLDER / f"{name}-{digest.hexdigest()[:8]}.pt"
    if path.is_file():
        say(f"{path} was trained on these labels before and is used again.", "To train anew, delete it.")
        return FCNSegmenter.load(path)
    segmenter = make(data)
    segmenter.save(path)
    return segmenter


def _true(name: str, mask: Tensor, objects: Instances, classes: Classes, kind: str) -> AnnotatedImage:
    if kind == "polygons":
        return outlined(mask.as_subclass(Tensor), classes, name)
    height, width = mask.shape
    pairs = zip(objects.classes.tolist(), objects.boxes.tolist())
    boxes = (Annotation(classes.names[label], (x1, y1, x2, y2)) for label, (x1, y1, x2, y2) in pairs)
    return AnnotatedImage(name, width, height, tuple(boxes))


@cache
def _truth(index: int) -> tuple[Tensor, Tensor, Tensor]:
    """Mask (H, W) uint8, object masks (M, H, W) and classes (M,) of a built-in photograph."""
    table = torch.ones(VOID + 1, dtype=torch.uint8)
    table[[0, CLASSES.index("shell"), VOID]] = torch.tensor([0, 0, VOID], dtype=torch.uint8)
    table[CLASSES.index("kelp")] = 2
    objects = BUILT_IN.instances(index)
    classes = table[objects.classes]
    return table[BUILT_IN[index][1].long()], objects.masks[classes > 0], classes[classes > 0].long()


def _sized(masks: Tensor, image: Tensor) -> Tensor:
    """(M, H, W) at the size of an image, by the nearest pixel."""
    size = image.shape[1:]
    return torch.nn.functional.interpolate(masks[None].float(), size, mode="nearest-exact")[0].byte()


def _draw(root: Path) -> None:
    """Write the built-in photographs, if they are not there: 640 x 480, noisy, soft, turned as phones do."""
    rng = np.random.default_rng(9)
    for index in range(len(BUILT_IN)):
        orientation, turn = TURNS[index % 4 if index % 3 else 0]
        noise = rng.normal(0, 3, (480, 640, 3))
        tint = rng.uniform(0.88, 1.12, 3)  # white balance
        if (path := root / f"IMG_{2041 + 7 * index}.jpg").exists():
            continue
        pixels = BUILT_IN[index][0].permute(1, 2, 0).numpy()
        large = np.asarray(Pillow.fromarray(pixels).resize((640, 480), Pillow.Resampling.BICUBIC), float)
        photo = Pillow.fromarray((large * tint + noise).clip(0, 255).astype(np.uint8))
        stored = photo if turn is None else photo.transpose(turn)
        exif = Pillow.Exif()
        exif[ExifTags.Base.Orientation], exif[ExifTags.Base.Model] = orientation, "drawn by seglib"
        write_whole(path, partial(stored.save, format="JPEG", quality=85, exif=exif))
