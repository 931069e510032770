"""What is written is read back, by this library and by others, and a file is whole at any moment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools.coco import COCO

from seglib.data.annotations import AnnotatedImage, Annotation, AnnotationSet, read_coco, write_coco
from seglib.data.files import write_mask
from seglib.files import DiskError
from seglib.labels import Classes

BOX = Annotation("fish", (1, 2, 5, 4), seconds=6.25)
SHAPE = Annotation.outline("crab", [(0, 0), (3.5, 0), (3.5, 2.25)], seconds=41)
PARTS = Annotation.outline("fish", [(0, 0), (2, 0), (2, 2)], [(4, 4), (6, 4), (6, 6)])
POND = AnnotatedImage("pond.png", 8, 6, (BOX, SHAPE, PARTS), seconds=60.5)
SET = AnnotationSet(("crab", "fish"), (POND, AnnotatedImage("sea/empty.png", 4, 3)))


def test_coco_gives_back_everything(tmp_path: Path) -> None:
    write_coco(tmp_path / "new" / "drawn.json", SET)
    assert read_coco(tmp_path / "new" / "drawn.json") == SET


@st.composite
def drawings(draw: st.DrawFn) -> AnnotationSet:
    width, height = draw(st.integers(2, 300)), draw(st.integers(2, 300))
    coordinate = {"allow_nan": False, "width": 32}
    xs, ys = st.floats(0, width, **coordinate), st.floats(0, height, **coordinate)
    names = draw(st.lists(st.text("aä b", min_size=1).map(str.strip).filter(bool), min_size=1, unique=True))
    objects = []
    for corners in draw(st.lists(st.lists(st.tuples(xs, ys), min_size=3, max_size=6), max_size=3)):
        (left, right), (top, bottom) = ((min(v), max(v)) for v in zip(*corners))
        if right - left >= 0.01 and bottom - top >= 0.01:
            name, box = draw(st.sampled_from(names)), (left, top, right, bottom)
            objects.append(
                Annotation.outline(name, corners) if draw(st.booleans()) else Annotation(name, box)
            )
    return AnnotationSet(tuple(names), (AnnotatedImage("a.png", width, height, tuple(objects)),))


@given(drawn=drawings())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_drawing_survives(tmp_path: Path, drawn: AnnotationSet) -> None:
    write_coco(tmp_path / "drawn.json", drawn)
    again = read_coco(tmp_path / "drawn.json")
    assert again.names == drawn.names
    for before, after in zip(drawn[0].annotations, again[0].annotations, strict=True):
        assert before.name == after.name and before.polygons == after.polygons
        torch.testing.assert_close(torch.tensor(before.box), torch.tensor(after.box), atol=2e-3, rtol=0)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_pycocotools_reads_what_we_write(tmp_path: Path) -> None:
    write_coco(tmp_path / "drawn.json", SET)
    coco = COCO(str(tmp_path / "drawn.json"))
    box, shape, _ = coco.loadAnns(coco.getAnnIds(coco.getImgIds()[0]))
    assert box["bbox"] == [1, 2, 4, 2] and coco.loadCats(box["category_id"])[0]["name"] == "fish"
    assert shape["area"] == pytest.approx(3.5 * 2.25 / 2)
    assert (coco.annToMask(shape) == POND.masks()[1].numpy()).all()


def test_an_old_file_stays_whole_if_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_coco(path := tmp_path / "drawn.json", SET)
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DiskError, match=r"drawn\.json: .*full"):
        write_coco(path, AnnotationSet((), ()))
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_a_mask_is_written_as_indices_in_the_classes_colours(tmp_path: Path) -> None:
    classes = Classes.of("background", "fish")
    write_mask(path := tmp_path / "mask.png", torch.tensor([[0, 1, 255]]), classes)
    image = Image.open(path)
    assert image.mode == "P" and np.array(image).tolist() == [[0, 1, 255]]
    assert np.array(image.convert("RGB")).tolist() == [[*map(list, (*classes.colors, classes.void_color))]]
    with pytest.raises(ValueError, match="holds the value 2"):
        write_mask(path, torch.tensor([[2]]), classes)
