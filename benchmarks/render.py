"""Tables and `docs/claims.md` from rows; the standard library only, so that it takes seconds."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from benchmarks.claims import (
    BY_ID,
    CLAIMS,
    DATA,
    FAILS,
    HOLDS,
    LABEL,
    MIOU,
    MISSING,
    OUTLINE,
    UNDECIDED,
    Claim,
    Results,
    Shown,
)

HEAD = """# Claims

Made by `make claims` from the rows in `benchmarks/results/`; the registry is `benchmarks/claims.py`, where
each rule stands as code. A margin is by how much a claim holds, the least of its conditions, in each seed;
above 0 it holds there. Every seed must agree for a verdict, else it is undecided. Nothing was chosen on the
test splits that these numbers are of. Networks are small, runs are short: a verdict says what happens here,
not that a paper is wrong. \\* was measured with earlier code or other options.
"""
MARK = " \\*"  # measured with earlier code or options
WORDS = {"images": "{} training images", "judged": "{} test image{}", "steps": "{} steps of 8 images",
         "number": "{} regions", "crop": "crops of {} pixels", "sigma": "a blur of {} pixels",
         "frequency": "the rare class {} times as often as others"}  # fmt: skip
LABELS = (LABEL, "label mIoU before, %", "ignored, %")  # measured on training images, all else on test splits
VERDICTS = (HOLDS, FAILS, UNDECIDED, MISSING)
PLACE = re.compile(r"^\[\[table:([\w.-]+)\]\]$", re.MULTILINE)
#: in a Markdown file that no notebook makes, a table stands between these lines
BLOCK = re.compile(r"(<!-- table:([\w.-]+) -->\n).*?(<!-- /table -->)", re.DOTALL)
#: tables that are no claim's: arms, measures, data sets
TABLES: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "fcn": (
        ("FCN-32s", "FCN-16s", "FCN-8s", "FCN-32s, as long", "FCN-8s at once", "the same, score layers only",
         "the same, from scratch"),
        (MIOU, OUTLINE), DATA,
    ),
    "regions": (
        ("full", "foreground", "joined", "FCN-8s on the same images"), (MIOU, OUTLINE), DATA,
    ),
    **{
        f"boxes-{name}": (
            ("full supervision", "M-and-G+", "GrabCut+", "GrabCut+-i", "Box-i", "filled boxes",
             "BoxSup, round 0"),
            ("label mIoU, %", "ignored, %", MIOU, OUTLINE), (name,),
        )
        for name in DATA
    },
    "labels": (("M-and-G+", "GrabCut+", "GrabCut+-i", "Box-i", "filled boxes", "BoxSup, round 0"),
               ("label mIoU, %", "ignored, %"), DATA),
    "rounds": (("naive recursion", "the rules", "GrabCut+, round 1"),
               ("label mIoU before, %", "label mIoU, %", MIOU), DATA),
    "mixed": (("GrabCut+", "the masks of 1 in 11", "the masks of 1 in 4", "the masks of 1 in 2",
               "boxes, and the masks of 1 in 4", "full supervision"), (MIOU, "labelling, min"), DATA),
    "searches": (("ours, FAST", "OpenCV, Quality"),
                 ("boxes", "ABO, %", "ABO at the same number, %", "an image, s"), ("pets", "camvid")),
}  # fmt: skip


def shown() -> list[Shown]:
    """The tables that are no claim's, by what they need."""
    return [Shown(name, arms, sets) for name, (arms, _, sets) in TABLES.items()]


@cache
def results() -> Results:
    """The repository's rows, read once."""
    return Results()


def known() -> set[str]:
    """What `[[table:...]]` can name."""
    return {"claims", *BY_ID, *TABLES}


def fill(text: str, found: Results | None = None) -> str:
    """Put tables in the place of lines `[[table:R2]]`.

    Raises:
        ValueError: there is no such table.
    """
    return PLACE.sub(lambda match: table(match[1], found), text)


def refresh(text: str, found: Results | None = None) -> str:
    """A Markdown file with the tables between its `<!-- table:R2 -->` and `<!-- /table -->` made anew.

    Raises:
        ValueError: there is no such table.
    """
    return BLOCK.sub(lambda match: f"{match[1]}\n{table(match[2], found)}\n\n{match[3]}", text)


def table(name: str, found: Results | None = None, *, marks: bool = False) -> str:
    """A Markdown table: mean and standard deviation over seeds; "not measured" where there is no row.

    Args:
        name: of a claim, of TABLES, or "claims".
        found: the rows; by default those of the repository.
        marks: mark what was measured with earlier code. Notebooks do not, since each change of the library
            would change them; `docs/claims.md` does.

    Raises:
        ValueError: there is no such table.
    """
    found = found or results()
    if name == "claims":
        return summary(found)
    if name not in known():
        raise ValueError(f"there is no table {name!r}; there are {', '.join(sorted(known()))}")
    if name in BY_ID:
        claim = BY_ID[name]
        arms, measures, data = claim.arms, claim.measures, claim.sets
    else:
        arms, measures, data = TABLES[name]
    columns = [(one, measure) for one in data for measure in measures]
    heads = [f"{one}: {measure}" if data[1:] else measure for one, measure in columns]
    lines = [row("", *heads), "|---" * (len(columns) + 1) + "|"]
    lines += [row(arm, *(cell(found, arm, *column, marks) for column in columns)) for arm in arms]
    return "\n".join([*lines, "", note(found, arms, measures, data)])


