import sys
from pathlib import Path

import pytest

from seglib.course import content
from tools.course.source import answers, read_cells

TOWELS = Path(__file__).parent / "towels.txt"
CHECKS = """
from seglib.course.lesson import Wrong


def check_double(fn):
    got = fn([1, 2])
    if len(got) != 2:
        raise Wrong(f"Two numbers went in and {len(got)} came out.")
    if got != [2, 4]:
        raise Wrong("1, 2 should become 2, 4.")
    return "Ten times ten is still a hundred."


def check_number(value):
    if value != 7:
        raise Wrong("It is another number.")
"""


@pytest.fixture
def folder(tmp_path, monkeypatch, home):
    """The folder of a small lesson, the only one there is."""
    made = tmp_path / "content/nb42"
    made.mkdir(parents=True)
    (made / "checks.py").write_text(CHECKS, encoding="utf-8")
    (made / "answers.py").write_text(answers(read_cells(TOWELS), "42_towels.py"), encoding="utf-8")
    (made / "lesson.toml").write_bytes(TOWELS.with_suffix(".toml").read_bytes())
    monkeypatch.setattr(content, "__path__", [str(made.parent)])
    forget()
    yield made
    forget()


def forget():
    content.read.cache_clear()
    for name in [name for name in sys.modules if name.startswith("seglib.course.content.nb42")]:
        del sys.modules[name]


@pytest.fixture
def towels(folder, monkeypatch):
    """The small lesson, with a home folder of its own; not strict."""
    monkeypatch.delenv("SEGLIB_STRICT", raising=False)
    return content.load("42")
