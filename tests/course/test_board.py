"""The leaderboard with its costs; a class's boards merged; segmenters kept from one notebook to the next."""

import json
import math
from dataclasses import asdict, replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from seglib import backbones
from seglib.__main__ import app
from seglib.course import content
from seglib.course.board import Board, Row, chart, chart_figure, read
from seglib.course.budget import Price
from seglib.course.kept import cold_seconds, count_objects, keep, kept
from seglib.data import in_memory
from seglib.evaluate import Constant, OracleStride, evaluate
from seglib.fcn import FCN, FCNSegmenter
from seglib.labels import Classes
from seglib.metrics import confusion_matrix
from seglib.scenes import Scenes
from seglib.segmenters import NetSegmenter

POOLS = Scenes(3, split="test", size=(48, 40))
PRICE = Price(box=6, mask=60, source="a test")


class Seen(nn.Module):
    """Scores background highest everywhere, and remembers the size of its images."""

    def __init__(self):
        super().__init__()
        self.scores = nn.Parameter(torch.arange(len(POOLS.classes), 0, -1).float())
        self.sizes = set()

    def forward(self, images):
        self.sizes.add(tuple(images.shape[2:]))
        return self.scores[None, :, None, None].expand(len(images), -1, *images.shape[2:]).clone()


def board(**rows):
    made = Board(POOLS, size=(24, 24), profile="tiny")
    made.add(Constant(0), family="baseline", name="all background")
    for name, segmenter in rows.items():
        made.add(segmenter, family="own", name=name, train_seconds=2, minutes=3, origin="a test")
    return made


def row(name="a", miou=0.5, seconds=0.1, minutes=1.0):
    return Row(name, "fcn", miou, 0.4, 0.3, 60.0, seconds, 10, 20, minutes, "a test")


def test_a_row_has_the_judge_s_scores_and_its_costs():
    made = board()
    scores, lazy = replace(evaluate(Constant(0), POOLS), present="truth"), made.rows["all background"]
    assert lazy.mean_iou == scores.mean_iou and lazy.rare_iou == lazy.boundary == lazy.minutes == 0
    assert (lazy.weights, lazy.peak_bytes) == (0, 48 * 40 * 8)  # one mask of int64
    pixels = scores.confusion.sum(1)
    assert pixels[POOLS.classes.index(made.rare)] == pixels[1:][pixels[1:] > 0].min()
    assert "48 x 40" not in str(made) and "within 24 x 24" in str(made) and "tiny" in str(made)
    counts = made.counts("all background")
    assert torch.equal(counts[1], confusion_matrix(torch.zeros(48, 40).long(), POOLS[1][1], 10))
    assert torch.equal(counts.sum(0), scores.confusion)


def test_every_net_sees_the_same_size_whatever_it_was_made_for():
    nets = [Seen(), Seen()]
    made = board(
        small=NetSegmenter(nets[0], POOLS.classes, size=(16, 16)),
        large=NetSegmenter(nets[1], POOLS.classes, size=(48, 48), scale=2),
    )
    assert nets[0].sizes == nets[1].sizes == {(24, 20)}
    assert made.preds["small"][0].shape == (48, 40) and made.segmenters["large"].size == (24, 24)
    assert made.rows["small"].weights == len(POOLS.classes)
    assert made.rows["small"].mean_iou == made.rows["all background"].mean_iou


def test_the_best_row_comes_first_and_a_name_is_there_once():
    class Rough:
        name = "rough"

        def predict(self, image):
            index = next(i for i in range(len(POOLS)) if torch.equal(POOLS[i][0], image))
            return OracleStride(8).predict(*POOLS[index])

    made = board(rough=Rough())
    assert [line[0] for line in made.table.rows] == ["rough", "all background"]
    made.add(Constant(0), family="own", name="rough")
    assert len(made.rows) == 2 and made.rows["rough"].minutes == 0


def test_memory_counts_what_is_alive_at_once_not_what_was_made():
    class Steps:
        name = "steps"

        def predict(self, image):
            held = image[0].long()
            for _ in range(5):
                held = held + 1
            return held.clamp(max=1)

    assert board(steps=Steps()).rows["steps"].peak_bytes == (2 * 8 + 3) * 48 * 40  # two masks, and the image


