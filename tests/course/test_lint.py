"""Every rule of the lint, broken once; and one source that breaks none."""

import dataclasses
from pathlib import Path

import pytest

from seglib.course.lesson import Budget, Objective
from tools.course import lint

GOOD = (Path(__file__).parent / "towels.txt").read_text(encoding="utf-8")


def problems(tmp_path, text, lesson):
    path = tmp_path / "42_towels.py"
    path.write_text(text, encoding="utf-8")
    return list(lint.lint(path, lesson))


def test_a_good_source_has_no_problem(tmp_path, towels):
    assert problems(tmp_path, GOOD, towels) == []


LONG = "\n".join(f"x = {number}" for number in range(16))

BROKEN = {
    "no Python": ("number = 7", "number = = 7", "is not Python"),
    "an open fence": ("    # END SOLUTION\n", "", "has no `# END SOLUTION`"),
    "a stub that is not Python": ("SOLUTION number = ...", "SOLUTION number ==== ...", "is not Python"),
    "a section is missing": ('tags=["look"]', "", "section 'look' is missing"),
    "a section too early": ('["recall"]', '["clinic"]', "section 'setup' comes after section 'clinic'"),
    "another notebook's start": ('start("42_towels")', 'start("41_shells")', 'must call start("42_towels")'),
    "no start": ('lesson = start("42_towels")', "", "found none"),
    "no heading": ("# [[42.1]]", "#", "exercise 42.1 has no heading"),
    "no check": ('check("42.1", double)', "", 'exercise 42.1 has no check("42.1")'),
    "no hint": ('# hint("42.1")', "", 'exercise 42.1 has no hint("42.1")'),
    "no reveal": ('reveal("42.p1", 30)', "", "prediction 42.p1 needs both"),
    "no predict": ('predict("42.p2", ...)', "", "prediction 42.p2 needs both"),
    "a guess filled in": ('predict("42.p1", ...)', 'predict("42.p1", 30)', "the guess is the student's"),
    "an exercise nobody knows": ('check("42.2"', 'check("42.8"', "the lesson has no '42.8'"),
    "a prediction nobody knows": ('predict("42.p2"', 'predict("42.p7"', "the lesson has no '42.p7'"),
    "a heading nobody knows": ("# [[42.2]]", "# [[42.7]]", "the lesson has no [[42.7]]"),
    "a table nobody knows": ("# [[42.2]]", "# [[42.2]]\n#\n# [[table:R99]]", "no table [[table:R99]]"),
    "no quiz": ('quiz("42")', "", "needs a quiz"),
    "no alt": (', alt="A towel."', "", "show_images(...) needs alt="),
    "an empty alt": ('alt="A towel."', 'alt=" "', "show_images(...) needs alt="),
    "a method without alt": ('show_images([image], alt="A towel.")', "draw.show(fig)", "draw.show(...)"),
    "an image in the text": ("![A towel on a beach.]", "![]", "no alt text"),
    "an HTML image in the text": ("# ## Further", '# <img src="a.png">', "no alt text"),
    "a long cell": ("reveal(", f"{LONG}\nreveal(", "the code cell has 17 lines; at most 15"),
    "a long text": ("# ## Further", "# " + "word " * 251, "the text has 251 words; at most 250"),
    "an import of os": ("number = 7", "import os\nnumber = 7", "`os` is plumbing"),
    "a part of sys": ("number = 7", "from sys import path\nnumber = 7", "`sys.path` is plumbing"),
    "answers": ("number = 7", "from seglib.course.content import nb42\nnumber = 7", "holds answers"),
    "pip": ("number = 7", "# pip install torch\nnumber = 7", "is plumbing"),
    "pip by magic": ("number = 7", "number = 7\n%pip install torch", "`%pip install torch` is plumbing"),
    "a shell": ("number = 7", "number = 7\n!ls", "`!ls` is plumbing"),
    "pyplot": ("number = 7", "import matplotlib.pyplot as plt\nnumber = 7", "`matplotlib.pyplot` is not"),
    "pyplot from": ("number = 7", "from matplotlib import pyplot\nnumber = 7", "`matplotlib.pyplot` is not"),
    "a year": ("# ## Further", "# ## Further\n#\n# * A book,\n#   2013. Its title", "for an item of a list"),
    "a semicolon": ("number = 7", "number = 7;", "ends in a semicolon"),
    "text before the first cell": ("# %% [mark", "import os\n\n# %% [mark", "Begin with `# %%`"),
    "a raw cell": ('# %% [markdown] tags=["look"]', '# %% [raw] tags=["look"]', "not raw"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "said"), BROKEN.values(), ids=BROKEN.keys())
def test_each_rule(tmp_path, towels, old, new, said):
    assert old in GOOD
    found = problems(tmp_path, GOOD.replace(old, new, 1), towels)
    assert any(said in problem for problem in found), found


def test_a_problem_names_its_line(tmp_path, towels):
    line = GOOD.splitlines().index("number = 7") + 1
    assert problems(tmp_path, GOOD.replace("number = 7", "number = 7;"), towels) == [
        f"42_towels.py:{line}: `number = 7;` ends in a semicolon, which JupyterLab and nbval read differently"
    ]


LESSONS = {
    "a budget is missing": ({"budgets": {"tiny": Budget(10, 300)}}, "for profile laptop is not declared"),
    "a budget of nothing": ({"budgets": dict.fromkeys(lint.PROFILES, Budget(0, 0))}, "is not declared"),
    "too slow for tiny": ({"budgets": dict.fromkeys(lint.PROFILES, Budget(91, 9))}, "may take 90 s"),
    "too few objectives": ({"objectives": [Objective("42.a", "x")]}, "3 to 5 objectives, this one 1"),
    "an objective not met": ({"exercises": {}}, "objective 42.b is met by no exercise"),
    "an objective not declared": (
        {"objectives": [Objective(f"42.{k}", "x") for k in "abd"]},
        "meets objective 42.c",
    ),
    "a card that is too short": ({"minutes": 9}, "the card says 9 minutes, the estimate is 12"),
    "a card that is too long": ({"minutes": 15}, "the card says 15 minutes, the estimate is 12"),
    "longer than a lesson": ({"minutes": 76}, "split the notebook"),
    "a quiz of nothing": ({"quiz": []}, "needs a quiz with questions"),
}


@pytest.mark.parametrize(("fields", "said"), LESSONS.values(), ids=LESSONS.keys())
def test_each_rule_about_the_lesson(tmp_path, towels, fields, said):
    found = problems(tmp_path, GOOD, dataclasses.replace(towels, **fields))
    assert any(said in problem for problem in found), found


def test_the_command_fails_on_a_problem_and_reports_the_size_of_cells(tmp_path, towels, capsys):
    source = tmp_path / "notebooks/source"
    source.mkdir(parents=True)
    (source / "42_towels.py").write_text(GOOD, encoding="utf-8")
    assert lint.main(tmp_path) == 0
    assert "42_towels.py: 13 code cells, median 1 lines (aim 3), longest 3" in capsys.readouterr().out
    (source / "43_nobody.py").write_text("# %%\n1\n", encoding="utf-8")
    assert lint.main(tmp_path) == 1
    assert "There is no lesson '43_nobody'" in capsys.readouterr().out


def test_a_table_of_the_readme_that_does_not_exist(tmp_path, towels, capsys):
    (tmp_path / "README.md").write_text("<!-- table:R99 -->\n<!-- /table -->\n", encoding="utf-8")
    assert lint.main(tmp_path) == 1
    assert "README.md: there is no table 'R99'" in capsys.readouterr().out
