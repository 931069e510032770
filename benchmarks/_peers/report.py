"""The table from a file of finished runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from _peers import OURS, PEERS
from seglib.tables import Table

Row = dict[str, Any]
KEY = ("data", "split", "weights", "peer", "seconds", "seed")


def read(path: Path) -> dict[tuple[Any, ...], Row]:
    """The runs of a file by what was asked; of a run that was repeated, the last."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {key(row): row for row in map(json.loads, filter(None, lines))}


def key(row: Row) -> tuple[Any, ...]:
    """What makes two runs the same."""
    return tuple(row[name] for name in KEY)


def report(path: Path) -> None:
    """A table for each data set, split and round, and how soon ours is as good as the best peer."""
    runs = list(read(path).values())
    for machine in dict.fromkeys(row["machine"] for row in runs):
        print(machine)
    for group in dict.fromkeys(tuple(row[name] for name in KEY[:3]) for row in runs):
        chosen = [row for row in runs if key(row)[:3] == group]
        print(f"\n{table(group, chosen)}")
        for seed in sorted({row["seed"] for row in chosen}):
            print(verdict([row for row in chosen if row["seed"] == seed], seed))


def table(group: tuple[Any, ...], runs: list[Row]) -> Table:
    """A row for each run, by length and name."""
    data, split, weights = group
    names = [OURS, *PEERS]
    rows = [line(row) for row in sorted(runs, key=lambda row: (row["seconds"], names.index(row["peer"])))]
    if done := [row for row in runs if "error" not in row]:
        rows.append(["all of class 0", "", f"{100 * done[0]['lazy']:.1f}", *[""] * 5])
    cannot = [f"{name}: {peer.without}" for name, peer in PEERS.items() if peer.without]
    note = "%; seconds are of training alone, pictures being loaded counted"
    if weights == "imagenet":
        note += f".\nEverybody has the same ImageNet weights. Cannot have them: {'; '.join(cannot)}"
    columns = ["", "asked s", "mIoU", "Boundary IoU", "steps", "images/s", "used s", "seed"]
    return Table(f"{data}, judged on {split}, {weights}", columns, rows, note)


def line(row: Row) -> list[str]:
    """One run."""
    name, asked, seed = row["peer"], f"{row['seconds']:g}", str(row["seed"])
    if "error" in row:
        return [f"{name}: FAILED, {row['error']}", asked, *["-"] * 5, seed]
    scores = (f"{100 * row[what]:.1f}" for what in ("miou", "boundary"))
    return [name, asked, *scores, str(row["steps"]), f"{row['rate']:.1f}", f"{row['used']:.1f}", seed]


def verdict(runs: list[Row], seed: int) -> str:
    """The first length of ours that reaches the best peer's score after its longest training."""
    done = [row for row in runs if "error" not in row]
    peers = [row for row in done if row["peer"] != OURS]
    ours = sorted((row for row in done if row["peer"] == OURS), key=lambda row: row["seconds"])
    if not peers or not ours:
        return f"seed {seed}: nothing to compare yet"
    longest = max(row["seconds"] for row in peers)
    best = max((row for row in peers if row["seconds"] == longest), key=lambda row: row["miou"])
    said = f"seed {seed}: the best peer after {longest:g} s, {best['peer']}, has {100 * best['miou']:.1f};"
    for row in ours:
        if row["miou"] >= best["miou"]:
            share = best["used"] / row["used"]
            return (
                f"{said} ours has {100 * row['miou']:.1f} after {row['used']:.1f} s ({share:.1f} x as fast)"
            )
    return f"{said} ours does not reach it: {100 * ours[-1]['miou']:.1f} after {ours[-1]['used']:.0f} s"
