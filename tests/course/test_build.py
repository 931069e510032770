import json
import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError

from tools.course import build
from tools.course.build import run
from tools.course.source import read_cells

TOWELS = Path(__file__).parent / "towels.txt"


@pytest.fixture
def project(tmp_path, towels, monkeypatch):
    """A project with one source, built without running it."""
    source = tmp_path / "project/notebooks/source"
    source.mkdir(parents=True)
    shutil.copy(TOWELS, source / "42_towels.py")
    monkeypatch.setattr(build, "run", lambda notebook, folder: 300.0)
    monkeypatch.setattr(build, "ROOT", tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture
def built(project):
    """The same after its first build; returns the content of a file."""
    assert build.main([]) == 0
    return lambda name: (project / name).read_text(encoding="utf-8")


def texts(notebook):
    return [cell.source for cell in notebook.cells]


def rewrite(project, old, new):
    """Change the source."""
    path = project / "notebooks/source/42_towels.py"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_the_student_s_notebook(towels):
    notebook = build.student(read_cells(TOWELS), towels)
    cells = texts(notebook)
    assert cells[0].startswith("# 42 · Towels\n\n**12 minutes.** Needs: Nothing.")
    assert "## By the end you can\n\n* double a number (42.a)\n* name a number (42.b)" in cells[2]
    assert 'def double(numbers):\n    """Double every number."""\n    ...  # your code here' in cells
    assert "number = ...  # your code here" in cells
    assert "### Exercise 42.1 · Double\n\n*3 minutes, easy*" in cells
    assert "## Towels\n\n**Your guess first.** How much?" in cells
    assert "* guess a number (quiz 1)" in cells[-4]
    everything = "\n".join(cells)
    assert "Bring a towel" not in everything and "look at solutions" not in everything
    assert "2 * number" not in everything and "SOLUTION" not in everything


def test_the_solution(towels):
    cells = texts(build.solution(read_cells(TOWELS), towels))
    everything = "\n".join(cells)
    assert "return [2 * number for number in numbers]" in everything and "look at solutions" in everything
    assert "Bring a towel" not in everything and "SOLUTION" not in everything
    assert "](../images/42_question.png)" in everything


def test_text_is_written_without_running_and_changed_code_is_refused(project, built, monkeypatch, capsys):
    path = project / "notebooks/solutions/42_towels.ipynb"
    notebook = nbformat.read(path, as_version=4)
    cell = next(cell for cell in notebook.cells if cell.cell_type == "code")
    cell.outputs = [nbformat.v4.new_output("stream", text="seen")]
    nbformat.write(notebook, path)
    monkeypatch.setattr(build, "run", None)
    rewrite(project, "# ## Towels", "# ## Towels of linen")
    assert build.main(["--text"]) == 0
    made = nbformat.read(path, as_version=4)
    assert "## Towels of linen" in "".join(texts(made)) and "seen" in path.read_text()
    rewrite(project, "number = 7", "number = 8")
    assert build.main(["--text"]) == 2 and "code has changed" in capsys.readouterr().out


def contents(project):
    return {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}


def test_building_twice_gives_the_same_bytes(project, built):
    once = contents(project)
    assert build.main(["42"]) == build.main(["42_towels"]) == 0
    assert contents(project) == once
    assert {path.name for path in once} == {"42_towels.py", "42_towels.ipynb", "answers.py", "instructor.md"}
    assert all(content.endswith(b"\n") for content in once.values())


def test_the_notebook_holds_nothing_that_changes_by_itself(built):
    notebook = json.loads(built("notebooks/42_towels.ipynb"))
    assert notebook["metadata"] == build.METADATA
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    for cell in notebook["cells"]:
        assert set(cell["metadata"]) <= {"tags"}
        assert cell.get("execution_count") is None and not cell.get("outputs")
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])


def test_the_instructor_s_guide_and_the_answers(built):
    guide = built("docs/instructor.md")
    assert "## 42 · Towels\n\n12 minutes, of which 4 are exercises." in guide
    assert "| 42.1 | Double | 3 |" in guide and "### Towels\n\nBring a towel." in guide
    double = (
        'def double(numbers):\n    """Double every number."""\n    return [2 * number for number in numbers]'
    )
    assert built("seglib/course/content/nb42/answers.py").endswith(f"\n\n\n{double}\n\n\nnumber = 7\n")


