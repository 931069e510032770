"""What an audit found: a table, pictures of the worst, a text file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from seglib.data.dataset import SegmentationDataset
from seglib.data.disk import writing
from seglib.draw import overlay, pictures
from seglib.tables import Table

#: check -> (is it wrong, or only worth a look; what it means)
CHECKS = {
    "unreadable": ("wrong", "a picture, mask or object cannot be read"),
    "sizes differ": ("wrong", "picture and mask have different sizes"),
    "no such class": ("wrong", "a mask holds a value or a colour that is no class"),
    "all void": ("wrong", "no pixel of a mask is labelled"),
    "objects": ("wrong", "an object's mask contradicts the picture's mask"),
    "boxes": ("wrong", "a box is not where its object is"),
    "leak": ("wrong", "the same picture is in two splits"),
    "twice": ("wrong", "the same picture is twice in one split, pixel by pixel"),
    "nearly twice": ("look", "two pictures of one split are nearly the same"),
    "background only": ("look", "a mask holds no object"),
    "blank picture": ("look", "a picture shows nothing"),
    "odd size": ("look", "a picture is tiny, a strip, or far from the size of the others"),
    "class missing": ("look", "a class occurs in no mask of a split"),
}


@dataclass(frozen=True)
class Finding:
    """One thing that an audit found.

    Attributes:
        check: a key of CHECKS.
        split: where.
        index: the sample's number in its split; None for what concerns more than one.
        sample: its name, or the names of both.
        says: the sentence.
    """

    check: str
    split: str
    index: int | None
    sample: str
    says: str

    @property
    def wrong(self) -> bool:
        """Whether it must be mended; otherwise somebody should look at it."""
        return CHECKS[self.check][0] == "wrong"

    def __str__(self) -> str:
        """'train/cat_1: ...'."""
        return f"{self.sample}: {self.says}"


@dataclass(frozen=True)
class Audit:
    """What was looked at and what was found; print it, `show` it, `save` it.

    Attributes:
        datasets: split -> the data set.
        findings: everything found, in the order of CHECKS.
    """

    datasets: Mapping[str, SegmentationDataset]
    findings: tuple[Finding, ...]

    @property
    def wrong(self) -> list[Finding]:
        """What must be mended."""
        return [finding for finding in self.findings if finding.wrong]

    def of(self, check: str) -> list[Finding]:
        """What one check found; ValueError with all checks where there is no such check."""
        if check not in CHECKS:
            raise ValueError(f"there is no check {check!r}; there is {', '.join(CHECKS)}")
        return [finding for finding in self.findings if finding.check == check]

    def worst(self, number: int = 4, check: str | None = None) -> None:
        """Show pictures of what was found, masks laid over them, what is wrong before what is odd.

        Args:
            number: pictures, at most.
            check: only what this check found.
        """
        chosen = self.findings if check is None else self.of(check)
        places = list(dict.fromkeys((f.split, f.index) for f in chosen if f.index is not None))
        shown: list[tuple[Tensor, str]] = []
        for split, index in places:
            if len(shown) < number and (picture := _picture(self.datasets[split], index)) is not None:
                says = next(f for f in chosen if (f.split, f.index) == (split, index))
                shown.append((picture, f"{says.sample}: {says.check}"))
        if not shown:
            print("There is no picture to show: nothing was found, or what was found cannot be read.")
            return
        images, titles = zip(*shown)
        pictures(
            images, titles=titles, alt=f"What the audit found: {'; '.join(titles)}.", columns=min(number, 4)
        )

    def table(self) -> Table:
        """One row a check."""
        looked = ", ".join(f"{len(dataset)} in {split}" for split, dataset in self.datasets.items())
        rows = []
        for check, (level, meaning) in CHECKS.items():
            found = self.of(check)
            verdict = f"{len(found)} {level}" if found else "ok"
            rows.append([check, verdict, meaning, found[0].sample if found else ""])
        return Table(f"Audit of {looked}", ["", "found", "meaning", "for example"], rows, self.verdict)

    @property
    def verdict(self) -> str:
        """One sentence that says what to do."""
        odd = len(self.findings) - len(self.wrong)
        look_at = f" {odd} are worth a look." if odd > 1 else f"{' 1 is worth a look.' * odd}"
        if not self.wrong:
            return f"Nothing is wrong.{look_at}"
        return f"{len(self.wrong)} findings are wrong: mend or remove these samples.{look_at}"

    def __str__(self) -> str:
        """The table, and three findings of each check."""
        return "\n".join([str(self.table()), *self._lines(3)])

    def _repr_html_(self) -> str:
        """The table in a notebook."""
        return self.table()._repr_html_()

    def save(self, path: Path | str) -> None:
        """Write the table and every finding to a text file, which is there whole or not at all.

        Raises:
            DiskError: it cannot be written; the sentence says why.
        """
        target = Path(path)
        part = target.with_name(target.name + ".part")
        with writing(target):
            part.write_text("\n".join([str(self.table()), *self._lines(None), ""]), encoding="utf-8")
            part.replace(target)

    def _lines(self, most: int | None) -> Iterator[str]:
        """The findings of each check, some or all."""
        for check, (_, meaning) in CHECKS.items():
            if found := self.of(check):
                yield f"\n{check}: {meaning}"
                yield from (f"  {finding}" for finding in found[:most])
                if len(found) > len(found[:most]):
                    yield f"  and {len(found) - len(found[:most])} more"


def _picture(dataset: SegmentationDataset, index: int) -> Tensor | None:
    """Picture and mask in one; the picture alone where its mask is wrong; None where it cannot be read."""
    try:
        image, mask = (tensor.as_subclass(Tensor) for tensor in dataset[index])
    except (ValueError, OSError):
        return None
    try:
        return overlay(image, mask, dataset.classes)
    except ValueError:
        return image