def row(*cells: str) -> str:
    """A line of a table."""
    return f"| {' | '.join(cells)} |"


def cell(found: Results, arm: str, data: str, measure: str, marks: bool = False) -> str:
    """Mean and spread over the seeds that there are."""
    values, every, seeds = (
        found.values(arm, data, measure),
        rows_of(found, arm, data),
        found.of_arm[arm].seeds,
    )
    if not values:
        return "" if every else MISSING  # true masks have no quality of labels
    if not any(values):
        return "0"
    digits = 3 if max(map(abs, values)) < 1 else 0 if min(map(abs, values)) >= 200 else 1
    text = f"{mean(values):.{digits}f}" + (f" ± {stdev(values):.{digits}f}" if values[1:] else "")
    if len(values) < len(seeds := found.of_arm[arm].seeds):
        text += f" ({len(values)} of {len(seeds)} seeds)"
    return text + (MARK if marks and not all(map(found.is_fresh, every)) else "")


def rows_of(found: Results, arm: str, data: str) -> list[dict[str, Any]]:
    """The rows of an arm."""
    every = (found.row(arm, data, seed) for seed in found.of_arm[arm].seeds)
    return [one for one in every if one is not None]


def note(found: Results, arms: tuple[str, ...], measures: tuple[str, ...], data: tuple[str, ...]) -> str:
    """What the numbers of a table are of."""
    own = {found.of_arm[arm].name: found.of_arm[arm] for arm in arms}.values()
    seeds = " or ".join(sorted({str(len(one.seeds)) for one in own}))
    labels = [measure in LABELS for measure in measures]
    where = "Training images" if all(labels) else "Labels: training images; nets: test splits"
    said = ("images",) if all(labels) else tuple(WORDS)
    options = (
        ", ".join(WORDS[key].format(one.options[key], "s" * (one.options[key] != 1))
                  for key in said if key in one.options)
        for one in own
    )  # fmt: skip
    parts = [
        f"{where if any(labels) else 'Test splits'}, mean ± standard deviation over {seeds} seeds",
        *filter(None, dict.fromkeys(options)),
    ]
    every = [one for arm in arms for name in data for one in rows_of(found, arm, name)]
    parts += dict.fromkeys(one["device"] for one in every)
    return f"*{'; '.join(parts)}.*"


def summary(found: Results) -> str:
    """How many claims hold, for each data set."""
    lines = [row("", *VERDICTS), "|---" * (len(VERDICTS) + 1) + "|"]
    for data in DATA:
        words = [found.verdict(claim, data).word for claim in CLAIMS if data in claim.sets]
        lines.append(row(data, *(str(words.count(word)) for word in VERDICTS)))
    return "\n".join(lines)


def page(found: Results) -> str:
    """`docs/claims.md`."""
    lines = [HEAD, summary(found), "", row("", "claim", *DATA), "|---" * (len(DATA) + 2) + "|"]
    for claim in CLAIMS:
        words = (verdict(found, claim, data) if data in claim.sets else "" for data in DATA)
        lines.append(row(f"[{claim.id}](#{claim.id.lower()})", claim.says, *words))
    for claim in CLAIMS:
        lines += ["", f"## {claim.id}", "", claim.says, ""]
        published = f": {claim.published}" if claim.published else ""
        lines += [
            f"*Source*: {claim.source}{published}. *Rule*: {claim.rule.__name__.replace('_', ' ')}.",
            "",
        ]
        lines += [f"* {data}: {verdict(found, claim, data, margins=True)}" for data in claim.sets]
        lines += ["", table(claim.id, found, marks=True)]
    return "\n".join(lines) + "\n"


def verdict(found: Results, claim: Claim, data: str, *, margins: bool = False) -> str:
    """A verdict in words."""
    one = found.verdict(claim, data)
    text = one.word + (MARK if one.stale else "")
    if packages := [name for arm in claim.arms for name in found.of_arm[arm].packages]:
        text += f" (needs {', '.join(dict.fromkeys(packages))})" if one.word == MISSING else ""
    if margins and one.margins:
        text += f" (margins {', '.join(f'{margin:+.1f}' for margin in one.margins)})"
    return text


def documents(root: Path) -> list[Path]:
    """Markdown files that may have tables: README and docs, but not those that are made."""
    made = {root / "docs/claims.md", root / "docs/instructor.md"}
    found = [root / "README.md", *sorted((root / "docs").glob("*.md"))]
    return [path for path in found if path.exists() and path not in made]
