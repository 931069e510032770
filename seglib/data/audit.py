"""Everything that is usually wrong with a data set, found in one pass: a table, images, a text file."""

import copy
import warnings
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from joblib import Parallel, delayed
from torch import Tensor

from seglib.data.dataset import SegmentationDataset, check_dataset
from seglib.data.faults import CHECKS, LEVELS, Checked, Finding, compared, looked_at
from seglib.draw import overlay, show_images
from seglib.files import write_text
from seglib.labels import VOID, Classes
from seglib.progress import tracked
from seglib.tables import Table, Tabled


@dataclass(frozen=True, repr=False)
class Audit(Tabled):
    """The result of an audit: `print` shows a summary, `worst` images, and `save` writes every finding.

    Attributes:
        datasets: split -> the data set.
        findings: everything found, in the order of CHECKS.
    """

    datasets: Mapping[str, SegmentationDataset]
    findings: tuple[Finding, ...]

    @property
    def wrong(self) -> list[Finding]:
        """What must be fixed."""
        return [finding for finding in self.findings if finding.wrong]

    def of(self, check: str) -> list[Finding]:
        """The findings of one check; ValueError with all checks if there is no such check."""
        if check not in CHECKS:
            raise ValueError(f"there is no check {check!r}; the checks are {', '.join(CHECKS)}")
        return [finding for finding in self.findings if finding.check == check]

    def worst(self, number: int = 4) -> None:
        """Show at most `number` images with findings, their masks laid over them; problems come first."""
        shown: dict[tuple[str, int], tuple[Tensor, str]] = {}
        for finding in self.findings:
            if finding.index is None or (finding.split, finding.index) in shown or len(shown) == number:
                continue
            if (image := _image(self.datasets[finding.split], finding.index)) is not None:
                shown[finding.split, finding.index] = image, f"{finding.sample}: {finding.check}"
        if not shown:
            print("There is no image to show: nothing was found, or what was found cannot be read.")
            return
        images, titles = zip(*shown.values())
        alt = f"What the audit found: {'; '.join(titles)}."
        show_images(images, titles=titles, alt=alt, columns=min(number, 4))

    @property
    def table(self) -> Table:
        """One row per check."""
        sizes = ", ".join(f"{len(dataset)} in {split}" for split, dataset in self.datasets.items())
        rows = []
        for check, (level, meaning) in CHECKS.items():
            found = self.of(check)
            example = found[0].sample if found else ""
            rows.append([check, f"{len(found)} {level}" if found else "ok", meaning, example])
        return Table(f"Audit of {sizes}", ["", "found", "meaning", "for example"], rows, self.verdict)

    @property
    def verdict(self) -> str:
        """One to three sentences that say what to do."""
        wrong, odd, rare = (sum(CHECKS[one.check][0] == level for one in self.findings) for level in LEVELS)
        verdict = "Nothing is wrong."
        if wrong:
            problems, samples = ("problem", "the sample") if wrong == 1 else ("problems", "these samples")
            verdict = f"{wrong} {problems} found: fix or remove {samples}."
        if odd:
            verdict += f" {odd} suspicious: look at {'it' if odd == 1 else 'them'} and decide."
        return verdict + (f" {rare} unusual." if rare else "")

    def __str__(self) -> str:
        """The table, and three findings of each check."""
        return "\n".join([str(self.table), *self._lines(3)])

    def save(self, path: Path | str) -> None:
        """Write the table and every finding to a text file, completely or not at all.

        Raises:
            DiskError: it cannot be written; the message says why.
        """
        write_text(Path(path), "\n".join([str(self.table), *self._lines(None), ""]))

    def _lines(self, most: int | None) -> Iterator[str]:
        """The findings of each check, at most `most` of them; None for all."""
        for check, (_, meaning) in CHECKS.items():
            if found := self.of(check):
                yield f"\n{check}: {meaning}"
                yield from (f"  {one.sample}: {one.message}" for one in found[:most])
                if left_out := len(found) - len(found[:most]):
                    yield f"  and {left_out} more"


def _image(dataset: SegmentationDataset, index: int) -> Tensor | None:
    """The image with its mask; the image alone if its mask is wrong; None if it cannot be read."""
    with suppress(Exception):  # whatever a strange file causes: what was found is shown without it
        image, mask = (tensor.as_subclass(Tensor) for tensor in dataset[index])
        with suppress(ValueError):
            return overlay(image, mask, dataset.classes)
        return image
    return None


def audit(data: SegmentationDataset | Mapping[str, SegmentationDataset]) -> Audit:
    """Look for everything that is usually wrong with a data set.

    Each sample is read once with its objects, on all cores (or as `joblib.parallel_config` says), with a
    progress bar. Nothing is changed, and no file stops it: what cannot be read is a finding.

    What is found is *wrong* (certain: fix it or remove the sample), *suspicious* (usually a fault: look, and
    decide) or *unusual* (right, but you should know). The command line ends with status 1 only for the first.

    Images that occur more than once are found even if they were saved anew or resized: they differ by at most
    6 of 64 bits in both of two hashes, of the low frequencies (pHash) and of the brightness steps along each
    row (dHash). A mirrored, turned or cropped copy is not found; frames of a video that hardly changes are.
    Keep one image of each pair, or both in the same split; otherwise the test score measures memorisation.
    Of an image that has more than fifty copies, fifty are listed.

    Args:
        data: one data set, or split -> data set. Images in two splits are found only if several are given.

    Raises:
        ValueError: there is no sample at all.

    Example:
        >>> from seglib.scenes import Scenes
        >>> audit(Scenes(12)).wrong
        []
    """
    datasets = dict(data) if isinstance(data, Mapping) else {getattr(data, "split", ""): data}
    for dataset in datasets.values():
        check_dataset(dataset)
    if not sum(map(len, datasets.values())):
        raise ValueError("there is no sample to look at: every split is empty")
    checked: list[Checked] = []
    found: list[Finding] = []
    for split, dataset in datasets.items():
        readable, problem = _with_classes(dataset)
        here = _looked_at(split, readable)
        if problem and not any(problem in message for one in here for _, message in one.faults):
            found.append(Finding("classes", split, None, split, problem))
        datasets[split], checked = readable, checked + here
    found += [
        Finding(check, one.split, one.index, one.name, text) for one in checked for check, text in one.faults
    ]
    found += compared(datasets, checked)
    return Audit(datasets, tuple(sorted(found, key=lambda finding: [*CHECKS].index(finding.check))))


def _with_classes(dataset: SegmentationDataset) -> tuple[SegmentationDataset, str]:
    """The data set; if its classes cannot be found, a copy in which any value is one, and the reason."""
    try:
        return dataset, "" if len(dataset.classes) else "the data set has no class"
    except (ValueError, OSError) as error:
        stand_in = copy.copy(dataset)
        stand_in.classes = Classes.of(*map(str, range(VOID)))
        return stand_in, str(error)


def _looked_at(split: str, dataset: SegmentationDataset) -> list[Checked]:
    """Every sample of a split."""
    tasks = (delayed(looked_at)(dataset, split, index, name) for index, name in enumerate(dataset.names()))
    work = Parallel(n_jobs=-1, prefer="threads", return_as="generator")(tasks)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what they would say is among the findings
        return [*tracked(work, len(dataset), f"Looking at {split}")]
