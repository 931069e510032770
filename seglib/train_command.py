"""`python -m seglib train`: a training run on the command line, alone or as one of torchrun's processes.

The library is imported inside the command: `python -m seglib` has to start where it cannot be imported.
"""

import importlib
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

NETS = re.compile(r"fcn(32|16|8)s-(\w+)|unet-(\w+)")


def train(
    data: Annotated[str, typer.Option(help="A folder, a COCO file, or the name of a data set.")] = "scenes",
    net: Annotated[str, typer.Option(help="fcn8s-lite0, unet-small or module:function.")] = "fcn8s-lite0",
    out: Annotated[Path, typer.Option(help="Folder of the net and its checkpoint; a run resumes.")] = Path(
        "runs"
    ),
    steps: Annotated[int | None, typer.Option(help="Stop after this many batches,")] = None,
    epochs: Annotated[float | None, typer.Option(help="or this many passes over the images,")] = None,
    seconds: Annotated[float | None, typer.Option(help="or this many seconds; by default 60.")] = None,
    size: Annotated[tuple[int, int] | None, typer.Option(help="Height, width; by default what fits.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images in a step; by default what fits.")] = None,
    lr: Annotated[float, typer.Option(help="Learning rate.")] = 1e-3,
    optimiser: Annotated[str, typer.Option(help="adamw or sgd.")] = "adamw",
    precision: Annotated[str, typer.Option(help="auto, float32 or bfloat16.")] = "auto",
    seed: Annotated[int, typer.Option(help="Decides order, augmentation and dropout.")] = 0,
    augment: Annotated[bool, typer.Option(help="Flip, zoom and recolour the images.")] = True,
    pretrained: Annotated[bool, typer.Option(help="Start with ImageNet weights if there are any.")] = True,
    resume: Annotated[bool, typer.Option(help="Resume from the checkpoint in OUT.")] = True,
) -> None:
    """Train a net; also `torchrun --nproc-per-node 2 -m seglib train ...`."""
    options = dict(locals())
    path = options.pop("out") / "checkpoint.pt"
    if (steps, epochs, seconds) == (None, None, None):
        options["seconds"] = 60
    try:
        run(path=path, **options)
    except KeyboardInterrupt:
        kept = f"{path} is saved; the same command resumes" if path.exists() else "there is no checkpoint yet"
        typer.echo(f"Stopped; {kept}.", err=True)
        raise typer.Exit(130) from None


def run(data: str, net: str, pretrained: bool, path: Path, augment: bool, **options: Any) -> None:
    """Train with a progress bar, report each validation, and print the last scores next to the baseline's.

    However it ends, `segmenter.pt` next to the checkpoint holds what was learned: the net, its classes, and
    the size at which it learned. `FCNSegmenter.load` opens it.
    """
    import logging

    import torch

    from seglib.data.batches import Augment
    from seglib.data.catalog import load
    from seglib.data.dataset import SplitError
    from seglib.fcn import FCNSegmenter
    from seglib.train import train as steps_of
    from seglib.train import with_bar
    from seglib.training import distributed

    step, log, said = None, logging.getLogger("seglib"), logging.StreamHandler()
    log.addHandler(said)
    log.setLevel(logging.INFO)
    try:
        device, rank = distributed.init_processes()
        dataset, val = load(data, "train"), None
        try:
            val = load(data, "val")
        except SplitError as error:  # published with train and test alone, perhaps
            typer.echo(f"{error}. Nothing is scored during the run.", err=True)
        torch.manual_seed(options["seed"])
        model = build(net, len(dataset.classes), pretrained)
        options |= {"augment": Augment() if augment else None, "checkpoint": path, "device": device}
        steps = steps_of(model, dataset, val=val, **options)
        for step in steps if rank else with_bar(steps, f"training {net}"):
            if rank == 0 and (step.message or step.scores):
                typer.echo(" ".join([step.message, str(step) if step.scores else ""]).strip(), err=True)
    except ValueError:  # the loss was NaN, perhaps: then the weights may be spoilt
        step = None
        raise
    finally:
        log.removeHandler(said)
        if step and rank == 0:
            FCNSegmenter(model, dataset.classes, size=step.size).save(path.with_name("segmenter.pt"))
        distributed.destroy_processes()
    if step and rank == 0:
        where = f"{path.with_name('segmenter.pt')}, with its checkpoint next to it"
        print(f"{step.number} steps in {step.seconds:.0f} s; the net is {where}")
        if scores := [*step.history.scores.values()]:  # none where fewer steps are requested than were done
            print(scores[-1])


def build(name: str, num_classes: int, pretrained: bool) -> Any:
    """Build a net by its name: "fcn8s-lite0", "unet-small", or "module:function", called with num_classes.

    Raises:
        ValueError: there is no such net.

    Example:
        >>> build("unet-small", 3, pretrained=False).num_classes
        3
    """
    from seglib import backbones, fcn

    if match := NETS.fullmatch(name):
        stride, of_fcn, of_unet = match.groups()
        backbone = backbones.load(of_fcn or of_unet, pretrained)
        return fcn.FCN(backbone, num_classes, int(stride)) if stride else fcn.UNet(backbone, num_classes)
    module, _, function = name.partition(":")
    try:
        sys.path.insert(0, "")  # a module in the current folder
        return getattr(importlib.import_module(module), function)(num_classes)
    except (ImportError, AttributeError) as error:
        raise ValueError(
            f"--net {name}: there is no such net ({error}); give fcn8s-, fcn16s-, fcn32s- or unet- followed "
            f"by one of {', '.join(backbones.NAMES)}, or your.module:function"
        ) from None