@pytest.mark.parametrize(
    ("segmenter", "family", "said"),
    [(Constant(0), "magic", "there is no family 'magic'"), (OracleStride(2), "own", "sees the truth")],
)
def test_what_has_no_place_on_a_board_is_refused(segmenter, family, said):
    with pytest.raises(ValueError, match=said):
        board().add(segmenter, family=family)


def test_a_chart_tells_every_row_in_words(capsys):
    rows = [row("free", 0.1, minutes=0.0), row("cheap", 0.4), row("dear", 0.6, minutes=50.0)]
    chart(rows, "minutes", [0, 2])
    said = capsys.readouterr().out
    assert "minutes of labelling, on a log axis" in said and "dear 60.0 % at 50" in said
    assert said.rstrip().endswith("On the line: free, dear.")
    (axis,) = chart_figure(rows, "minutes", [0, 1, 2]).axes
    assert axis.get_xscale() == "log"
    assert sorted(axis.lines[-1].get_xdata()) == [1.0, 50.0]
    many = chart_figure([row(str(k)) for k in range(40)], "image_seconds")
    assert [text.get_text() for text in many.legends[0].texts] == ["fcn"]


@pytest.fixture
def sheet(tmp_path):
    """Writes a board of a student to a file."""

    def write(name, student="Ada", **changes):
        path = board().write(student, tmp_path / name)
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))
        return path

    return write


@pytest.fixture
def page(tmp_path):
    return tmp_path / "page.html"


def merged(page, *files):
    return CliRunner().invoke(app, ["board", *map(str, files), "--out", str(page)])


def test_a_class_s_boards_become_one_table_and_one_page(sheet, page):
    others = [asdict(row("mine <b>", 0.9))]
    ran = merged(page, sheet("a.json"), sheet("b.json", "Ben", rows=others), sheet("c.json"))
    assert ran.exit_code == 0 and "3 of 3 boards" in ran.output
    for student in ("Ada 1", "Ben", "Ada 2"):  # who hands in twice is kept apart
        assert student in ran.stdout
    text = page.read_text()
    assert text.count("<table>") == 1 and "mine &lt;b&gt;" in text and "<b>" not in text
    assert text.index("mine") < text.index("Ada"), "the best row comes first"


def test_rows_judged_on_other_images_or_in_another_profile_stand_in_another_table(sheet, page):
    other, faster = sheet("b.json", "Ben", fingerprint="other"), sheet("c.json", "Cleo", profile="gpu")
    assert merged(page, sheet("a.json"), other, faster, sheet("d.json", "Dan")).exit_code == 0
    assert page.read_text().count("<table>") == 3


GOOD = asdict(row())
BAD = {
    "not JSON": ("{", "not JSON"),
    "another file": ('{"a": 1}', "is not a board of this version"),
    "a list": ("[]", "is not a board of this version"),
    "too large": (" " * 1_000_001, "too large"),
    "no rows": ({"rows": []}, "1 to 200 rows"),
    "a field is missing": ({"rows": [{"name": "a"}]}, "row 1 has other fields"),
    "a share above 1": ({"rows": [GOOD, GOOD | {"mean_iou": 1.5}]}, "row 2: mean_iou cannot be 1.5"),
    "not a number": ({"rows": [GOOD | {"mean_iou": math.nan}]}, "mean_iou cannot be nan"),
    "negative seconds": ({"rows": [GOOD | {"image_seconds": -1}]}, "image_seconds cannot be -1"),
    "endless": ({"rows": [GOOD | {"minutes": math.inf}]}, "minutes cannot be inf"),
    "a text for a number": ({"rows": [GOOD | {"weights": "many"}]}, "weights cannot be 'many'"),
    "true for a number": ({"rows": [GOOD | {"weights": True}]}, "weights cannot be True"),
    "no such family": ({"rows": [GOOD | {"family": "magic"}]}, "no family 'magic'"),
    "control characters": ({"student": "Ada\x1b[2J"}, "'student' must be a text"),
}


@pytest.mark.parametrize(("change", "said"), BAD.values(), ids=BAD.keys())
def test_a_bad_file_is_one_sentence_that_names_it_and_the_others_are_merged(sheet, page, change, said):
    bad = sheet("bad.json", **(change if isinstance(change, dict) else {}))
    if isinstance(change, str):
        bad.write_text(change)
    ran = merged(page, bad, sheet("good.json", "Ben"))
    assert ran.exit_code == 1
    assert "bad.json: " in ran.stderr and said in ran.stderr and len(ran.stderr.splitlines()) == 1
    assert "Ben" in page.read_text()


