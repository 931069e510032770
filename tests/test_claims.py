"""Claims are judged by rows: what counts as a row, what is missing or stale, and what a table shows."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks import claims, experiments, render, rows
from benchmarks.claims import BY_ID, CLAIMS, EXPERIMENTS, FAILS, HOLDS, MIOU, MISSING, UNDECIDED, Results
from seglib.data.catalog import load
from tools import bench

ROOT = Path(__file__).resolve().parents[1]
NUMBERS = {"FCN-8s": (70.0, 71.0, 72.0), "FCN-16s": (60.0, 61.0, 62.0), "FCN-32s": (50.0, 51.0, 52.0),
           "FCN-32s, as long": (55.0, 55.0, 55.0)}  # fmt: skip


@pytest.fixture
def written(tmp_path):
    """Writes rows of today's code, as runs would: (arm -> mIoU of seeds, data) -> their results."""
    results = Results(tmp_path)

    def write(numbers, data="scenes", **other):
        for arm, values in numbers.items():
            one = results.of_arm[arm]
            for seed, value in enumerate(values):
                row = {"experiment": one.name, "arm": arm, "data": data, "seed": seed, "device": "a computer"}
                row |= {"options": one.options_for(data), "code": results.code[one.name]}
                row |= {"values": {MIOU: value}}
                rows.append(results.file(one.name), [row | other])
        return Results(tmp_path)

    return write


def test_every_claim_can_be_judged():
    arms = [arm for one in EXPERIMENTS for arm in one.arms]
    assert len(arms) == len(set(arms)) and len(BY_ID) == len(CLAIMS)
    for one in EXPERIMENTS:
        assert callable(getattr(experiments, one.name)), one.name
        assert len(one.seeds) >= 3, one.name
    for claim in CLAIMS:
        assert set(claim.arms) <= set(arms) and claim.sets, claim.id
        asked = []
        claim.gains(lambda arm, measure=MIOU: asked.append((arm, measure)) or 1.0)  # noqa: B023
        assert {arm for arm, _ in asked} <= set(claim.arms), claim.id
    names = {path.stem for path in rows.RESULTS.glob("*.jsonl")}
    assert names <= {one.name for one in EXPERIMENTS}, "rows that no claim reads"


@pytest.mark.parametrize(
    ("rule", "gains", "word"),
    [
        (claims.every_seed, [(1, 2), (0.1, 9)], HOLDS),
        (claims.every_seed, [(1, -2), (-0.1, 9)], FAILS),
        (claims.every_seed, [(1, 2), (-0.1, 9)], UNDECIDED),
        (claims.two_spreads, [(3,), (4,), (5,)], HOLDS),
        (claims.two_spreads, [(1,), (2,), (3,)], UNDECIDED),
        (claims.two_spreads, [(-3,), (-4,), (-5,)], FAILS),
    ],
)
def test_rules(rule, gains, word):
    assert rule(gains) == word


def test_a_verdict_needs_every_row_and_says_which_are_stale(written):
    assert Results(Path("nowhere")).verdict(BY_ID["R2"], "scenes").word == MISSING
    assert written(NUMBERS).verdict(BY_ID["R2"], "scenes") == (HOLDS, [10, 10, 10], False)
    assert written(NUMBERS).verdict(BY_ID["R2"], "pets").word == MISSING
    swapped = NUMBERS | {"FCN-8s": (60.0, 60.0, 60.0)}
    assert written(swapped).verdict(BY_ID["R2"], "scenes").word == FAILS
    earlier = written(NUMBERS, code="0123")
    assert earlier.verdict(BY_ID["R2"], "scenes") == (HOLDS, [10, 10, 10], True)
    assert "R2, scenes, FCN-8s: 0 missing, 3 stale" in earlier.gaps(BY_ID["R2"])
    assert "R2, pets, FCN-8s: 3 missing, 0 stale" in earlier.gaps(BY_ID["R2"])
    assert "fcn, pets, FCN-8s: 3 missing, 0 stale" in [
        gap for shown in render.shown() for gap in earlier.gaps(shown)
    ]
    assert written(NUMBERS, options={"steps": 1}).verdict(BY_ID["R2"], "scenes").stale


