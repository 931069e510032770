"""What the numbers and colours in masks mean: lists of classes, and masks without a list."""

from __future__ import annotations

import numpy as np
import pytest

from seglib.data import folders
from seglib.data.catalog import load
from seglib.data.class_lists import read_class_list
from tests.data.strangers import COLORS, LAYOUTS, MASK, PAINTED, PHOTO, V, indexed, one, refusal, write

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
SEA = ("sea", "fish", "crab")


def listed(content, name: str = "") -> dict[str, object]:
    """A folder of one mask with a class list; text is a classes.txt, anything else a classes.json."""
    return one() | {name or ("classes.txt" if isinstance(content, str) else "classes.json"): content}


def test_names_and_colours_in_a_text_file(tmp_path):
    assert read_class_list(tmp_path).classes is None
    found = read_class_list(write(tmp_path, listed("\ufeffbackground\nstop sign\n\n  Baum \n")))
    assert found.classes.names == ("background", "stop sign", "Baum")
    assert found.painted is None and found.values == {0: 0, 1: 1, 2: 2}
    found = read_class_list(write(tmp_path, listed("background 0 0 0\nstop sign, 255, 0, 0\nvoid 9 9 9\n")))
    assert found.classes.names == ("background", "stop sign") and found.painted is found.classes
    assert found.classes.colors == ((0, 0, 0), (255, 0, 0)) and found.classes.void_color == (9, 9, 9)
    fields = {"names": ["a"], "colors": [[1, 2, 3]], "void_color": [0, 0, 0]}
    found = read_class_list(write(tmp_path, listed(fields)))
    assert found.painted.colors == ((1, 2, 3),) and found.painted.void_color == (0, 0, 0)


@pytest.mark.parametrize(
    ("content", "names", "row"),
    [
        ("void\nroad\ncar\n", ("road", "car"), [V, 1, 1, V]),
        ("\ufeff# my classes\nsea\nVoid\n\n# the last\nfish\n", ("sea", "fish"), [0, 1, 1, 0]),
        ("2 fish\n0: sea\n1, crab\n", ("fish", "sea", "crab"), [1, 0, 0, 1]),
        ("0 sea\n2 fish\n1 unlabeled", ("sea", "fish"), [0, 1, 1, 0]),
        (["sea", "fish", "crab"], SEA, [0, 2, 2, 0]),
        ({"0": "sea", "1": "fish", "2": "crab"}, SEA, [0, 2, 2, 0]),
        ({"sea": 0, "fish": 1, "crab": 2}, SEA, [0, 2, 2, 0]),
        ({"names": {"0": "sea", "1": "fish", "2": "fish"}}, ("sea", "fish"), [0, 1, 1, 0]),
        ({"0": None, "1": "fish", "2": "crab"}, ("fish", "crab"), [V, 1, 1, V]),
        ({"names": ["fish", "crab"], "values": [1, 2], "void": [0]}, ("fish", "crab"), [V, 1, 1, V]),
        ({"names": ["sea", "life"], "values": [0, [1, 2]]}, ("sea", "life"), [0, 1, 1, 0]),
        ({"0": "sea", "2": "fish", "250": "crab", "1": None}, SEA, [0, 1, 1, 0]),
        ({"names": ["sea", "fish"], "values": [0, 1], "void": [2, 250]}, ("sea", "fish"), [0, V, V, 0]),
        ({"void": 0}, ("class 1", "class 2"), [V, 1, 1, V]),
        (
            [{"id": 2, "name": "b"}, {"id": 1, "name": "a"}, {"id": 0, "name": "void"}],
            ("a", "b"),
            [V, 1, 1, V],
        ),
    ],
)
def test_names_void_and_several_values(tmp_path, content, names, row):
    data = load(write(tmp_path, listed(content)))
    assert data.classes.names == names and data[0][1][1].tolist() == row
    assert data.count_mask(0).pixels.sum() == 12


