"""Annotation files: COCO JSON, labelme JSON, VOC XML and YOLO text, read into and written from one shape.

    annotations = formats.read(path)                    which of the four it is, is seen
    formats.write(path, annotations, "yolo")

Libraries that convert between these exist. Those that were tried turn outlines into pixels and back, or read
VOC's corners one pixel off, and none keeps the seconds; so each format is a module of its own here.
"""

from __future__ import annotations

from pathlib import Path

from seglib.data.annotations import AnnotationSet
from seglib.data.formats import coco_json, labelme_json, voc_xml, yolo_txt
from seglib.files import read_json

FORMATS = {"coco": coco_json, "labelme": labelme_json, "voc": voc_xml, "yolo": yolo_txt}


def read(path: Path | str) -> AnnotationSet:
    """The annotations in a file or folder, whichever of the four formats it has.

    Raises:
        FileNotFoundError: there is no such file or folder.
        ValueError: it has none of these formats, or is broken; the sentence names the file and the field.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file or folder")
    return FORMATS[_format(path)].read(path)


def write(path: Path | str, annotations: AnnotationSet, format: str = "coco") -> None:
    """Write annotations: COCO as the file `path`, the other formats as files in the folder `path`.

    VOC keeps no outlines, YOLO and VOC no parts of an object; only COCO keeps the order of the classes with
    labelme or VOC. Whatever a format cannot hold, its module says.

    Raises:
        ValueError: there is no such format, or the annotations do not fit into it.
        DiskError: a file cannot be written; one that was there is still whole.
    """
    if format not in FORMATS:
        raise ValueError(f"format must be one of {', '.join(map(repr, FORMATS))}, not {format!r}")
    FORMATS[format].write(Path(path), annotations)


def _format(path: Path) -> str:
    """The format of a file or folder, by what is in it."""
    if path.is_file():
        if path.suffix == ".xml":
            return "voc"
        content = read_json(path)
        return "labelme" if isinstance(content, dict) and "shapes" in content else "coco"
    if any(path.rglob("*.xml")):
        return "voc"
    if any(path.rglob("labels/**/*.txt")) or (path / "classes.txt").is_file():
        return "yolo"
    if any(path.rglob("*.json")):
        return "labelme"
    raise ValueError(f"{path}: no annotations: there is neither .json, .xml nor labels/*.txt in this folder")