def test_an_unfinished_line_is_skipped_and_the_next_row_is_whole(tmp_path):
    file = tmp_path / "skips.jsonl"
    row = {"arm": "FCN-8s", "data": "pets", "seed": 0, "values": {MIOU: 1.0}}
    rows.append(file, [row])
    with file.open("a") as unfinished:
        unfinished.write('{"arm": "FCN-8s", "da')
    rows.append(file, [row | {"seed": 1}, row | {"values": {MIOU: 2.0}}])
    found = rows.read(file)
    assert sorted(found) == [("FCN-8s", "pets", 0), ("FCN-8s", "pets", 1)]
    assert found["FCN-8s", "pets", 0]["values"] == {MIOU: 2.0}  # of a row that was repeated, the last
    with pytest.raises(ValueError, match="JSON"):
        rows.append(file, [row | {"values": {MIOU: float("nan")}}])


def test_code_is_hashed_by_its_statements(tmp_path):
    (tmp_path / "a").mkdir()

    def hashed(text, own="one", saving="return 0", unused=None):
        (tmp_path / "a/b.py").write_text(f"x = 1\n\nclass Net:\n    def save(self):\n        {saving}\n")
        (tmp_path / "runs.py").write_text(text)
        return rows.code_hash(tmp_path, ["a"], ("runs.py", own, frozenset({"one", "two"})), unused)

    text = "def help():\n    return 1\n\n\ndef one():\n    return help()\n\n\ndef two():\n    return 2\n"
    same = text.replace("return 1", '"""Help."""\n    # one\n\n    return 1  # it is').replace("2", "3")
    assert hashed(text) == hashed(same)
    assert hashed(text) != hashed(text.replace("return 1", "return 7"))
    assert hashed(text, "two") != hashed(text.replace("return 2", "return 3"), "two")
    save = {"a/b.py": frozenset({"save"})}
    assert hashed(text, saving="return 1") != hashed(text)
    assert hashed(text, saving="return 1", unused=save) == hashed(text, unused=save)
    assert hashed(text, unused={"a/c.py": frozenset({"save"})}) == hashed(text)
    before = hashed(text)
    (tmp_path / "a/b.py").write_text("x = 2\n")
    assert rows.code_hash(tmp_path, ["a"], ("runs.py", "one", frozenset({"one", "two"}))) != before


@pytest.fixture
def fake_runs(monkeypatch, tmp_path):
    """Experiments that take no time, in a folder of their own; the runs that were done."""
    done = []

    def run(data, seed, arms, options):
        done.append((data, seed))
        if seed == 1 and len(done) == 2:
            raise MemoryError("no memory")
        return {arm: {MIOU: 70.0 - 10 * place + seed, "IoU of kelp, %": float("nan")} for place, arm in
                enumerate(("FCN-8s", "FCN-16s", "FCN-32s", "FCN-32s, as long"))}  # fmt: skip

    monkeypatch.setattr(experiments, "skips", run)
    monkeypatch.setattr(bench, "Results", lambda *given: Results(tmp_path))
    monkeypatch.setenv("SEGLIB_DATA", "none")
    return done


def test_filling_resumes_and_names_what_was_not_run(fake_runs, capsys):
    assert bench.main(["--claim", "R2", "--minutes", "-1"]) == 1 and fake_runs == []  # no time is left
    assert "run this again to resume" in capsys.readouterr().out
    assert bench.main(["--claim", "R2"]) == 1  # one run failed, the others are kept
    said = capsys.readouterr().out
    assert "MemoryError: no memory" in said and "skips on pets was not run: pets is not on" in said
    assert fake_runs == [("scenes", 0), ("scenes", 1), ("scenes", 2)]
    bench.main(["--claim", "R2"])
    assert fake_runs[3:] == [("scenes", 1)]
    bench.main(["--claim", "R2"])
    assert len(fake_runs) == 4
    row = bench.Results().row("FCN-8s", "scenes", 2)
    assert row["values"] == {MIOU: 72.0} and row["options"]["steps"] == 120
    assert {"commit", "versions", "device", "seconds", "code"} <= set(row)
    assert bench.main(["--claim", "R99"]) == 2 and "There is no claim R99" in capsys.readouterr().out


