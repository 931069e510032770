"""The store: what is found again, what is made again, and what a kill, a full disk or damage costs."""

import contextlib
import dataclasses
import os
import signal
import sqlite3

import joblib
import numpy as np
import pytest
import torch

from seglib import cache


@pytest.fixture(autouse=True)
def empty(home):
    """Every test begins with an empty store."""


@dataclasses.dataclass(frozen=True)
class Setting:
    scale: float
    names: tuple[str, ...] = ("a",)


def squared(number):
    return {"square": np.array([number**2.0]), "text": np.array(["é"])}


class Maker:
    """Squares numbers, notes which, and does something else at one of them."""

    def __init__(self, at=None, instead=None):
        self.asked, self.at, self.instead = [], at, instead

    def __call__(self, number):
        if number == self.at:
            self.instead()
        self.asked.append(number)
        return squared(number)


def squares(numbers, make=squared, **options):
    keys = (cache.key("square", number) for number in numbers)
    return [arrays["square"].item() for arrays in cache.each(numbers, make, keys, **options)]


def made_anew(numbers, **options):
    """The numbers that are squared again when all of these are asked for; the rest is found."""
    make = Maker()
    assert squares(numbers, make, **options) == [number**2 for number in numbers]
    return make.asked


@pytest.mark.parametrize(
    "array",
    [np.zeros((0, 3)), np.float32(2), np.arange(6, dtype=np.uint8).reshape(2, 3)[:, ::2], np.array([True])],
)  # fmt: skip
def test_arrays_come_back_as_they_were(array):
    cache.save("a", {"it": np.asarray(array), "more": np.ones(3)})
    found = cache.load("a")
    assert found["it"].dtype == array.dtype and np.array_equal(found["it"], array)
    assert found["it"].flags.writeable and found["more"].tolist() == [1, 1, 1]
    assert cache.load("b") is None
    with pytest.raises(TypeError, match="Python objects"):
        cache.save("a", {"it": np.array([{}])})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a", "b"), ("ab",)),
        (("a",), (b"a",)),
        ((1,), (True,)),
        ((1,), (1.0,)),
        ((("a", "b"), "c"), ("a", ("b", "c"))),
        ((np.zeros(2),), (np.zeros((2, 1)),)),
        ((np.zeros(2),), (np.zeros(2, np.float32),)),
        ((torch.tensor([1, 2]),), (torch.tensor([2, 1]),)),
        ((Setting(1.0),), (Setting(2.0),)),
        (({"a": 1},), ({"a": 2},)),
        (("a", None), ("a",)),
    ],
)
def test_another_content_has_another_key(one, other):
    assert cache.key(*one) == cache.key(*one) != cache.key(*other)


def test_a_key_asks_for_the_content_not_the_container():
    array = np.arange(6).reshape(2, 3)
    assert cache.key(array.T) == cache.key(np.ascontiguousarray(array.T))
    assert cache.key(torch.from_numpy(array)) == cache.key(array)
    assert cache.key(np.float64(0.5)) == cache.key(0.5)
    with pytest.raises(TypeError, match="object cannot be part of a key"):
        cache.key(object())


def test_a_key_depends_on_the_text_of_the_code(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "recipe").mkdir()
    for name in ("__init__", "step"):
        (tmp_path / "recipe" / f"{name}.py").write_text("x = 1\n")
    package, module = (cache.key("a", code=(name,)) for name in ("recipe", "recipe.step"))
    (tmp_path / "recipe" / "step.py").write_text("x = 2\n")
    cache._source.cache_clear()  # as in a new process
    assert cache.key("a", code=("recipe",)) != package
    assert cache.key("a", code=("recipe.step",)) != module
    with pytest.raises(ModuleNotFoundError, match="nothing_here"):
        cache.key("a", code=("nothing_here",))


@pytest.mark.filterwarnings("error")
def test_what_was_made_is_not_made_again():
    assert made_anew(range(40)) == list(range(40))
    assert made_anew([45, 3, 50, 39]) == [45, 50]


def test_a_task_without_a_key_is_always_made():
    for _ in range(2):
        make = Maker()
        assert len(list(cache.each(range(3), make, [None] * 3))) == 3 and make.asked == [0, 1, 2]


