"""`python -m seglib predict`: a saved net and images in, masks, overlays, outlines and areas out.

The library is imported inside the command: `python -m seglib` has to start where it cannot be imported.
"""

from pathlib import Path
from typing import Annotated

import typer


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
    except (ValueError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        typer.echo(f"Stopped; the masks and overlays so far are in {out}.", err=True)
        raise typer.Exit(130) from None
    print(areas)
    print(f"{len(areas.names)} masks, overlays, annotations.json and areas.csv are in {out}.")
    raise typer.Exit(bool(areas.failed))