def test_where_no_file_can_be_read_there_is_no_page(page):
    ran = merged(page, page.with_name("none.json"))
    assert ran.exit_code == 1 and "none.json: cannot be read" in ran.stderr and not page.exists()


def test_a_board_without_outlines_can_be_handed_in(tmp_path):
    made = board()
    made.rows["all background"] = Row(**asdict(row()) | {"boundary": math.nan})
    assert math.isnan(read(made.write("Ada", tmp_path / "a.json")).rows[0].boundary)


@pytest.mark.parametrize("student", ["", "  ", "a" * 61])
def test_a_student_has_a_name(student):
    with pytest.raises(ValueError, match="1 to 60 characters"):
        board().write(student)


def session(profile="tiny"):
    return SimpleNamespace(lesson=content.load("05b"), profile=SimpleNamespace(name=profile))


def small_net():
    torch.manual_seed(0)
    return FCNSegmenter(FCN(backbones.load("small"), 10, stride=8), POOLS.classes)


@pytest.fixture
def stored(home):
    """A net, kept."""
    segmenter = small_net()
    keep(session(), segmenter, in_memory(POOLS), name="FCN-8s, mine", family="fcn", seconds=12)
    return segmenter


def test_a_kept_net_comes_back_with_what_it_cost(stored):
    (one,) = kept(session(), POOLS)
    assert (one.name, one.family, one.origin, one.seconds) == ("FCN-8s, mine", "fcn", "notebook 05b", 12)
    assert (one.images, one.objects) == (3, sum(len(POOLS.instances(i)) for i in range(3)))
    assert one.row(PRICE) == {
        "name": one.name, "family": "fcn", "origin": one.origin, "train_seconds": 12, "minutes": one.objects
    }  # fmt: skip
    assert torch.equal(one.segmenter.predict(POOLS[0][0]), stored.predict(POOLS[0][0]))
    # Boxes cost less, and the same name is replaced.
    keep(session(), stored, POOLS, name="FCN-8s, mine", family="weak", seconds=3, labels="box")
    (one,) = kept(session(), POOLS)
    assert one.family == "weak" and one.row(PRICE)["minutes"] == one.objects / 10


def test_nets_of_other_profiles_data_and_classes_stay_where_they_are(stored):
    other = Scenes(1, size=(48, 40))
    other.classes = Classes.of("background", "fish")
    assert kept(session("gpu"), POOLS) == kept(session(), other) == []


@pytest.mark.parametrize(("suffix", "content_of"), [(".pt", b"cut off"), (".pt", None), (".json", b"{}")])
def test_a_damaged_file_is_one_sentence_and_left_out(stored, home, capsys, suffix, content_of):
    path = next((home / "kept").glob(f"*{suffix}"))
    path.unlink() if content_of is None else path.write_bytes(content_of)
    assert kept(session(), POOLS) == []
    assert "cannot be used" in capsys.readouterr().out


def test_a_closed_disk_loses_nothing_but_the_copy(read_only, monkeypatch, capsys):
    monkeypatch.setenv("SEGLIB_HOME", str(read_only))
    keep(session(), small_net(), POOLS, name="a net", family="fcn", seconds=1)
    assert "was not kept" in capsys.readouterr().out


def test_objects_of_a_large_data_set_are_estimated_from_its_whole_length():
    class Sorted(Scenes):
        def instances(self, index):
            return [None] * (1 if index < 61 else 3)

    assert count_objects(Sorted(122, size=(48, 40))) == pytest.approx(244, rel=0.02)
    Sorted.instances = lambda self, index: None
    with pytest.raises(ValueError, match="does not know its objects"):
        count_objects(Sorted(2, size=(48, 40)))


def test_features_on_the_disk_do_not_make_training_look_fast():
    slow = SimpleNamespace(extractor=SimpleNamespace(extract=lambda image: torch.zeros(10).sum()))
    assert cold_seconds(slow, POOLS, measured=7) == 7
    assert cold_seconds(slow, POOLS, measured=0) > 0