MISTAKES: list[tuple[str, str, object]] = [
    ("1 to 255 classes", "classes.txt", ""),
    ("'cat'", "classes.txt", "cat\ncat\n"),
    ("no colour.*: b", "classes.txt", "a 1 2 3\nb\n"),
    ("colours must differ", "classes.txt", "a 1 2 3\nb 1 2 3\n"),
    ("300", "classes.txt", "a 1 2 300\nb 1 2 3\n"),
    ("expected a list of names", "classes.json", 7),
    ("expected a list of names", "classes.json", {"classes": ["a"]}),
    ("expected a list of names", "classes.json", {"objects": True}),
    ("unknown fields.*colours", "classes.json", {"names": ["a"], "colours": [[1, 2, 3]]}),
    ("every class needs a name", "classes.json", ["a", 3]),
    ("every class needs a name", "classes.json", [{"id": 1, "title": "fish"}]),
    ("2 different numbers", "classes.json", {"names": ["a", "b"], "values": [1]}),
    ("2 different numbers", "classes.json", {"names": ["a", "b"], "values": [1, 1]}),
    ("from 0 to 65535", "classes.json", {"names": ["a", "b"], "values": [1, 65536]}),
    ("from 0 to 65535", "classes.json", {"names": ["a", "b"], "values": [1, "x"]}),
    ("value 1 has two meanings", "classes.json", {"names": ["a", "b"], "values": [1, [2, 1]]}),
    ("value 1 has two meanings", "classes.json", {"names": ["a", "b"], "void": [1]}),
    ('"void" must be a list', "classes.json", {"names": ["a", "b"], "void": "x"}),
    ("expected a list of names, or numbers with names", "classes.json", {"names": {"a": "x"}}),
    ("two names", "classes.json", {"names": ["a", "b", "c"], "objects": True}),
    ("2 names and 1 colours", "classes.json", {"names": ["a", "b"], "colors": [[1, 2, 3]]}),
    ("colour", "classes.json", {"names": ["a"], "colors": [7]}),
    ("expected a whole number, got 'x'", "labelmap.txt", "sea:0,0,0::\nfish:x,0,0::\n"),
    ("expected a whole number, got ''", "_classes.csv", "Pixel Value, Class\n0, sea\n, fish\n"),
    ("every class needs a name", "_classes.csv", "one,two\n1,2\n"),
    ("1 to 255 classes", "class_names.txt", "# nothing\n"),
    ("line 3: not UTF-8; save the file again", "classes.txt", "Meer\nFische\nKäfer\n".encode("cp1252")),
]


@pytest.mark.parametrize(("words", "name", "content"), MISTAKES)
def test_a_mistake_in_a_class_list_is_named(tmp_path, words, name, content):
    said = refusal(write(tmp_path, listed(content, name)), rf"{name}(: .*|, ){words}")
    assert said.count(name) == 1


@pytest.mark.parametrize(
    ("layout", "name", "content"),
    [
        ("Images/, Labels/, train.txt", "train.txt", "a.JPG\nKäfer.JPG\n"),
        ("YOLO-seg", "data.yaml", "names: [Käfer, fish]\n"),
        ("labelme", "a.json", '{"shapes": [], "imagePath": "a.jpg", "flags": {"Käfer": 1}}'),
        ("COCO of Windows", "result.json", '{"images": [], "categories": ["Käfer"]}'),
    ],
)
def test_a_text_in_another_encoding_is_named(tmp_path, layout, name, content):
    folder = write(tmp_path, LAYOUTS[layout] | {name: content.encode("cp1252")})
    refusal(folder, rf"{name}(, line \d)?: not (UTF-8|JSON)")


def test_lists_that_windows_wrote(tmp_path):
    write(tmp_path, listed("Meer\r\nFische\r\nKäfer\r\n".encode("utf-16"), "classes.txt"))
    assert load(tmp_path).classes.names == ("Meer", "Fische", "Käfer")
    write(tmp_path, listed('["Meer", "Fische", "Krebse"]'.encode("utf-8-sig"), "classes.json"))
    assert load(tmp_path).classes.names == ("Meer", "Fische", "Krebse")


# ---- values that no list explains ------------------------------------------------------------------------


def test_classes_are_numbered_without_a_list(tmp_path):
    write(
        tmp_path,
        {"images/{train/a,val/b}.jpg": PHOTO, "masks/train/a.png": MASK, "masks/val/b.png": MASK * 0 + 4},
    )
    train, val = load(tmp_path), load(tmp_path, "val")
    assert train[0][1].tolist() == MASK.tolist()
    assert train.classes.names == val.classes.names == ("class 0", "class 1", "class 2", "class 4")
    assert (val[0][1] == 3).all()  # no class for the value 3, which occurs nowhere


