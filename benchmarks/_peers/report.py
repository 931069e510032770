"""The tables from a file of finished runs."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

from _rows import spread

from _peers import OURS, PEERS
from seglib.tables import Table

Row = dict[str, Any]
KEY = ("data", "split", "weights", "peer", "seconds", "seed", "machine")
COLUMNS = ["", "asked s", "mIoU", "Boundary IoU", "steps", "images/s", "used s", "mIoU of seeds 0, 1, ..."]


def read(path: Path) -> dict[tuple[Any, ...], Row]:
    """The runs of a file by what was asked and on which machine; of a run that was repeated, the last."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {key(row): row for row in map(json.loads, filter(None, lines))}


def key(row: Row) -> tuple[Any, ...]:
    """What makes two runs the same."""
    return tuple(row[name] for name in KEY)


def report(path: Path) -> None:
    """A table for each machine, data set, split and round, and how soon ours is as good as the best peer."""
    runs = list(read(path).values())
    for machine in dict.fromkeys(row["machine"] for row in runs):
        print(f"{machine}\n")
        here = [row for row in runs if row["machine"] == machine]
        for group in dict.fromkeys(key(row)[:3] for row in here):
            lengths = gathered([row for row in here if key(row)[:3] == group])
            print(f"{table(group, lengths)}\n{verdict(lengths, group[2])}\n")


def gathered(runs: list[Row]) -> dict[tuple[float, str], list[Row]]:
    """The seeds of each length and peer: the shorter first, then ours, then in the order of PEERS."""
    names = [OURS, *PEERS]
    runs = sorted(runs, key=lambda row: (row["seconds"], names.index(row["peer"]), row["seed"]))
    lengths: dict[tuple[float, str], list[Row]] = {}
    for row in runs:
        lengths.setdefault((row["seconds"], row["peer"]), []).append(row)
    return lengths


def table(group: tuple[Any, ...], lengths: dict[tuple[float, str], list[Row]]) -> Table:
    """A row for each peer and length."""
    data, split, weights = group
    rows = [line(seconds, name, runs) for (seconds, name), runs in lengths.items()]
    if done := [row for runs in lengths.values() for row in runs if "error" not in row]:
        rows.append(["all of class 0", "", f"{100 * done[0]['lazy']:.1f}", *[""] * 5])
    cannot = [f"{name}: {peer.without}" for name, peer in PEERS.items() if peer.without]
    note = (
        "%, mean ± standard deviation; seconds are of training alone, images being loaded counted.\n"
        "Boundary IoU is the mean without background"
    )
    if weights == "imagenet":
        note += f".\nEverybody has the same ImageNet weights. Cannot have them: {'; '.join(cannot)}"
    return Table(f"{data}, judged on {split}, {weights}", COLUMNS, rows, note)


def line(seconds: float, name: str, runs: list[Row]) -> list[str]:
    """A peer's training runs of one length."""
    if failed := [row for row in runs if "error" in row]:
        return [f"{name}: FAILED, {failed[0]['error']}", f"{seconds:g}", *["-"] * 6]
    scores = [[100 * row[what] for row in runs] for what in ("miou", "boundary")]
    seeds = ", ".join(f"{score:.1f}" for score in scores[0])
    pace = [f"{mean(runs, 'steps'):.0f}", f"{mean(runs, 'rate'):.1f}", f"{mean(runs, 'used'):.0f}"]
    return [name, f"{seconds:g}", *map(spread, scores), *pace, seeds]


def verdict(lengths: dict[tuple[float, str], list[Row]], weights: str) -> str:
    """Who is missing, and the first length of ours whose mean reaches the best peer's of the longest."""
    done = {what: runs for what, runs in lengths.items() if not any("error" in row for row in runs)}
    peers = [what for what in done if what[1] != OURS]
    if not peers or not (ours := [what for what in done if what[1] == OURS]):
        return "nothing to compare yet"
    able = [name for name, peer in PEERS.items() if weights == "scratch" or not peer.without]
    longest = max(seconds for seconds, _ in peers)
    best = max((what for what in peers if what[0] == longest), key=lambda what: mean(done[what], "miou"))
    goal = mean(done[best], "miou")
    absent = [name for name in able if (longest, name) not in done]
    missing = f"Not measured here for {longest:g} s: {', '.join(absent)}.\n" if absent else ""
    said = f"{missing}The best peer after {longest:g} s, {best[1]}, has {100 * goal:.1f};"
    for what in ours:
        if (reached := mean(done[what], "miou")) >= goal:
            share = mean(done[best], "used") / mean(done[what], "used")
            seeds = sum(row["miou"] >= goal for row in done[what])
            return (f"{said} ours has {100 * reached:.1f} after {what[0]:g} s, {share:.1f} times as fast "
                    f"({seeds} of {len(done[what])} seeds reach that mean).")  # fmt: skip
    return f"{said} ours does not reach it: {100 * mean(done[ours[-1]], 'miou'):.1f} after {ours[-1][0]:g} s."


def mean(runs: list[Row], what: str) -> float:
    """Over the seeds."""
    return statistics.mean(row[what] for row in runs)
