"""The command line: `python -m seglib doctor`, `data audit`, `train`."""

import sys
from pathlib import Path
from typing import Annotated

if sys.version_info < (3, 11):  # noqa: UP036 - an old Python is exactly what this is for
    sys.exit("seglib needs Python 3.11 or newer. In the project's folder, `make lab` sets everything up.")
try:
    import typer
    from rich.console import Console
except ModuleNotFoundError:
    sys.exit(
        f"The packages of seglib are not installed in {sys.executable}. "
        "In the project's folder, `make doctor` sets everything up and uses the right Python."
    )

from seglib import train_command
from seglib.doctor import examine, ready, report

app = typer.Typer(add_completion=False, no_args_is_help=True)
data = typer.Typer(no_args_is_help=True)
app.add_typer(data, name="data")
app.command()(train_command.train)


@app.callback()
def seglib() -> None:
    """Learn semantic segmentation by building it."""


@app.command()
def doctor(json: bool = typer.Option(False, "--json", help="One line of JSON, for thirty laptops.")) -> None:
    """Say whether this machine is ready for the course; exit status 1, and what to do, when it is not."""
    with Console(stderr=True).status("Looking at this machine; importing torch takes some seconds ..."):
        findings = examine()
    report(findings, as_json=json)
    raise typer.Exit(0 if ready(findings) else 1)


@data.callback()
def data_sets() -> None:
    """Check data sets."""


@data.command()
def audit(
    path: Annotated[str, typer.Argument(help="A folder, a COCO file, or the name of a data set.")],
    save: Annotated[Path | None, typer.Option(help="Write every finding to this text file.")] = None,
) -> None:
    """Look for everything that is usually wrong with a data set; exit status 1 if something is."""
    from seglib.data.audit import audit
    from seglib.data.catalog import load
    from seglib.data.dataset import FOLDERS, SplitError

    splits, errors = {}, []
    try:
        for split in FOLDERS:
            try:
                splits[split] = load(path, split)
            except SplitError as error:
                errors.append(error)
        if not splits:
            raise errors[0]
        result = audit(splits)
        print(result)
        if save:
            result.save(save)
            print(f"\nAll {len(result.findings)} findings are in {save}.")
    except (ValueError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    raise typer.Exit(1 if result.wrong else 0)


if __name__ == "__main__":
    app(prog_name="seglib")
