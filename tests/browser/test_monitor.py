"""The live monitor in JupyterLab while a training runs: it moves, pauses, stops, and says what failed."""

import io
import math
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import BrowserContext, Locator, Page, expect

from seglib import draw
from seglib.labels import percent
from seglib.train import train
from seglib.widgets import Monitor
from seglib.widgets.monitor import reading
from tests.browser.explorer import pixels, press
from tests.browser.lab import ARTEFACTS, ERROR, Lab, Notebook, checksum, until
from tests.browser.plain import exported
from tests.training.nets import Net, Squares

CELLS = [
    """\
import time
import torch
from seglib import backbones
from seglib.fcn import FCN
from seglib.scenes import Scenes
from seglib.train import train
from seglib.widgets import Monitor

torch.set_num_threads(1)
torch.manual_seed(0)
pools, val = Scenes(16, size=(64, 64)), Scenes(4, split="val", size=(64, 64))

net = FCN(backbones.load("small"), len(pools.classes), stride=8)
settings = dict(batch_size=4, precision="float32", val=val, val_every=20, lr=0.02, schedule=lambda done: 1.0)
pressed, told = [], []""",
    """\
monitor = Monitor(train(net, pools, steps=100_000, **settings))
monitor.observe(lambda change: pressed.append((change.new, time.monotonic())), "request")
monitor.observe(lambda change: told.append((change.new, time.monotonic())), "status")
monitor""",
    """\
await monitor.finished()
after = monitor.step.number""",
    """\
def failing(steps):
    yield from steps
    raise RuntimeError("the disk is on fire")

broken = Monitor(failing(train(net, pools, steps=3, batch_size=4, precision="float32")))
broken""",
    """\
await broken.finished()""",
]


@pytest.fixture
def notebook(lab: Lab, context: BrowserContext) -> Iterator[Notebook]:
    """A notebook whose cells have all been asked to run; the second awaits the training of the first."""
    with lab.open(context, "monitor.ipynb", *CELLS) as opened:
        prompts = opened.page.locator(".jp-CodeCell .jp-InputPrompt")

        def begun() -> bool:
            opened.ask_all()
            opened.page.wait_for_timeout(500)
            return "[ ]" not in prompts.first.inner_text()

        until(begun, "Lab runs the first cell", 60)
        yield opened


def steps_done(card: Locator) -> int:
    """What the step counter says."""
    text = card.locator(".seglib-fact").first.inner_text()
    return int(text.split(" of ")[0].replace(",", ""))


def curve(card: Locator) -> str:
    return card.locator(".seglib-chart .seglib-line-0").first.get_attribute("d") or ""


