"""`python -m seglib train`: a training on the command line, alone or as one of several processes of torchrun.

The library is imported inside of the command: `python -m seglib` has to start where it cannot be imported.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from torch import nn

    from seglib.training.step import Step

NETS = re.compile(r"fcn(32|16|8)s-(\w+)|unet-(\w+)")


def train(
    data: Annotated[str, typer.Option(help="A folder, a COCO file, or the name of a data set.")] = "scenes",
    net: Annotated[
        str, typer.Option(help="fcn8s-lite0, unet-small, ..., or your.module:function.")
    ] = "fcn8s-lite0",
    out: Annotated[
        Path, typer.Option(help="Folder of the checkpoint; if it has one, training goes on.")
    ] = Path("runs"),
    steps: Annotated[int | None, typer.Option(help="Stop after so many batches,")] = None,
    epochs: Annotated[float | None, typer.Option(help="or so many times each image,")] = None,
    seconds: Annotated[float | None, typer.Option(help="or so many seconds; 60 if nothing is said.")] = None,
    size: Annotated[tuple[int, int] | None, typer.Option(help="Height and width of the images.")] = None,
    batch_size: Annotated[int, typer.Option(help="Images in a step, over all processes.")] = 16,
    lr: Annotated[float, typer.Option(help="Learning rate.")] = 1e-3,
    optimiser: Annotated[str, typer.Option(help="adamw or sgd.")] = "adamw",
    precision: Annotated[str, typer.Option(help="auto, float32 or bfloat16.")] = "auto",
    seed: Annotated[int, typer.Option(help="Decides order, augmentation and dropout.")] = 0,
    augment: Annotated[bool, typer.Option(help="Flip, zoom and recolour the images.")] = True,
    pretrained: Annotated[
        bool, typer.Option(help="Begin with ImageNet weights where there are some.")
    ] = True,
    resume: Annotated[bool, typer.Option(help="Go on from the checkpoint in OUT.")] = True,
) -> None:
    """Train a net; also `torchrun --nproc-per-node 2 -m seglib train ...`."""
    from seglib.data.augment import Augment
    from seglib.training import distributed

    settings: dict[str, Any] = {
        "steps": steps, "epochs": epochs,
        "seconds": 60 if (steps, epochs, seconds) == (None, None, None) else seconds,
        "size": size, "batch_size": batch_size, "lr": lr, "optimiser": optimiser, "precision": precision,
        "seed": seed, "augment": Augment() if augment else None, "resume": resume,
    }  # fmt: skip
    try:
        device = distributed.init_processes()
        run(data, net, out / "checkpoint.pt", pretrained, settings | {"device": device})
    except (ValueError, OSError, RuntimeError) as error:
        if type(error) is RuntimeError:  # not a sentence of ours
            raise
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        typer.echo(
            f"Stopped. What was learnt is in {out / 'checkpoint.pt'}; the same command goes on."
            if (out / "checkpoint.pt").exists()
            else "Stopped before anything was learnt.",
            err=True,
        )
        raise typer.Exit(130) from None
    finally:
        distributed.destroy_processes()


def run(data: str, net: str, path: Path, pretrained: bool, settings: dict[str, Any]) -> None:
    """Train, show how far it is, and print the last scores beside the baseline's."""
    import torch

    from seglib.data.catalog import load
    from seglib.train import train as steps_of
    from seglib.training import distributed

    dataset, val = load(data, "train"), load(data, "val")
    torch.manual_seed(settings["seed"])
    model = build(net, len(dataset.classes), pretrained)
    steps = steps_of(model, dataset, val=val, checkpoint=path, **settings)
    first = distributed.rank_and_world_size()[0] == 0
    try:
        *_, last = shown(steps) if first else steps
    finally:
        steps.close()  # before anybody says what was kept
    if first:
        print(f"{last.number} steps in {last.seconds:.0f} s; the checkpoint is {path}")
        if scores := [*last.history.scores.values()]:  # of its last step, if it was not asked for less
            print(scores[-1])


def build(name: str, num_classes: int, pretrained: bool) -> nn.Module:
    """The net that is called so: "fcn8s-lite0", "unet-small", or "module:function", called with num_classes.

    Raises:
        ValueError: there is no such net.

    Example:
        >>> build("unet-small", 3, pretrained=False).num_classes
        3
    """
    from seglib import backbones, fcn

    if match := NETS.fullmatch(name):
        stride, below, beside = match.groups()
        backbone = backbones.load(below or beside, pretrained)
        return fcn.FCN(backbone, num_classes, int(stride)) if stride else fcn.UNet(backbone, num_classes)
    module, _, function = name.partition(":")
    try:
        if not function:
            raise ImportError
        sys.path.insert(0, "")  # a file in the folder one is in
        return getattr(importlib.import_module(module), function)(num_classes)
    except (ImportError, AttributeError) as error:
        raise ValueError(
            f"--net {name}: there is no such net{f' ({error})' if str(error) else ''}; give fcn8s-, fcn16s-, "
            f"fcn32s- or unet- with one of {', '.join(backbones.NAMES)} behind it, or your.module:function"
        ) from None


def shown(steps: Iterator[Step]) -> Iterator[Step]:
    """The steps, with a bar on the terminal; what a step has to say stays above it."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[words]}"))
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("training", words="")
        for step in steps:
            if step.message:
                console.print(step.message, style="dim", highlight=False)
            losses = step.history.losses[-20:]
            if losses:
                words = f"step {step.number} of {step.total}, loss {sum(losses) / len(losses):.3f}"
                if step.history.scores:
                    words += f", mean IoU {100 * [*step.history.scores.values()][-1].mean_iou:.1f} %"
                bar.update(task, total=step.total, completed=step.number, words=words)
            yield step
