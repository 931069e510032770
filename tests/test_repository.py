"""The repository itself: tidy files, commands that exist, whole licences, one version."""

from __future__ import annotations

import ast
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tokenize
import tomllib
from pathlib import Path

import pytest
import yaml

import seglib
from seglib.course import content
from tools import bench, checks, tidy

ROOT = Path(__file__).resolve().parent.parent
#: of the text as its authors publish it
APACHE = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
BROWSERLESS = ["IPython", "ipywidgets", "anywidget", "jupyterlab", "jupyter_client", "traitlets", "nbformat"]


def tracked(*patterns: str) -> list[Path]:
    """The files that git knows; outside of a checkout the test is skipped."""
    listed = subprocess.run(["git", "ls-files", "-z", *patterns], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("git: this is not a checkout")
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def targets() -> set[str]:
    """What the Makefile can be asked for."""
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_every_file_is_tidy() -> None:
    assert [line for path in tracked() for line in tidy.complaints(path)] == []


def test_untidy_files_are_noticed_and_mended(tmp_path: Path) -> None:
    text = tmp_path / "text.md"
    for given, mended in [(b"a", b"a\n"), (b"a\n\n", b"a\n"), (b"a \t\n", b"a\n")]:
        text.write_bytes(given)
        assert tidy.main([str(text)]) == 1 and text.read_bytes() == mended
        assert tidy.main([str(text)]) == 0
    text.write_bytes(b"<<<<" + b"<<< HEAD\n")
    assert "conflict" in tidy.complaints(text)[0]
    text.write_bytes(b"x" * 200_000 + b"\n")
    assert "200001 bytes" in tidy.complaints(text)[0]
    (tmp_path / "image.jpg").write_bytes(b"\0\1\2")
    assert tidy.complaints(tmp_path / "image.jpg") == []


def test_no_package_registry_is_named() -> None:
    hosts = re.compile(rb"py[p]i\.org|python[h]osted\.org|download\.[p]ytorch|conda\.[a]naconda|index[_]url=")
    for path in tracked():
        assert not hosts.findall(path.read_bytes()), path


def code_lines(path: Path) -> set[int]:
    """The numbers of the lines of a Python file that are not blank, comment or docstring."""
    skipped = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    skipped |= {tokenize.ENDMARKER, tokenize.ENCODING}
    with path.open("rb") as file:
        tokens = [token for token in tokenize.tokenize(file.readline) if token.type not in skipped]
    lines = {line for token in tokens for line in range(token.start[0], token.end[0] + 1)}
    return lines - {line for node in ast.walk(ast.parse(path.read_text("utf-8"))) for line in docstring(node)}


def docstring(node: ast.AST) -> range:
    """The line numbers of a definition's docstring."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Module)) and node.body:
        first = node.body[0]
        if isinstance(first, ast.Expr) and isinstance(getattr(first.value, "value", None), str):
            return range(first.lineno, (first.end_lineno or first.lineno) + 1)
    return range(0)


def budgets() -> dict[str, tuple[int, int]]:
    """Folder -> most files and most lines of code, as the table in docs/architecture.md says."""
    rows = re.findall(r"^\| `([\w/.*]+)` \| (\d+) \| (\d+) \|", ARCHITECTURE, re.MULTILINE)
    assert len(rows) > 10
    return {folder: (int(files), int(lines)) for folder, files, lines in rows}


@pytest.mark.parametrize(("pattern", "most"), budgets().items())
def test_every_part_keeps_its_budget(pattern: str, most: tuple[int, int]) -> None:
    """A new capability comes with its own lines, and they are written into the table in the same commit."""
    found = [path for path in tracked(f":(glob){pattern}") if path.suffix in (".py", ".js", ".css")]
    lines = 0
    for path in found:
        if path.suffix == ".py":
            lines += len(code_lines(path))
        else:
            written = [line.strip() for line in path.read_text("utf-8").splitlines()]
            lines += sum(bool(line) and not line.startswith(("//", "*", "/*")) for line in written)
    assert found and len(found) <= most[0] and lines <= most[1], (pattern, len(found), lines)


def test_files_and_functions_can_be_read_at_once() -> None:
    for path in tracked("seglib/*.py", "tools/*.py", "bootstrap.py"):
        assert len(path.read_text("utf-8").splitlines()) <= 450, path
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                length = (node.end_lineno or 0) - node.lineno + 1 - len(docstring(node))
                assert length <= 45, f"{path}: {node.name} has {length} lines"


FLOORS = [
    ["labels", "tables", "files", "machine", "progress"],
    ["data", "scenes", "backbones", "metrics", "losses", "boxes", "draw", "cache"],
    ["tiles", "train", "training", "evaluate", "export", "segmenters"],
    ["regions", "fcn", "weak"],
    ["widgets"],
    ["course"],
    ["__main__", "doctor", "train_command"],
]


def test_imports_only_go_down_and_never_in_a_circle() -> None:
    """Also inside functions and under TYPE_CHECKING; the three families do not import each other."""
    floor = {name: number for number, names in enumerate(FLOORS) for name in names}
    imports: dict[str, set[str]] = {}
    for path in tracked("seglib/*.py"):
        here = path.relative_to(ROOT).with_suffix("").parts
        module = ".".join(here).removesuffix(".__init__")
        imports[module] = imported(path)
        if len(here) == 2 and here[1] == "__init__":
            continue
        for other in imports[module]:
            there = other.split(".")[1]
            assert floor[there] <= floor[here[1]], f"{module} imports {other}, which lies above it"
            if here[1] in FLOORS[3]:
                assert there == here[1] or there not in FLOORS[3], f"{module} imports {other}"
    order: list[str] = []
    while len(order) < len(imports):
        ready = [name for name in imports if name not in order and imports[name] - {name} <= {*order}]
        assert ready, f"a circle of imports: {sorted(set(imports) - {*order})}"
        order += ready


def imported(file: Path) -> set[str]:
    """The modules of seglib that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "seglib":
            for name in node.names:
                path = ROOT / str(node.module).replace(".", "/") / name.name
                is_module = path.with_suffix(".py").exists() or path.is_dir()
                found.add(f"{node.module}.{name.name}" if is_module else str(node.module))
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names if name.name.startswith("seglib.")}
    return found - {"seglib"}