def test_a_training_is_watched_paused_and_stopped_while_a_cell_waits_for_it(notebook, lab):
    page = notebook.page
    card = page.get_by_role("region", name="Training monitor").first
    expect(card.locator(".seglib-strip canvas").nth(4)).to_be_visible(timeout=60_000)

    # It moves: the curve, its pixels and the counter.
    chart = card.locator(".seglib-chart").first
    before, pixels, done = curve(card), chart.screenshot(), steps_done(card)
    until(lambda: curve(card) != before and steps_done(card) > done, "the curve moves", 10)
    assert chart.screenshot() != pixels
    card.screenshot(path=ARTEFACTS / "monitor.png")

    # Pause answers at once, and the counter stands.
    card.get_by_role("button", name="Pause the training").click()
    pill = card.locator(".seglib-pill")
    expect(pill).to_have_text(re.compile("Pausing…|Paused"), timeout=250)
    expect(pill).to_have_text("Paused", timeout=5000)
    page.wait_for_timeout(300)
    done = steps_done(card)
    page.wait_for_timeout(600)
    assert steps_done(card) == done
    card.screenshot(path=ARTEFACTS / "monitor-paused.png")

    # It can be looked through in the meantime.
    last = checksum(first := card.locator(".seglib-thumbs[role=radiogroup] canvas").first)
    slider = card.get_by_label("Validation at step")
    press(slider, "Home")
    expect(slider).to_have_attribute("aria-valuetext", re.compile("^20, mean IoU"))
    until(lambda: checksum(first) != last, "the images follow", 5)

    card.get_by_role("button", name="Resume the training").click()
    until(lambda: steps_done(card) > done, "it resumes", 10)
    card.get_by_role("button", name="Stop the training").click()
    expect(pill).to_have_text("Stopped", timeout=10_000)

    # The waiting cell ends, the next training runs and fails, and the last cell says why.
    broken = page.get_by_role("region", name="Training monitor").nth(1)
    why, alert = "RuntimeError: the disk is on fire", broken.get_by_role("alert").filter(has_text="fire")
    expect(alert).to_have_text(why, timeout=20_000)
    expect(page.locator(ERROR).filter(has_text=why)).to_have_count(1)

    # What is saved can be looked through without a kernel.
    page.keyboard.press("Control+s")
    file = lab.folder / "monitor.ipynb"
    until(lambda: "Stopped: step" in file.read_text(encoding="utf-8"), "the copy is saved", 20)
    (output, *_) = nbformat.read(file, as_version=4).cells[1].outputs
    assert "Stopped: step" in output.data["text/html"] and output.data["text/html"].startswith("<div")

    python = notebook.python
    assert python("after == monitor.step.number")
    assert python("[monitor.status, broken.status, net.training]") == ["stopped", "failed", False]
    assert python("list(net(pools[0][0][None]).shape)") == [1, 10, 64, 64]
    heard, done_at = dict(python("pressed")), dict(python("told"))
    took = [done_at["paused"] - heard["pause"], done_at["stopped"] - heard["stop"]]
    assert max(took) < 1  # a step, also on a busy machine


# Without a kernel: a training that is over, replayed.


@pytest.fixture(scope="module")
def twin() -> Monitor:
    """A training that is over, in this process."""
    torch.manual_seed(0)
    return Monitor(train(Net(), Squares(), steps=60, batch_size=4, lr=0.02, val=Squares(6, split="val")))


@pytest.fixture
def card(page: Page, twin: Monitor, tmp_path: Path) -> Locator:
    """Its exported copy, on a page without a network."""
    page.set_viewport_size({"width": 760, "height": 1000})
    shown = exported(page, twin, tmp_path)
    expect(shown.locator(".seglib-strip canvas")).to_have_count(10)
    return shown


def test_every_validation_can_be_looked_at_without_a_kernel(card, twin):
    slider = card.get_by_label("Validation at step")
    press(slider, "Home")
    for validation in twin._record.validations:
        expect(card.locator(".seglib-status")).to_have_text(reading.validation_words(validation))
        expect(slider).to_have_attribute("aria-valuetext", re.compile(f"^{validation.number}, "))
        shown = card.locator(".seglib-bars-row .seglib-number").all_inner_texts()
        columns = reading.columns(validation)
        assert shown == [column["texts"][place] for place in range(3) for column in columns]
        assert validation.preds is not None and twin._record.images is not None
        right = percent(reading.right_share(validation.preds[2], twin._record.images[1][2]))
        photo = card.locator(".seglib-thumbs canvas").nth(2)
        words = f"image 3, prediction after step {validation.number}: {right} of the pixels right"
        expect(photo).to_have_attribute("aria-label", words)
        image = np.array(Image.open(io.BytesIO(twin.data["images"][2]["image"])))  # as it is sent: a JPEG
        image = torch.from_numpy(image).permute(2, 0, 1)
        over = draw.overlay(image, validation.preds[2], validation.scores.classes, opacity=0.6)
        off = np.abs(pixels(photo, 32) - over.permute(1, 2, 0).numpy().astype(int)).max(axis=2)
        assert np.quantile(off, 0.95) <= 3  # two decoders
        card.page.keyboard.press("ArrowRight")
    expect(card.locator(".seglib-pin").first).to_have_css("display", "none")  # the last one is "the last"


