import pytest

from tools.course.source import answers, read_cells, solved, stub

SOLVED = """\
def area(mask, size):
    # BEGIN SOLUTION
    total = mask.sum()
    return total / size
    # END SOLUTION"""


def test_a_solution_becomes_a_stub_with_its_indentation_or_the_one_that_its_fence_names():
    empty = "def area(mask, size):\n    ...  # your code here"
    assert stub(SOLVED) == empty and stub(f"{SOLVED}\n\n\n{SOLVED}") == f"{empty}\n\n\n{empty}"
    assert solved(SOLVED) == "def area(mask, size):\n    total = mask.sum()\n    return total / size"
    text = "# BEGIN SOLUTION box = ...\nbox = (1, 2, 3, 4)\n# END SOLUTION\nprint(box)"
    assert stub(text) == "box = ...  # your code here\nprint(box)"


@pytest.mark.parametrize(
    "text",
    ["# BEGIN SOLUTION\n1", "1\n# END SOLUTION", "# BEGIN SOLUTION\n# BEGIN SOLUTION\n# END SOLUTION"],
)
def test_a_fence_without_partner(text):
    with pytest.raises(ValueError, match=r"BEGIN SOLUTION|no partner"):
        stub(text)


def cells(tmp_path, text):
    path = tmp_path / "42_towels.py"
    path.write_text(text, encoding="utf-8")
    return read_cells(path)


THREE = '# %%\na = 1\n\n# %% [markdown] tags=["look"]\n# Look.\n\n# %%\na = 1\n'


def test_kind_text_tags_and_line(tmp_path):
    code, words, again = cells(tmp_path, THREE)
    assert (code.kind, code.text, code.tags, code.line) == ("code", "a = 1", frozenset(), 1)
    assert (words.kind, words.text, words.tags, words.line) == ("markdown", "Look.", {"look"}, 4)
    assert again.line == 7


def test_ids_differ_and_stay_when_other_cells_come_and_the_rest_of_a_cell_changes(tmp_path):
    before = cells(tmp_path, THREE)
    assert len({cell.id for cell in before}) == 3
    after = cells(tmp_path, "# %%\nb = 2\n\n" + THREE.replace("Look.", "Look.\n#\n# Closer."))
    assert [cell.id for cell in after[1:]] == [cell.id for cell in before]


CALLS = """\
# %%
import torch as t
from math import pi, sqrt

# %%
def area(mask):
    return 0  # the bug, shown first

# %%
def area(mask):
    # BEGIN SOLUTION
    return t.sum(mask) * sqrt(2) * twice(1)
    # END SOLUTION

# %%
def twice(x):
    # BEGIN SOLUTION
    return 2 * x
    # END SOLUTION

# %%
check("42.1", area)
check("42.2", twice)
"""


def test_answers_are_the_solved_cells_with_the_imports_they_need(tmp_path):
    head, area, twice = answers(cells(tmp_path, CALLS), "42_towels.py").split("\n\n\n")
    assert "taken from notebooks/source/42_towels.py" in head
    assert head.endswith("\n\nfrom math import sqrt\nimport torch as t")
    assert area == "def area(mask):\n    return t.sum(mask) * sqrt(2) * twice(1)"
    assert twice == "def twice(x):\n    return 2 * x\n"


OPEN = "# BEGIN SOLUTION\n    return 2 * x\n    # END SOLUTION"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("import torch as t\n", "", "an answer uses 't'"),
        (OPEN, "...", "no cell with a solution .* 'twice'"),
    ],
)
def test_an_answer_that_cannot_be_taken_out(tmp_path, old, new, said):
    assert old in CALLS
    with pytest.raises(ValueError, match=said):
        answers(cells(tmp_path, CALLS.replace(old, new)), "42_towels.py")