def test_the_licences_are_whole() -> None:
    assert hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest() == APACHE
    text = (ROOT / "LICENSE-TEXT").read_text()
    assert text.startswith("Attribution 4.0 International\n") and len(text.split()) > 2400
    assert all(f"Section {number} -- " in text for number in range(1, 9))


def test_the_version_is_one() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert project["version"] == citation["version"] == seglib.__version__
    assert project["license"] == citation["license"] == "Apache-2.0"
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", ".github/workflows/tests.yml", ".ci/run"])
def test_every_command_that_is_written_down_exists(name: str) -> None:
    text = (ROOT / name).read_text()
    asked = set(re.findall(r"(?:^\s*|`|=\S+ |: )make ([a-z]+)\b", text, re.MULTILINE))
    assert asked and asked <= targets(), asked - targets()
    assert set(re.findall(r"bootstrap\.py ([a-z]+)", text)) <= {"lab", "test", "run", "setup", "plan"}
    for script in re.findall(r"\b((?:tools|tests|docs|seglib|data)/[\w/]+\.\w+)\b", text):
        assert "98" in script or (ROOT / script).exists(), script  # 98 is CONTRIBUTING's example


@pytest.mark.parametrize("number", content.numbers())
def test_the_readme_s_map_of_the_course_is_true(number: str) -> None:
    lesson = content.load(number)
    row = rf"^\| {number} \| {lesson.id.partition('_')[2]} \| .* \| {lesson.minutes} \|$"
    assert re.search(row, (ROOT / "README.md").read_text(), re.MULTILINE), f"README.md: {lesson.id}"


def test_make_help_names_every_target() -> None:
    if not shutil.which("make"):
        pytest.skip("make: not on this machine")
    said = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"^  make ([a-z]+)", said, re.MULTILINE)) == targets()


def test_ci_scripts_are_sound() -> None:
    script = ROOT / ".ci" / "run"
    if bash := shutil.which("bash"):
        subprocess.run([bash, "-n", script], check=True)
    assert os.name == "nt" or os.access(script, os.X_OK)
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text())["jobs"]
    assert jobs["newest"]["strategy"]["matrix"]["os"] == ["ubuntu-latest", "macos-latest", "windows-latest"]
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [each["repo"] for each in hooks] == ["local"], "a hook from elsewhere has other versions"


@pytest.mark.skipif(os.name == "nt", reason="bash and apt-get: not on Windows")
def test_ci_brings_a_browser_and_makes_its_tests_mandatory(tmp_path: Path) -> None:
    binaries, checkout = tmp_path / "bin", tmp_path / "course"
    (checkout / ".ci").mkdir(parents=True)
    (tmp_path / "shared" / "data").mkdir(parents=True)
    binaries.mkdir()
    shutil.copy(ROOT / ".ci" / "run", checkout / ".ci")
    for name in ("bash", "dirname", "env", "id"):
        (binaries / name).symlink_to(str(shutil.which(name)))
    for name in ("apt-get", "make", "sudo"):
        echo = 'exec "$@"' if name == "sudo" else f'echo "{name} $@ $SEGLIB_BROWSER $SEGLIB_DATA"'
        (binaries / name).write_text(f"#!{binaries / 'bash'}\n{echo}\n")
        (binaries / name).chmod(0o755)

    def said() -> str:
        command, variables = [binaries / "bash", ".ci/run"], {"PATH": str(binaries), "CI": "true"}
        return subprocess.check_output(command, cwd=checkout, env=variables, text=True)

    update, install, test = said().splitlines()[1:]
    assert update.startswith("apt-get update") and "chromium" in install
    assert test == f"make test required {tmp_path / 'shared' / 'data'}"
    (binaries / "chromium").symlink_to("/bin/true")
    assert said() == f"{test}\n"


def test_floors_0_to_3_need_no_jupyter() -> None:
    parts = [path.relative_to(ROOT).with_suffix("").parts for path in tracked("seglib/*.py")]
    floors = [part for part in parts if part[1] not in ("course", "widgets", "__main__")]
    names = [".".join(part).removesuffix(".__init__") for part in floors]
    code = f"import sys, importlib\nfor name in {BROWSERLESS}: sys.modules[name] = None\n"
    code += f"for name in {names}: importlib.import_module(name)"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def test_steps_and_benchmarks_that_do_not_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert checks.main(["nonsense"]) == 2 and "the steps are lint, units" in capsys.readouterr().out
    assert bench.main(["nonsense"]) == 2 and "There is no benchmark nonsense" in capsys.readouterr().out
