"""The leaderboard and the failures say in words what they show."""

import re

import torch

from seglib.course.results import failures, leaderboard, league, measures
from seglib.evaluate import Constant, OracleStride, evaluate
from seglib.scenes import Scenes

POOLS = Scenes(6, size=(48, 48))


def test_a_leaderboard_is_text_and_bars(capsys, monkeypatch):
    drawn = []
    monkeypatch.setattr("seglib.course.results.bars", lambda measures, alt: drawn.append((measures, alt)))
    table = {"all background": evaluate(Constant(0), POOLS), "oracle": evaluate(OracleStride(1), POOLS)}
    leaderboard(table, {"oracle": "sees the truth"})
    _, head, first, second = (re.split("  +", line) for line in capsys.readouterr().out.splitlines())
    assert head == ["", "mIoU %", "Boundary IoU of the objects %"]
    assert first[0] == "all background" and first[-1] == "0.0"  # the background has no outline of its own
    assert second == ["oracle", "100.0", "100.0", "sees the truth"]
    (measures, alt), *_ = drawn
    assert list(measures) == ["mIoU (%)", "Boundary IoU of the objects (%)"]
    assert "all background, oracle" in alt
    assert measures["mIoU (%)"]["oracle"] == 100


def test_failures_are_the_worst_first_next_to_their_truth(monkeypatch):
    shown = {}
    monkeypatch.setattr(
        "seglib.course.results.show_images", lambda images, **words: shown.update(images=images, **words)
    )
    preds = [POOLS[index][1].long() for index in range(len(POOLS))]
    preds[4] = torch.zeros(48, 48, dtype=torch.long)
    failures(preds, POOLS, "the net", number=2)
    assert shown["titles"][:2] == ["4: truth", "4: the net"] and len(shown["images"]) == 4
    assert shown["alt"] == "The 2 images on which the net does worst, next to the truth."
    failures(preds, POOLS, "the net", number=1)
    assert shown["alt"] == "The image on which the net does worst, next to the truth."


def test_a_league_has_four_measures_their_spread_and_the_laziest_answer(capsys):
    lazy, perfect = evaluate(Constant(0), POOLS), evaluate(OracleStride(1), POOLS)
    rare = torch.tensor([False] + [True] * (len(POOLS.classes) - 1))
    assert measures(lazy, rare) == {
        "mIoU": 100 * lazy.mean_iou,
        "rare IoU": 0,
        "class accuracy": 100 * lazy.mean_accuracy,
        "pixel accuracy": 100 * lazy.pixel_accuracy,
    }
    league({"perfect": [perfect], "either": [lazy, perfect]}, rare)
    title, *lines = capsys.readouterr().out.splitlines()
    assert title == "Scores in %, mean ± standard deviation of several runs"
    head, first, second, last = (line.split("  ") for line in lines)
    assert [word.strip() for word in head if word] == list(measures(lazy, rare))
    assert [word.strip() for word in first if word] == ["perfect", *["100.0"] * 4]
    assert "50.0 ± 70.7" in [word.strip() for word in second]
    assert last[0] == "all background" and last[-1].strip() == f"{100 * lazy.pixel_accuracy:.1f}"
    league({"perfect": [perfect]}, rare)
    assert capsys.readouterr().out.splitlines()[0] == "Scores in %"  # one run has no spread
