"""VOC XML (Everingham et al. 2010), as labelImg and many services write it: one file an image, boxes only.

VOC counts pixels from 1, and its corners are the first and the last pixel inside: the box of a whole image
of 4 x 3 pixels is 1, 1, 4, 3 in the file, and 0, 0, 4, 3 here.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from seglib.data.annotations import AnnotatedImage, Annotation, AnnotationSet
from seglib.data.formats.files import naming, seconds, targets
from seglib.files import files_in, number, write_text

SIDES = ("xmin", "ymin", "xmax", "ymax")


def read(path: Path, *, first_pixel: int = 1) -> AnnotationSet:
    """The boxes in a VOC file, or in all of a folder; classes in alphabetical order.

    Args:
        path: the .xml file, or a folder of them.
        first_pixel: the number of the first pixel: VOC's 1, or 0 in the files of tools that count from 0.

    Raises:
        FileNotFoundError: there is no such file or folder.
        ValueError: a file is not VOC XML, or a box is broken; the sentence names file, object and field.
    """
    files = files_in(path, ".xml")
    images = [naming(file, _image, file, folder, first_pixel) for file, folder in files.items()]
    names = {one.name for image in images for one in image.annotations}
    return naming(path, AnnotationSet, tuple(sorted(names)), tuple(images))


def write(path: Path, annotations: AnnotationSet) -> None:
    """Write one file an image into the folder `path`: boxes in whole pixels. Outlines have no place in it.

    Raises:
        ValueError: two images would share a file, or a name leads out of the folder.
        DiskError: a file cannot be written.
    """
    for target, image in targets(path, annotations, ".xml"):
        root = Element("annotation")
        size = {"width": image.width, "height": image.height, "depth": 3}
        name = PurePosixPath(image.file_name).name
        _fill(root, {"filename": name, "seconds": image.seconds, "size": size, "segmented": 0})
        for one, (x1, y1, x2, y2) in zip(image.annotations, image.boxes().tolist()):
            box = dict(zip(SIDES, (x1 + 1, y1 + 1, x2, y2)))
            fields = {"name": one.name, "pose": "Unspecified", "truncated": 0, "difficult": 0}
            _fill(SubElement(root, "object"), fields | {"seconds": one.seconds, "bndbox": box})
        ElementTree.indent(root)
        write_text(target, ElementTree.tostring(root, "unicode") + "\n")


def _fill(parent: Element, fields: dict[str, object]) -> None:
    """A child for each field; what is None stays away."""
    for tag, value in fields.items():
        if isinstance(value, dict):
            _fill(SubElement(parent, tag), value)
        elif value is not None:
            SubElement(parent, tag).text = str(value)


def _image(path: Path, folder: PurePosixPath, first_pixel: int) -> AnnotatedImage:
    try:
        root = ElementTree.parse(path).getroot()
    except ElementTree.ParseError as error:
        raise ValueError(f"not XML, or it breaks off ({error}); export or copy it again") from None
    if root.tag != "annotation":
        raise ValueError(f"not a VOC file: it begins with <{root.tag}>, not with <annotation>")
    width, height = (int(number(_text(root, f"size/{tag}"), f"<{tag}>")) for tag in ("width", "height"))
    objects = [
        _annotation(entry, f"object {place}", first_pixel)
        for place, entry in enumerate(root.iter("object"), 1)
    ]
    took = seconds(root.findtext("seconds"), "the image's")
    return AnnotatedImage(str(folder / _text(root, "filename")), width, height, tuple(objects), took)


def _annotation(entry: Element, place: str, first_pixel: int) -> Annotation:
    box = [number(_text(entry, f"bndbox/{side}", place), f"{place}, <{side}>") for side in SIDES]
    x1, y1, x2, y2 = (value - first_pixel for value in box)
    if min(x1, y1) < 0:
        raise ValueError(
            f"{place} starts at pixel {min(box):g}, but VOC counts pixels from 1; if the tool that "
            "wrote this counts from 0, read it with first_pixel=0"
        )
    took = seconds(entry.findtext("seconds"), place)
    return naming(place, Annotation, _text(entry, "name", place), (x1, y1, x2 + 1, y2 + 1), (), took)


def _text(parent: Element, path: str, place: str = "") -> str:
    text = (parent.findtext(path) or "").strip()
    if not text:
        raise ValueError(f"{place or 'the file'} has no <{path.replace('/', '><')}>, or it is empty")
    return text