def test_only_numbers_that_exist_are_classes(tmp_path):
    values = np.array([k for k in range(201) if k % 20 < 13], np.uint8)  # 131 of 201
    write(tmp_path, one(np.vstack([np.repeat(values, 2), np.tile(values, 2)])))
    assert len(load(tmp_path).classes) == len(values) and load(tmp_path).classes.names[13] == "class 20"
    write(tmp_path, {"classes.json": {str(value): f"kind {value}" for value in values.tolist()}})
    assert len(load(tmp_path).classes) == len(values)


def test_values_that_are_no_numbers_of_classes_name_the_way_out(tmp_path):
    black_and_white = np.where(MASK == 1, np.uint8(255), np.uint8(0))
    refusal(write(tmp_path, one(black_and_white)), r'values 0, 255, .*"values": \[0, 255\].*"void"')
    refusal(write(tmp_path, one(MASK * 60)), r"values 0, 60, 120, .*classes\.json")
    write(tmp_path, one(np.choose(MASK, [0, 251, 255]).astype(np.uint8)) | {"classes.txt": "sea\nfish\n"})
    refusal(tmp_path, r'value 251 .*"values": \[\.\.\., \[1, 2\]\], .*"void": \[\.\.\.\]')
    write(tmp_path, {"classes.json": {"names": ["sea", "fish"], "values": [0, [251, 255]]}})
    assert load(tmp_path)[0][1].tolist() == (MASK > 0).tolist() and "void     \n" not in str(load(tmp_path))
    some = [{"id": 2, "name": "crab"}, {"id": 1, "name": "fish"}]
    refusal(write(tmp_path, {"classes.json": some}), r"holds the value 0 .* the classes are 1\.\.2")


def test_a_mask_of_only_void_is_doubted(tmp_path):
    write(tmp_path, one(np.where(MASK == 1, np.uint8(255), np.uint8(0))) | {"classes.txt": "sea\nfish\n"})
    with pytest.warns(UserWarning, match=r"a\.png.*255 is void"):
        load(tmp_path)[0]


def test_colours_decide_where_they_are_listed(tmp_path):
    swapped = indexed(np.array([0, 2, 1], np.uint8)[MASK], [COLORS[0], COLORS[2], COLORS[1]])
    write(tmp_path, {"images/{a,b}.jpg": PHOTO, "masks/a.png": indexed(), "masks/b.png": swapped})
    data = folders.pairs(tmp_path / "images", tmp_path / "masks")
    palettes = r"palettes differ: value 1 is \(128, 0, 0\) in a\.png and \(0, 128, 0\)"
    with pytest.warns(UserWarning, match=palettes):
        assert data[0][1].tolist() != data[1][1].tolist()
    write(tmp_path, {"classes.txt": "sea 0 0 0\nfish 128 0 0\ncrab 0 128 0\n"})
    data = folders.pairs(tmp_path / "images", tmp_path / "masks", tmp_path)
    assert data[0][1].tolist() == data[1][1].tolist() == MASK.tolist()
    assert data.count_mask(1).pixels.tolist() == data.count_mask(0).pixels.tolist()
    write(tmp_path, {"classes.txt": "sea 0 0 0\nfish 128 0 0\ncrab 0 0 128\n"})
    refusal(tmp_path, r"[ab]\.png: of the palette's colours, \(128, 0, 0\) is in the class list and")


def test_colours_that_are_not_listed(tmp_path):
    """A palette of a GIF is in the order of the program that wrote it, so its indices mean nothing."""
    painted = "the mask is painted in colours, and which colour is which class"
    refusal(write(tmp_path / "gif", one(indexed(), "gif")), painted)
    write(tmp_path / "gif", {"classes.txt": "crab 0 128 0\nsea 0 0 0\nfish 128 0 0\n"})
    assert load(tmp_path / "gif")[0][1].tolist() == np.choose(MASK, [1, 2, 0]).tolist()
    write(tmp_path / "png", one(PAINTED) | {"classes.txt": "sea\nfish\ncrab\n"})
    refusal(tmp_path / "png", painted)
    write(tmp_path / "png", {"classes.txt": "sea 0 0 0\nvoid 128 0 0\ncrab 0 128 0\n"})
    assert load(tmp_path / "png")[0][1].tolist() == np.choose(MASK, [0, V, 1]).tolist()
    pixels = PAINTED.copy()
    pixels[1, 2] = (1, 2, 3)
    write(tmp_path / "png", one(pixels))
    refusal(tmp_path / "png", rf'{tmp_path}/png/masks/a.png: .*\(1, 2, 3\).*\(2, 1\).*"void_color"')