def test_truth_difference_hatching_and_the_strip(card):
    first = card.locator(".seglib-thumbs[role=radiogroup] canvas").first
    strip = card.locator(".seglib-strip canvas")
    seen = {checksum(first)}
    for view in ("Truth", "Difference", "Prediction"):
        card.get_by_role("radio", name=view).check()
        until(lambda: checksum(first) not in seen or view == "Prediction", view, 5)  # noqa: B023
        seen.add(checksum(first))
    card.get_by_role("checkbox", name="Hatching").check()
    until(lambda: checksum(first) not in seen, "the hatching", 5)
    before = checksum(strip.last)
    press(card.get_by_role("radio", name="Image 1 in the strip"), "ArrowRight")
    until(lambda: checksum(strip.last) != before, "the strip shows the second image", 5)
    strip.nth(3).click()
    expect(card.get_by_label("Validation at step")).to_have_value("3")
    expect(card.locator(".seglib-pin").first).not_to_have_css("display", "none")
    card.screenshot(path=ARTEFACTS / "monitor-replayed.png")


def test_a_run_that_is_over_cannot_be_stopped(card):
    expect(card.get_by_role("button", name="Stop the training")).to_be_hidden()
    expect(card.locator(".seglib-pill")).to_have_text("Finished")


def test_the_film_strip_is_sharp_on_another_screen(card):
    canvas = card.locator(".seglib-strip canvas").first
    screen = {"width": 760, "height": 1000, "deviceScaleFactor": 4, "mobile": False}
    card.page.context.new_cdp_session(card.page).send("Emulation.setDeviceMetricsOverride", screen)
    card.get_by_role("checkbox", name="Hatching").check()  # it is painted anew
    wide = 32 * math.ceil(4 * canvas.evaluate("canvas => canvas.clientWidth") / 32)
    expect(canvas).to_have_js_property("width", wide)


def test_what_was_saved_while_it_trained_says_so(page, tmp_path):
    monitor = Monitor(train(Net(), Squares(), steps=10**7, batch_size=4), live=True)
    until(lambda: monitor._record.step is not None, "it trains", 20)
    exported(page, monitor, tmp_path)
    monitor.request = "stop"
    until(lambda: monitor.status == "stopped", "it stops", 20)
    expect(page.locator(".seglib-pill")).to_have_text("Saved while training")
    expect(page.get_by_role("button", name="Pause the training")).to_be_hidden()


@pytest.fixture
def training(lab: Lab, context: BrowserContext) -> Iterator[Notebook]:
    """A notebook in which nothing happens but a training."""
    with lab.open(context, "training.ipynb", *CELLS[:2]) as opened:
        opened.run_all()
        expect(opened.page.get_by_role("button", name="Pause the training")).to_be_visible()
        yield opened
        opened.errors.clear()  # of Lab, whose kernel is gone


def test_when_the_kernel_is_restarted_the_training_is_stopped_in_time(training, lab):
    kernel = lab.ask(f"api/sessions/{training.session}")["kernel"]["id"]
    lab.ask(f"api/kernels/{kernel}/restart", {})
    expect(training.page.locator(".seglib-pill")).to_have_text("Stopped", timeout=20_000)


def test_when_the_kernel_dies_the_card_says_that_there_is_no_update(training):
    page = training.page
    silence = page.locator(".seglib-silence")
    expect(silence).to_be_hidden()
    os.kill(training.python("__import__('os').getpid()"), signal.SIGKILL)
    told = re.compile("^No update for 20 s.* restart it and run this cell again")
    expect(silence).to_have_text(told, timeout=40_000)
    page.get_by_role("region", name="Training monitor").screenshot(path=ARTEFACTS / "monitor-dead.png")
