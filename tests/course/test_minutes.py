"""The minutes of a notebook, worked out by hand."""

from dataclasses import replace

import pytest

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
def source(tmp_path, towels):
    path = tmp_path / "42_towels.py"
    path.write_text(SOURCE.format(words="word " * 359), encoding="utf-8")
    return path


def test_each_section_by_hand(source, towels):
    lesson = replace(towels, budgets={"laptop": Budget(90, 1000)})
    sections = minutes.estimate(read_cells(source), lesson)
    assert list(sections) == ["Card", "Reading", "Working", "Looking", minutes.WAITS]
    assert sections["Reading"] == pytest.approx(2)  # 360 words
    # heading and task: 7 words; the exercise: 3 minutes; two lines of a stub and a cell to run
    assert sections["Working"] == pytest.approx(7 / 180 + 3 + 0.25 + 2 * 0.05, abs=0.01)
    # a viewer, a figure, a guess (what a net predicts is none), a cell of four lines, a word
    assert sections["Looking"] == pytest.approx(2 + 0.25 + 1 + 0.25 + 4 * 0.05, abs=0.01)
    assert sections[minutes.WAITS] == 1.5
