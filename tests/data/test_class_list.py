"""classes.txt and classes.json."""

import json
from pathlib import Path

import pytest

from seglib.data.folders import read_class_list


def listed(folder: Path, text: str, name: str = "classes.txt"):
    (folder / name).write_text(text, encoding="utf-8")
    return read_class_list(folder)


def test_none_without_a_list(tmp_path: Path) -> None:
    assert read_class_list(tmp_path) is None


def test_names_in_a_text_file(tmp_path: Path) -> None:
    found = listed(tmp_path, "\ufeffbackground\nstop sign\n\n  Baum \n")
    assert found.classes.names == ("background", "stop sign", "Baum")
    assert found.painted is None and found.values == {0: 0, 1: 1, 2: 2}


def test_colours_in_a_text_file(tmp_path: Path) -> None:
    found = listed(tmp_path, "background 0 0 0\nstop sign, 255, 0, 0\nvoid 9 9 9\n")
    assert found.classes.names == ("background", "stop sign")
    assert found.painted is found.classes
    assert found.classes.colors == ((0, 0, 0), (255, 0, 0)) and found.classes.void_color == (9, 9, 9)


def test_json(tmp_path: Path) -> None:
    assert listed(tmp_path, '["a", "b"]', "classes.json").classes.names == ("a", "b")
    fields = {"names": ["background", "cell"], "values": [0, 255]}
    assert listed(tmp_path, json.dumps(fields), "classes.json").values == {0: 0, 255: 1}
    fields = {"names": ["a"], "colors": [[1, 2, 3]], "void_color": [0, 0, 0]}
    found = listed(tmp_path, json.dumps(fields), "classes.json")
    assert found.painted.colors == ((1, 2, 3),) and found.painted.void_color == (0, 0, 0)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("classes.txt", "", "1 to 255 classes"),
        ("classes.txt", "cat\ncat\n", "'cat'"),
        ("classes.txt", "a 1 2 3\nb\n", "no colour.*: b"),
        ("classes.txt", "a 1 2 3\nb 1 2 3\n", "colours must differ"),
        ("classes.txt", "a 1 2 300\nb 1 2 3\n", "300"),
        ("classes.json", '{"names": ["a"', "not JSON"),
        ("classes.json", "7", "expected a list of names"),
        ("classes.json", '{"classes": ["a"]}', "expected a list of names"),
        ("classes.json", '{"names": ["a"], "colours": [[1, 2, 3]]}', "unknown fields.*colours"),
        ("classes.json", '["a", 3]', "every class needs a name"),
        ("classes.json", '{"names": ["a", "b"], "values": [1]}', "2 different numbers"),
        ("classes.json", '{"names": ["a", "b"], "values": [1, 1]}', "2 different numbers"),
        ("classes.json", '{"names": ["a", "b"], "values": [1, 256]}', "from 0 to 255"),
        ("classes.json", '{"names": ["a", "b"], "values": [1, "x"]}', "from 0 to 255"),
        ("classes.json", '{"names": ["a", "b"], "colors": [[1, 2, 3]]}', "2 names and 1 colours"),
        ("classes.json", '{"names": ["a"], "colors": [7]}', "colour"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=rf"(?s){name}: .*{message}"):
        listed(tmp_path, text, name)
