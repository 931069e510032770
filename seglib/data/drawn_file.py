"""The file that keeps hand-drawn annotations while they are made: COCO JSON that grows object by object."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import count
from pathlib import Path

from seglib.data.annotations import AnnotatedImage, AnnotationSet, read_coco
from seglib.data.export import write_coco

KINDS = ("boxes", "polygons")


class DrawnFile:
    """Boxes or polygons in one file, which exists as soon as something has been saved.

    Images in the file that are not being annotated stay in it. Where the file has been changed by somebody
    else since it was read, that is not overwritten: the work goes to a file beside it.

    Args:
        path: the file; it is read if it is there.
        kind: what is drawn: "boxes" or "polygons".
        names: the classes that can be drawn, in order.

    Attributes:
        images: what the file held when it was last read or written, by file name.

    Raises:
        ValueError: the file is broken, holds the other kind, or a class that is not one of `names`.
    """

    def __init__(self, path: Path, kind: str, names: Sequence[str]) -> None:
        self.path, self.kind, self.names = path, kind, tuple(names)
        self.images: dict[str, AnnotatedImage] = {}
        self.content = _bytes(path)
        if self.content is not None:
            self.images = {image.file_name: image for image in self._read()}

    def save(self, images: Iterable[AnnotatedImage]) -> None:
        """Write the file with these images in place of those of the same name.

        Raises:
            DiskError: the file cannot be written; what it held is still in it.
            ValueError: somebody else has changed it; the sentence says where this work is now.
        """
        self.images |= {image.file_name: image for image in images}
        drawn = AnnotationSet(self.names, tuple(self.images.values()))
        if _bytes(self.path) == self.content:
            write_coco(self.path, drawn)
            self.content = _bytes(self.path)
            return
        write_coco(self.beside, drawn)
        raise ValueError(
            f"{self.path} was changed by another annotator or program after it was opened here. What is "
            f"drawn here is kept in {self.beside}; to go on with the file as it is now, run this cell again"
        )

    @cached_property
    def beside(self) -> Path:
        """A file for this work where the path belongs to somebody else; a new one for every such case."""
        names = (self.path.with_suffix(f".mine{number if number > 1 else ''}.json") for number in count(1))
        return next(name for name in names if not name.exists())

    def _read(self) -> AnnotationSet:
        found = read_coco(self.path)
        if foreign := [name for name in found.names if name not in self.names]:
            raise ValueError(
                f"{self.path}: the file has the class '{foreign[0]}', and here can be drawn "
                f"{', '.join(self.names)}; give all its classes, or another path"
            )
        for image in found:
            for one in image.annotations:
                if bool(one.polygons) != (self.kind == "polygons"):
                    other = KINDS[1 - KINDS.index(self.kind)]
                    raise ValueError(
                        f"{self.path} holds {other}, and here {self.kind} are drawn; give another path, or "
                        f"kind='{other}'"
                    )
        return found


def _bytes(path: Path) -> bytes | None:
    """What a file holds, None where there is none."""
    return path.read_bytes() if path.is_file() else None
