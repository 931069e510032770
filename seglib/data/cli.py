"""`python -m seglib data audit PATH`: the audit on the command line.

The library is imported inside of the command: `python -m seglib` has to start where it cannot be imported.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from seglib.data.dataset import SegmentationDataset

app = typer.Typer(no_args_is_help=True, help="Look after data sets.")


@app.callback()
def data() -> None:
    """Look after data sets."""


@app.command()
def audit(
    path: Annotated[str, typer.Argument(help="A folder, a COCO file, or the name of a data set.")],
    save: Annotated[Path | None, typer.Option(help="Write every finding to this text file.")] = None,
) -> None:
    """Look for everything that is usually wrong with a data set; exit status 1 where something is."""
    from seglib.data.audit import audit as look_for_faults
    from seglib.files import DiskError

    try:
        report = look_for_faults(dict(_splits(path)))
        print(report)
        if save:
            report.save(save)
            print(f"\nAll {len(report.findings)} findings are in {save}.")
    except (ValueError, FileNotFoundError, DiskError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    raise typer.Exit(1 if report.wrong else 0)


def _splits(path: str) -> Iterator[tuple[str, SegmentationDataset]]:
    """Every split that the data set has; the first error where it has none."""
    from seglib.data.catalog import load
    from seglib.data.dataset import SplitError
    from seglib.scenes import SPLITS

    errors = []
    for split in ("train",) if path == "photo" else SPLITS:
        try:
            yield split, load(path, split)
        except SplitError as error:
            errors.append(error)
    if len(errors) == len(SPLITS):
        raise errors[0]
