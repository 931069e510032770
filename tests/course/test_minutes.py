"""The minutes of a notebook: worked out by hand, from a source and from a run."""

import json
from dataclasses import replace

import pytest
from nbformat import v4

from seglib.course.lesson import Budget
from tools.course import minutes
from tools.course.source import read_cells

SOURCE = """\
# %% [markdown] tags=["card"]

# %% [markdown]
# ## Reading
# {words}

# %% tags=["instructor"]
no_student_sees_this = 1

# %% [markdown]
# ## Working
# [[42.1]]

# %%
def double(numbers):
    # BEGIN SOLUTION
    a = numbers
    return [2 * number for number in a]
    # END SOLUTION

# %% [markdown]
# ## Looking

# %%
MaskViewer(image)
bars(image)
predict("42.p1", ...)
found = net.predict(image)
"""


@pytest.fixture
def source(tmp_path, towels, monkeypatch):
    path = tmp_path / "42_towels.py"
    path.write_text(SOURCE.format(words="word " * 359), encoding="utf-8")
    monkeypatch.setattr(minutes, "WAITS", tmp_path / "waits.json")
    minutes.WAITS.write_text("{}", encoding="utf-8")
    return path


def test_each_section_by_hand(source, towels):
    lesson = replace(towels, budgets={"laptop": Budget(90, 1000)})
    sections = minutes.estimate(read_cells(source), lesson)
    assert list(sections) == ["Card", "Reading", "Working", "Looking", minutes.BUDGET]
    assert sections["Reading"] == pytest.approx(2)  # 360 words
    # heading and task: 7 words; the exercise: 3 minutes; two lines of a stub and a cell to run
    assert sections["Working"] == pytest.approx(7 / 180 + 3 + 0.25 + 2 * 0.05, abs=0.01)
    # a viewer, a figure, a guess (what a net predicts is none), a cell of four lines, a word
    assert sections["Looking"] == pytest.approx(2 + 0.25 + 1 + 0.25 + 4 * 0.05, abs=0.01)
    assert sections[minutes.BUDGET] == 1.5


def test_measured_waits_take_the_place_of_the_budget(source, towels):
    cells = [cell for cell in read_cells(source) if cell.kind == "code" and "instructor" not in cell.tags]
    ran = v4.new_notebook()
    for cell, ended in zip(cells, ("00.4", "30"), strict=True):
        times = {"iopub.execute_input": "2026-01-01T00:00:00Z"}
        times["shell.execute_reply"] = f"2026-01-01T00:00:{ended}Z"
        ran.cells.append(v4.new_code_cell(cell.text, id=cell.id, metadata={"execution": times}))
    before = minutes.estimate(read_cells(source), towels)
    minutes.record(source, ran)
    assert json.loads(minutes.WAITS.read_text(encoding="utf-8")) == {"42_towels": {"Looking": 30}}
    after = minutes.estimate(read_cells(source), towels)
    assert after["Looking"] - before["Looking"] == pytest.approx(0.5) and minutes.BUDGET not in after