def test_only_some_notebooks(project, capsys):
    shutil.copy(project / "notebooks/source/42_towels.py", project / "notebooks/source/43_shells.py")
    assert [path.stem for path in build.sources(project)] == ["42_towels", "43_shells"]
    assert [path.stem for path in build.sources(project, ["42"])] == ["42_towels"]
    assert build.main(["44"]) == 2
    assert "no source '44'; there are 42_towels, 43_shells" in capsys.readouterr().out


def test_check_is_content_with_a_fresh_build_and_writes_nothing(project, built):
    before = {path: path.stat().st_mtime_ns for path in project.rglob("*")}
    assert build.main(["--check"]) == 0
    assert {path: path.stat().st_mtime_ns for path in project.rglob("*")} == before


STUDENT, SOLUTION = "notebooks/42_towels.ipynb", "notebooks/solutions/42_towels.ipynb"
ANSWERS = "seglib/course/content/nb42/answers.py"


@pytest.mark.parametrize(
    ("old", "new", "stale"),
    [
        ("A towel on", "Two towels on", [STUDENT, SOLUTION]),
        ("Bring a towel.", "Bring two.", ["docs/instructor.md"]),
        ("[2 * number for", "[number + number for", [ANSWERS, SOLUTION]),
    ],
)
def test_check_names_each_file_that_is_stale(project, built, capsys, old, new, stale):
    capsys.readouterr()
    rewrite(project, old, new)
    assert build.main(["--check"]) == 1
    *files, advice = capsys.readouterr().out.splitlines()
    assert files == [f"{path} is not what its source says." for path in stale] and "make notebooks" in advice


@pytest.mark.parametrize("name", ["notebooks/41_shells.ipynb", "notebooks/solutions/41_shells.ipynb"])
def test_check_finds_a_notebook_without_a_source(project, built, capsys, name):
    shutil.copy(project / "notebooks/42_towels.ipynb", project / name)
    assert build.main(["--check"]) == 1
    assert f"{name} has no source." in capsys.readouterr().out


def test_a_notebook_may_not_be_large(project, capsys):
    rewrite(project, "# ## Further", "# " + "word " * 50_000)
    assert build.main([]) == 2
    assert "a notebook may have 200000" in capsys.readouterr().out


def cell(text, *tags):
    return nbformat.v4.new_code_cell(text, id=f"c{abs(hash(text))}"[:12], metadata={"tags": list(tags)})


def test_a_run_keeps_the_text_of_tagged_cells_only(tmp_path):
    code = [
        cell("import os; print(os.environ['SEGLIB_PROFILE'], os.environ['SEGLIB_DATA'])", build.CHECKED),
        cell("print('not kept')"),
        cell("print(1)\nprint(2)\n3", build.CHECKED),
        cell(
            "from IPython.display import display\n"
            "display({'text/plain': 'a towel', 'text/html': '<p>', 'image/png': 'aGk='}, raw=True)",
            build.CHECKED,
        ),
    ]
    ran = nbformat.v4.new_notebook(cells=code)
    assert 20 < run(ran, tmp_path) < 500  # megabytes
    first, second, third, fourth = ran.cells
    assert first.outputs[0].text == "tiny none\n"
    assert second.outputs == [] and second.execution_count is None
    assert third.outputs[0].text == "1\n2\n" and third.outputs[1].data == {"text/plain": "3"}
    assert fourth.outputs[0].data == {"text/plain": "a towel", "text/html": "<p>"}
    assert all(set(each.metadata) == {"tags"} for each in ran.cells)
    assert "widgets" not in ran.metadata


def test_a_solution_that_is_not_right_stops_the_build(tmp_path):
    text = 'from seglib.course import check\ncheck("02.1", lambda pred, mask, num_classes: pred)'
    with pytest.raises(CellExecutionError, match="NotRightError"):
        run(nbformat.v4.new_notebook(cells=[cell(text)]), tmp_path)