def test_libraries_that_are_not_installed_are_not_run(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(bench, "Results", lambda *given: Results(tmp_path))
    monkeypatch.setattr(bench, "_installed", lambda package: False)
    monkeypatch.setattr("seglib.data.catalog.found", lambda: {"pets": "", "camvid": ""})
    assert bench.main(["--claim", "P2"]) == 1
    assert "peers on pets was not run: segmentation-models-pytorch, lightning" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_claims_are_rendered_and_missing_rows_are_named(written, tmp_path, capsys):
    root = tmp_path / "root"
    (root / "docs").mkdir(parents=True)
    (root / "README.md").write_text("# A\n\n<!-- table:claims -->\n<!-- /table -->\n\nText.\n")
    (root / "benchmarks/results").mkdir(parents=True)
    for file in (ROOT / "benchmarks/results").glob("*.jsonl"):
        if file.stem != "skips":
            (root / "benchmarks/results" / file.name).symlink_to(file)
    assert bench.show(root) == 1
    assert "R2, scenes, FCN-8s: 3 missing, 0 stale" in capsys.readouterr().out
    text = (root / "docs/claims.md").read_text()
    assert all(f"## {claim.id}\n\n{claim.says}" in text for claim in CLAIMS)
    assert "| scenes | " in (root / "README.md").read_text().split("Text.")[0]
    once = (root / "README.md").read_text()
    bench.show(root)
    assert (root / "README.md").read_text() == once


def test_a_table_invents_nothing(written):
    found = written({"FCN-8s": (70.0, 71.0, 72.0), "FCN-16s": (60.0, 61.0)}, code="earlier")
    text = render.table("R2", found)
    line = next(line for line in text.splitlines() if line.startswith("| FCN-8s |"))
    assert "71.0 ± 1.0 |" in line and line.count(MISSING) == 4
    assert "| FCN-16s | 60.5 ± 0.7 (2 of 3 seeds) |" in text and "3 seeds" in text and "a computer" in text
    assert "71.0 ± 1.0 \\* |" in render.table("R2", found, marks=True)
    with pytest.raises(ValueError, match="there is no table 'R99'"):
        render.fill("a\n\n[[table:R99]]\n", found)
    assert render.fill("see `[[table:R99]]`", found) == "see `[[table:R99]]`"


def test_a_table_says_which_images_its_numbers_are_of(written):
    found = written({"FCN-8s": (70.0,)})
    assert render.table("R2", found).splitlines()[-1].startswith("*Test splits, mean")
    labels, both = (render.table(name).splitlines()[-1] for name in ("labels", "boxes-pets"))
    assert labels.startswith("*Training images, mean") and "test" not in labels and "steps" not in labels
    assert both.startswith("*Labels: training images; nets: test splits, mean") and "40 test images" in both
    assert "| 0 |" in render.table("labels") and "0.000" not in render.table("labels")


@pytest.mark.parametrize("name", sorted(render.known()))
def test_every_table_can_be_made(name, tmp_path):
    assert MISSING in render.table(name, Results(tmp_path))


def test_the_page_is_what_the_rows_say():
    page = (ROOT / "docs/claims.md").read_text("utf-8")
    made = render.page(Results())
    assert page.replace(render.MARK, "") == made.replace(render.MARK, ""), "run `make claims`"


def test_claims_need_no_torch():
    code = "import sys; sys.modules['torch'] = sys.modules['numpy'] = None; from tools import bench"
    code += "; bench.Results().code"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def test_an_experiment_gives_what_its_claim_asks_for():
    options = {"judged": 2, "size": [32, 32]}
    for claim in ("R1", "A5"):
        one = BY_ID[claim].experiments[0]
        found = getattr(experiments, one.name)("scenes", 0, one.arms, options)
        assert set(found) == set(one.arms)
        assert all(set(BY_ID[claim].measures) <= set(values) for values in found.values())
        json.dumps(found)


def test_pieces_of_a_class_are_objects():
    photo = load("photo")
    name = photo.classes.names[int(photo.instances(0).classes[0])]
    things = experiments.Objects(photo, [name])
    objects, mask = things.instances(0), things[0][1].as_subclass(torch.Tensor)
    assert torch.equal(objects.masks.any(0), mask == 1) and (objects.masks.flatten(1).sum(1) >= 50).all()
    corner = torch.tensor([[True, False], [False, True]])
    assert len(experiments.pieces(corner, 1)) == 1  # as everywhere: pixels that touch at a corner are one


def test_runs_side_by_side_leave_out_those_that_measure_time(tmp_path):
    alone = claims.Experiment("times", (("one image",),), claims.IMAGES, data=("scenes",), alone=True)
    few = [replace(Results(tmp_path).experiments["touching"], options={"judged": 2}), alone]
    results = Results(tmp_path, experiments=few)
    jobs = list(bench.missing([BY_ID["A5"], BY_ID["R5"]], results))
    problems = bench.run_jobs(jobs, results, 600, workers=2)
    assert problems == ["times measures time: run it alone, without --workers"]
    made = rows.read(results.file("touching"))
    assert set(made) == {("the true masks", "scenes", seed) for seed in range(3)}
