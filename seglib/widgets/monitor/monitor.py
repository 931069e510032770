"""The live monitor: what a training does, while it does it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import torch
import traitlets

from seglib.machine import is_interactive
from seglib.train import with_bar
from seglib.training.step import Step
from seglib.widgets.monitor import packing, reading, still
from seglib.widgets.monitor.record import Record, memory
from seglib.widgets.monitor.runner import Runner
from seglib.widgets.shell import STYLE, Shell, module

PERIOD = 1.0  # seconds between two messages to the browser: what it draws takes time from the training
SLOW = 2.0  # seconds between two that carry images
FILES = (
    "paint.js",
    "controls.js",
    "bars.js",
    "monitor/charts.js",
    "strip.js",
    "monitor/film.js",
    "monitor/monitor.js",
)


class Monitor(Shell):
    """Trains, and shows it: curves, classes, images, speed; with Pause, Resume and Stop.

    In a notebook with somebody in front of it the training runs in a thread, and begins at once:

        monitor = Monitor(train(net, pools, val=val, seconds=60)); monitor      # one cell: it begins
        await monitor.finished()                                                # the next: until it is over

    The second cell lets clicks through while it waits, and raises what went wrong in the training, if
    something did. Interrupting it stops the training. Everywhere else (nbval, nbclient, a script) the
    training is over, or has raised, when `Monitor(...)` returns; in a terminal a bar shows how far it is.

    A training that begins stops an older one that is still running. Pause and Stop act between two steps;
    a validation belongs to its step.

    Args:
        steps: what `seglib.train.train` returns.
        live: whether to use a thread; by default where somebody is there to press a button.
        **state: traits to begin with, as in `view="difference"`.

    Attributes:
        wish: "train", "pause" or "stop": what was pressed last; may be set from Python.
        status: "training", "paused", "finished", "stopped" or "failed".
        moment: which validation is looked at, by its step; -1 for the last one, also while more come.
        view: "prediction", "truth" or "difference".
        image: which of the few images the film strip shows.
        hatch: whether classes are hatched, for eyes that do not see the colours.
        record: what is known of the training, see `seglib.widgets.monitor.record.Record`.

    Raises:
        ValueError: `steps` is no training.
        Exception: without a thread, what the training raises.

    Example:
        >>> from seglib.scenes import Scenes
        >>> from seglib.train import train
        >>> class Net(torch.nn.Conv2d):
        ...     def forward(self, images):
        ...         return super().forward(images / 255)
        >>> data = Scenes(4, size=(32, 32))
        >>> monitor = Monitor(train(Net(3, len(data.classes), 3, padding=1), data, steps=3, batch_size=2))
        >>> monitor.status, monitor.step.number
        ('finished', 3)
    """

    _esm = module(*FILES)
    _css = STYLE + module("strip.css", "monitor/monitor.css")
    wish = traitlets.Enum(("train", "pause", "stop"), "train").tag(sync=True)
    status = traitlets.Enum(reading.STATUS, "training").tag(sync=True)
    moment = traitlets.Int(-1, min=-1).tag(sync=True)
    view = traitlets.Enum(("prediction", "truth", "difference"), "prediction").tag(sync=True)
    image = traitlets.Int(0, min=0).tag(sync=True)
    hatch = traitlets.Bool(False).tag(sync=True)
    now = traitlets.Dict().tag(sync=True)
    moments = traitlets.List(traitlets.Dict()).tag(sync=True)

    def __init__(self, steps: Iterable[Step], *, live: bool | None = None, **state: Any) -> None:
        if not isinstance(steps, Iterable) or isinstance(steps, torch.nn.Module):
            what = type(steps).__name__
            raise ValueError(f"a monitor watches what train(net, dataset, ...) returns, not a {what}")
        self.record = Record()
        self._packed: dict[int, dict[str, Any]] = {}  # moments that are ready to travel, by step
        self._told = self._told_slow = 0.0
        self._shown: str | None = None
        self._live = is_interactive() if live is None else live
        self._runner = Runner(steps if self._live else with_bar(steps), self._take, self._tell)
        super().__init__(now=packing.now(self.record, "training", ""), **state)
        self.on_msg(self._hear)
        if self._live:
            self._runner.start()
        else:
            self._runner.run()
            self._raise()

    @property
    def step(self) -> Step | None:
        """The last step, None before the first."""
        return self.record.step

    async def finished(self) -> None:
        """Until the training is over: `await monitor.finished()`. Clicks are served while it waits.

        Raises:
            Exception: what ended the training, if it failed; each time it is asked.
        """
        try:
            await self._runner.finished()
        except BaseException:  # interrupted
            self.wish = "stop"
            self._runner.wait()
            raise
        self._raise()

    def wait(self) -> None:
        """The same for scripts. In a notebook it would let no click through: there, `await finished()`."""
        try:
            self._runner.wait()
        except BaseException:
            self.wish = "stop"
            self._runner.wait()
            raise
        self._raise()

    def description(self) -> str:
        """The training in words: how far, loss, mean IoU, the last validation, what was said."""
        return reading.description(self.record, self.status)

    def still(self) -> bytes:
        """Curves, bars and images as a PNG."""
        return still.image(self.record, self.status, self.moment)

    def _ipython_display_(self) -> None:
        """Show it so that the copy for places without a kernel can be brought up to date at the end."""
        from IPython.display import display

        data, metadata = self._repr_mimebundle_()
        self._shown = self._shown or f"monitor-{self.model_id}"
        display(data, metadata=metadata, raw=True, display_id=self._shown)

    def _hear(self, _: Any, content: dict[str, Any], __: Any) -> None:
        """A button was pressed."""
        try:
            self.wish = content["wish"]
        except Exception as error:
            self.error = f"{type(error).__name__}: {error}"
            raise

    @traitlets.observe("wish")
    def _obey(self, change: Any) -> None:
        act: dict[str, Callable[[], None]] = {
            "train": self._runner.resume, "pause": self._runner.pause, "stop": self._runner.stop,
        }  # fmt: skip
        act[change.new]()

    def _take(self, step: Step) -> None:
        """A step is done. In most steps this is all that happens."""
        if not isinstance(step, Step):
            raise ValueError(
                "a monitor watches what train(net, dataset, ...) returns; this gave a "
                f"{type(step).__name__}, no step of a training"
            )
        self.record.take(step)
        if self._live and time.monotonic() - self._told >= PERIOD:
            self._show("training")

    def _tell(self, status: str) -> None:
        """The status changes: everything is shown."""
        self._told_slow = 0.0
        self._show(status)
        if self._shown and status not in ("training", "paused"):
            from IPython.display import update_display

            data, metadata = self._repr_mimebundle_()
            update_display(data, metadata=metadata, raw=True, display_id=self._shown)

    def _show(self, status: str) -> None:
        """Bring the browser up to date; the status first, which is true even if the rest cannot be drawn."""
        self.status = status
        self._told = time.monotonic()
        self.record.catch_up()
        self.record.memory = memory()
        if self._told - self._told_slow >= SLOW:
            self._show_moments()
        error = self._runner.error
        failure = f"{type(error).__name__}: {error}" if error else ""
        self.now = packing.now(self.record, status, failure)

    def _show_moments(self) -> None:
        """Send the validations, if there are new ones; each is packed once."""
        moments = self.record.moments
        if all(one.number in self._packed for one in moments):
            return
        self._told_slow = self._told
        if not self.data:
            self.data = packing.fixed(self.record)
        before = self._packed
        self._packed = {
            one.number: before.get(one.number) or packing.moment(one, self.record) for one in moments
        }
        self.moments = [*self._packed.values()]

    def _raise(self) -> None:
        if self._runner.error is not None:
            raise self._runner.error
