"""The live monitor: watch a training run while it runs, and the thread that it runs in."""

from __future__ import annotations

import asyncio
import atexit
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import torch
import traitlets
from matplotlib.figure import Figure

from seglib import draw
from seglib.labels import percent
from seglib.machine import is_interactive
from seglib.train import with_bar
from seglib.training.progress import Step
from seglib.widgets.monitor import reading
from seglib.widgets.monitor.record import Record, Seen
from seglib.widgets.shell import STYLE, Shell, module

PERIOD = 1.0  # seconds between two messages to the browser: painting them takes time from the training run
POLL = 0.05  # seconds between two checks while waiting
SLOW = 2.0  # seconds between two that carry images
FILES = ("paint.js", "controls.js", "list.js", "chart.js", "bars.js", "thumbs.js", "monitor/monitor.js")


class Monitor(Shell):
    """Trains, and shows it: curves, classes, images, speed; with Pause, Resume and Stop.

    In a notebook that a person runs, training happens in a thread and begins at once:

        monitor = Monitor(train(net, pools, val=val, seconds=60)); monitor      # one cell: it begins
        await monitor.finished()                                                # the next: until it is over

    The second cell lets clicks through while it waits, and raises the error that ended the run, if one did.
    Interrupting it stops the run. Everywhere else (nbval, nbclient, a script) the run is over, or has raised,
    when `Monitor(...)` returns; in a terminal a bar shows the progress.

    A new monitor stops an older run that is still in a thread. Pause and Stop act between two steps; a
    validation belongs to its step.

    Args:
        steps: what `seglib.train.train` returns.
        live: whether to use a thread; by default only where a person runs the notebook.
        seen: the run's loss, if it is a `Seen`: classes then have a column for their share of the batches.
        **state: traits to begin with, as in `view="difference"`.

    Attributes:
        request: "train", "pause" or "stop": what was pressed last; may be set from Python.
        status: "training", "paused", "finished", "stopped" or "failed".
        validation: the step of the validation on show; -1 for the last one, also while more come.
        view: "prediction", "truth" or "difference".
        image: which of the images the film strip shows.
        hatch: whether classes are hatched, for readers who cannot tell the colours apart.

    Raises:
        ValueError: `steps` is not a training run.
        Exception: without a thread, what the training run raises.

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
    _css = STYLE + module("parts.css", "monitor/monitor.css")
    request = traitlets.Enum(("train", "pause", "stop"), "train").tag(sync=True)
    status = traitlets.Enum(reading.STATUS, "training").tag(sync=True)
    validation = traitlets.Int(-1, min=-1).tag(sync=True)
    view = traitlets.Enum(("prediction", "truth", "difference"), "prediction").tag(sync=True)
    image = traitlets.Int(0, min=0).tag(sync=True)
    hatch = traitlets.Bool(False).tag(sync=True)
    now = traitlets.Dict().tag(sync=True)
    validations = traitlets.List(traitlets.Dict()).tag(sync=True)

    def __init__(
        self, steps: Iterable[Step], *, live: bool | None = None, seen: Seen | None = None, **state: Any
    ) -> None:
        if not isinstance(steps, Iterable) or isinstance(steps, torch.nn.Module):
            raise _refused(steps)
        self._record = Record(seen=seen)
        if seen:
            seen.clear()
        self._sent = self._sent_slow = 0.0
        self._live = is_interactive() if live is None else live
        self._runner = Runner(steps if self._live else with_bar(steps), self._take, self._report)
        super().__init__(now=reading.now(self._record, "training", ""), **state)
        self.on_msg(self._receive)
        if self._live:
            self._runner.start()
        else:
            self._runner.run()
            self._raise()

    @property
    def step(self) -> Step:
        """The last step.

        Raises:
            RuntimeError: there is none yet.
        """
        if self._record.step is None:
            raise RuntimeError("there is no step yet; wait for the run with `await monitor.finished()`")
        return self._record.step

    async def finished(self) -> None:
        """Wait until the run is over: `await monitor.finished()`. Clicks are handled while it waits.

        Raises:
            Exception: what ended the run, if it failed; at every call.
        """
        try:
            await self._runner.finished()
        except BaseException:  # interrupted
            self.request = "stop"
            self._runner.wait()
            raise
        self._raise()

    def description(self) -> str:
        """The run in words: how far, loss, mean IoU, the last validation, messages."""
        return reading.description(self._record, self.status)

    def still(self) -> bytes:
        """Both curves above, the few images with their predictions below; a PNG."""
        record = self._record
        at = reading.looked_at(record, self.validation)
        rows = 2 if at and at.preds is not None else 1
        figure = Figure(figsize=(9, 2.6 * rows), layout="constrained")
        parts = figure.subfigures(rows, 1, squeeze=False)[:, 0]
        for panel, chart in zip(parts[0].subplots(1, 2), (reading.loss_chart, reading.score_chart)):
            chart(record, self.status).draw(panel)
        if at and at.preds is not None:
            parts[1].suptitle(f"Predictions after step {at.number:,}", fontsize=10)
            shown, titles = [], []
            for image, mask, pred in zip(*record.images, at.preds):
                shown.append(draw.overlay(image, pred, at.scores.classes))
                titles.append(f"{percent(reading.right_share(pred, mask))} right")
            draw.image_grid(parts[1], shown, titles, columns=len(shown))
        return draw.figure_bytes(figure, dpi=80)

    def _receive(self, _: Any, content: dict[str, Any], __: Any) -> None:
        """A button was pressed."""
        try:
            self.request = content["request"]
        except Exception as error:
            self.error = f"{type(error).__name__}: {error}"
            raise

    @traitlets.observe("request")
    def _obey(self, change: Any) -> None:
        self._runner.obey(change.new)

    def _take(self, step: Step) -> None:
        """A step is done. In most steps this is all that happens."""
        if not isinstance(step, Step):
            raise _refused(step)
        self._record.take(step)
        if self._live and time.monotonic() - self._sent >= PERIOD:
            self._show("training")

    def _report(self, status: str) -> None:
        """The status changes: everything is sent."""
        self._sent_slow = 0.0
        self._show(status)
        if status not in ("training", "paused"):
            self.renew_copy()

    def _show(self, status: str) -> None:
        """Bring the browser up to date; the status first, which is true even if the rest cannot be drawn."""
        self.status = status
        self._sent = time.monotonic()
        if self._sent - self._sent_slow >= SLOW:
            self._show_validations()
        error = self._runner.error
        failure = f"{type(error).__name__}: {error}" if error else ""
        self.now = reading.now(self._record, status, failure)

    def _show_validations(self) -> None:
        """Send the validations, if there are new ones; each is packed once."""
        validations = self._record.validations
        before = {packed["number"]: packed for packed in self.validations}
        if all(one.number in before for one in validations):
            return
        self._sent_slow = self._sent
        if not self.data:
            self.data = reading.fixed(self._record)
        self.validations = [
            before.get(one.number) or reading.packed(one, self._record) for one in validations
        ]

    def _raise(self) -> None:
        if self._runner.error is not None:
            raise self._runner.error


def _refused(value: Any) -> ValueError:
    what = type(value).__name__
    return ValueError(f"a monitor watches the steps that train(net, dataset, ...) returns, not a {what}")


class Runner:
    """Runs a training run, at once or in a thread; it can be paused and stopped between two steps.

    Args:
        steps: what `train` returns.
        take: called with every step.
        report: called with each new status: "training", "paused", and at the end "finished", "stopped" or
            "failed".

    Attributes:
        error: what ended the run, if it failed.
    """

    #: the run in a thread; there is at most one at a time
    running: ClassVar[Runner | None] = None

    def __init__(
        self, steps: Iterable[Step], take: Callable[[Step], None], report: Callable[[str], None]
    ) -> None:
        self.steps, self.take, self.report = steps, take, report
        self.error: BaseException | None = None
        self.open, self.stopping = threading.Event(), threading.Event()
        self.open.set()
        self.thread = threading.Thread(target=self.run, name="training", daemon=True)

    def start(self) -> None:
        """Train in a thread. A run that is still in a thread is stopped first."""
        if (older := Runner.running) is not None:
            older.obey("stop")
            older.wait()
        Runner.running = self
        atexit.register(self.leave)
        self.thread.start()

    def run(self) -> None:
        """Train in the calling thread; an error is kept."""
        try:
            end = self._run()
        except BaseException as error:  # also an interrupt: in a thread nothing else would report it
            self.error, end = error, "failed"
        try:
            self.report(end)
        except BaseException as error:  # a run whose end cannot be shown did not succeed
            self.error = self.error or error
        finally:
            atexit.unregister(self.leave)
            if Runner.running is self:
                Runner.running = None

    def _run(self) -> str:
        """Return the status at the end. The generator is closed in the thread that it ran in."""
        try:
            for step in self.steps:
                self.take(step)
                if not self.open.is_set():
                    self.report("paused")
                    self.open.wait()
                    if not self.stopping.is_set():
                        self.report("training")
                if self.stopping.is_set():
                    return "stopped"
            return "finished"
        finally:
            if close := getattr(self.steps, "close", None):
                close()

    def obey(self, request: str) -> None:
        """Pause or stop after this step, or "train" on.

        After a stop the net can be used, and a checkpoint is written if one was asked for.
        """
        if request == "stop":
            self.stopping.set()
        if request == "pause":
            self.open.clear()
        else:
            self.open.set()

    def wait(self) -> None:
        """Wait until it is over."""
        while self.thread.is_alive():  # with a timeout, so that an interrupt is noticed on every system
            self.thread.join(POLL)

    async def finished(self) -> None:
        """Wait until it is over, while other messages to the kernel are handled."""
        while self.thread.is_alive():
            await asyncio.sleep(POLL)

    def leave(self) -> None:
        """Stop when the process ends."""
        self.obey("stop")
        self.thread.join(5)