def interrupt():
    raise KeyboardInterrupt


def test_an_interrupted_run_resumes():
    with pytest.raises(KeyboardInterrupt):
        squares(range(40), Maker(17, interrupt))
    assert made_anew(range(40)) == list(range(17, 40))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_killed_run_resumes(monkeypatch):
    monkeypatch.setattr(cache, "SECONDS_BETWEEN_WRITES", 0)
    child = os.fork()
    if not child:
        try:
            squares(range(40), Maker(17, lambda: os.kill(os.getpid(), signal.SIGKILL)))
        finally:
            os._exit(0)  # not reached; without it an error would run the other tests in the child
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert made_anew(range(40)) == list(range(17, 40))


def test_a_damaged_file_is_replaced():
    squares(range(8))
    path = cache.folder() / "cache.sqlite"
    whole = path.read_bytes()
    unnamed = whole.replace(b"sqlite_autoindex", b"\xffqlite_autoindex")  # what SQLite quotes is no text then
    for content in (b"not a database", whole[:3000] + b"\xff" * 9000, unnamed):
        path.write_bytes(content)
        assert made_anew(range(8)) and not made_anew(range(8))


def test_a_damaged_entry_is_made_again():
    squares(range(8))
    base = sqlite3.connect(cache.folder() / "cache.sqlite")
    with base:
        base.execute("UPDATE entries SET arrays = zeroblob(60) WHERE key = ?", [cache.key("square", 5)])
    base.close()
    assert cache.load(cache.key("square", 5)) is None
    assert made_anew(range(8)) == [5] and not made_anew(range(8))


def test_a_folder_that_cannot_be_written_costs_one_warning(read_only, monkeypatch):
    monkeypatch.setenv("SEGLIB_CACHE", str(read_only))
    with pytest.warns(UserWarning, match="set SEGLIB_CACHE to a folder that you may write to") as warned:
        assert squares([2]) == squares([2]) == [4]
        cache.save("a", {})
    assert len(warned) == 1


def test_a_disk_that_cannot_lock_is_waited_for_once(monkeypatch):
    """On some network shares every statement finds the file locked."""
    squares([1])
    waited, connect = [], sqlite3.connect
    with contextlib.closing(connect(cache.folder() / "cache.sqlite")) as other:
        other.execute("BEGIN EXCLUSIVE")
        monkeypatch.setattr(cache, "PATIENCE", 0.1)
        monkeypatch.setattr(sqlite3, "connect", lambda path, wait: waited.append(wait) or connect(path, wait))
        with pytest.warns(UserWarning, match="database is locked") as warned:
            assert squares([2]) == [4] and squares([3]) == [9]
    assert len(warned) == 1 and waited[0] == 0.1 and {*waited[1:]} == {0}
    assert squares([1]) == [1]


def test_a_full_disk_costs_one_warning_and_what_is_there_is_read(monkeypatch):
    squares(range(8))
    connect = sqlite3.connect

    def full(*args, **options):
        base = connect(*args, **options)
        base.execute("PRAGMA max_page_count = 1")  # SQLite then says "database or disk is full"
        return base

    monkeypatch.setattr(sqlite3, "connect", full)
    with pytest.warns(UserWarning, match="disk is full") as warned:
        cache.save("large", {"a": np.zeros(100_000)})
        assert not made_anew(range(8))
        cache.save("large", {"a": np.zeros(100_000)})
    assert len(warned) == 1 and cache.load("large") is None


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_many_processes_make_the_same_in_order(backend):
    with joblib.parallel_config(backend=backend):
        assert squares(range(60), jobs=2) == [n**2 for n in range(60)]
    assert not made_anew(range(60))


def test_processes_start_when_much_work_is_left(monkeypatch):
    monkeypatch.setattr(cache, "WORTH_PROCESSES", 0)
    monkeypatch.setattr(cache, "cores", lambda: 2)
    assert made_anew(range(70)) == list(range(cache.SERIAL_BLOCK))  # the others in other processes


def test_an_error_of_a_worker_is_the_same_sentence():
    def broken():
        raise ValueError("image 3 is damaged")

    with joblib.parallel_config(backend="threading"), pytest.raises(ValueError, match="image 3 is damaged"):
        squares(range(8), Maker(3, broken), jobs=2)
