"""The command line: `python -m seglib doctor`, `data audit`, `train`, `predict`, `board`."""

import io
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

if sys.version_info < (3, 11):  # noqa: UP036 - an old Python is exactly what this is for
    sys.exit("seglib needs Python 3.11 or newer. In the project's folder, `make lab` sets everything up.")
try:
    import typer
    from rich.console import Console
    from typer.core import TyperGroup
except ModuleNotFoundError:
    sys.exit(
        f"The packages of seglib are not installed in {sys.executable}. "
        "In the project's folder, `make doctor` sets everything up and uses the right Python."
    )

from seglib import train_command
from seglib.doctor import examine, report

ABOUT = "Learn semantic segmentation by building it."


class Sentences(TyperGroup):
    """Commands whose errors about files and arguments are a sentence each, with exit status 1."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except (ValueError, OSError) as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(1) from None


app = typer.Typer(cls=Sentences, add_completion=False, no_args_is_help=True)
data = typer.Typer(no_args_is_help=True, help="Check data sets.")
app.add_typer(data, name="data")
app.command()(train_command.train)


@app.callback(help=ABOUT)
def every_command() -> None:
    """Redirected on Windows, output has a code page: letters that it lacks are replaced, no work is lost."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


@app.command()
def doctor(json: bool = typer.Option(False, "--json", help="One line of JSON, for thirty laptops.")) -> None:
    """Say whether this machine is ready for the course; exit status 1, and what to do, when it is not."""
    with Console(stderr=True).status("Looking at this machine; importing torch takes some seconds ..."):
        findings = examine()
    raise typer.Exit(not report(findings, as_json=json))


@app.command()
def board(
    files: Annotated[list[Path], typer.Argument(help="Files that board.write() wrote, one of each student.")],
    out: Annotated[Path, typer.Option(help="The page.")] = Path("board.html"),
) -> None:
    """Merge the boards of a class into one table and one page; exit status 1 if a file cannot be used."""
    from seglib.course.board import page, read, tables
    from seglib.files import write_text

    sheets, failed = [], False
    for path in files:
        try:
            sheets.append(read(path))
        except ValueError as error:
            typer.echo(str(error), err=True)
            failed = True
    for table, _ in tables(sheets):
        print(table, end="\n\n")
    if sheets:
        write_text(out, page(sheets))
        print(f"{len(sheets)} of {len(files)} boards are in {out}.")
    raise typer.Exit(failed)


@app.command()
def predict(
    net: Annotated[Path, typer.Argument(help="The saved net, such as runs/segmenter.pt.")],
    images: Annotated[list[str], typer.Argument(help="Files, folders, or patterns such as 'day*/*.jpg'.")],
    out: Annotated[Path, typer.Option(help="Folder of the results.")],
    overwrite: Annotated[bool, typer.Option(help="Replace results that are there.")] = False,
) -> None:
    """Predict images: masks/, overlays/, annotations.json (COCO) and areas.csv; status 1 if one failed."""
    from seglib.export import predict_files
    from seglib.fcn import FCNSegmenter

    try:
        areas = predict_files(FCNSegmenter.load(net), images, out, overwrite=overwrite)
    except KeyboardInterrupt:
        typer.echo(f"Stopped; the masks and overlays so far are in {out}.", err=True)
        raise typer.Exit(130) from None
    print(areas)
    print(f"{len(areas.names)} masks, overlays, annotations.json and areas.csv are in {out}.")
    raise typer.Exit(bool(areas.failed))


@data.command()
def audit(
    path: Annotated[str, typer.Argument(help="A folder, a COCO file, or the name of a data set.")],
    save: Annotated[Path | None, typer.Option(help="Write every finding to this text file.")] = None,
) -> None:
    """Look for everything that is usually wrong with a data set; exit status 1 if something is."""
    from seglib.data.audit import audit
    from seglib.data.catalog import load
    from seglib.data.dataset import FOLDERS, SplitError

    splits = {}
    for split in FOLDERS:
        with suppress(SplitError):
            splits[split] = load(path, split)
    result = audit(splits or load(path))  # where there is no split, `load` says so
    print(result)
    if save:
        result.save(save)
        print(f"\nAll {len(result.findings)} findings are in {save}.")
    raise typer.Exit(bool(result.wrong))


if __name__ == "__main__":
    app(prog_name="seglib")
