"""What does the live monitor cost, in steps of the training it watches?

In a real JupyterLab in a real, headless Chromium that draws, on the same cores as the training. One training
goes on and on in the monitor's thread; portions of it are watched and not watched in turn, and the ratios of
steps per second in each pair are printed. The goal is a median of at least 0.98. "alike" is the same with
both halves unwatched: how much two portions differ on this machine, as it is.

It also prints how long it takes from the moment the kernel hears of Pause until the training stands, which is
at most one step, and how long it takes to make the copy that needs no kernel, once at the end.

    python benchmarks/monitor.py [--pairs 12] [--seconds 4]
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import statistics

import nbformat
from _browser import lab_in_chromium

SETTING = """\
import asyncio, itertools, time
import torch
from IPython.display import display
from torch import nn
from seglib import backbones, fcn
from seglib.scenes import Scenes
from seglib.train import train
from seglib.widgets import Monitor

pools, val = Scenes(64, size=(96, 128)), Scenes(8, split="val", size=(96, 128))

class Switched(Monitor):
    watching = True
    def _take(self, step):
        if self.watching:
            super()._take(step)

def portions(steps, holder, count, speeds):
    for part in range(4 * PAIRS):
        pair, second = divmod(part, 2)
        which = second != (pair // 2) % 2  # which half of a pair comes first changes
        holder["monitor"].watching = pair % 2 == 0 and which
        begin = time.perf_counter()
        yield from itertools.islice(steps, count)
        speeds.setdefault(pair, {})[which] = count / (time.perf_counter() - begin)

async def measured(net, batch_size):
    steps = train(net, pools, steps=10**7, val=val, val_every=max(1, 40 * 8 // batch_size),
                  batch_size=batch_size, precision="float32", schedule=lambda done: 1.0)
    for turn in range(2):  # the first steps are slow
        begin = time.perf_counter()
        list(itertools.islice(steps, 20))
        speed = 20 / (time.perf_counter() - begin)
    count, speeds, holder = max(5, round(SECONDS * speed)), {}, {}
    def begun():
        while not holder:
            time.sleep(0.01)
        time.sleep(2)  # the browser draws it for the first time
        yield from portions(steps, holder, count, speeds)
    holder["monitor"] = Switched(begun(), live=True)
    display(holder["monitor"])
    await holder["monitor"].finished()
    ratios = [speeds[pair][True] / speeds[pair][False] for pair in range(2 * PAIRS)]
    return count, speed, ratios[::2], ratios[1::2]

async def stands(net, batch_size):
    heard, told = [], []
    monitor = Monitor(train(net, pools, steps=10**7, batch_size=batch_size, precision="float32"), live=True)
    monitor.observe(lambda change: told.append(time.perf_counter()), "status")
    for _ in range(10):
        await asyncio.sleep(0.37)
        told.clear()
        begin = time.perf_counter()
        monitor.request = "pause"
        while not told:
            await asyncio.sleep(0.001)
        heard.append(told[0] - begin)
        monitor.request = "train"
    monitor.request = "stop"
    await monitor.finished()
    begin = time.perf_counter()
    monitor._repr_mimebundle_()
    return heard, time.perf_counter() - begin
"""
NETS = {
    "FCN-8s, small, batch of 8": ("fcn.FCN(backbones.load('small'), 10, stride=8)", 8),
    "one convolution, batch of 1": ("nn.Sequential(Float(), nn.Conv2d(3, 10, 3, padding=1))", 1),
}
FLOAT = """
class Float(nn.Module):
    def forward(self, images):
        return images / 128 - 1
"""
RUN = "answer = [await measured({net}, {size}), await stands({net}, {size})]"


def quartiles(values: list[float]) -> str:
    first, middle, third = statistics.quantiles(values, n=4)
    return f"{middle:.3f} (quartiles {first:.3f} to {third:.3f})"


def main() -> None:
    """Two nets: one whose steps are long, one whose steps are short."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=4)
    options = parser.parse_args()
    said = [f"{name} {importlib.metadata.version(name)}" for name in ("torch", "ipykernel", "anywidget")]
    said.append(f"OMP_NUM_THREADS {os.environ.get('OMP_NUM_THREADS', 'all')}")
    with lab_in_chromium(*said) as (lab, browser):
        for name, (net, size) in NETS.items():
            head = f"PAIRS, SECONDS = {options.pairs}, {options.seconds}\n"
            cells = [head + SETTING + FLOAT, RUN.format(net=net, size=size)]
            notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
            opened = lab.open(browser.new_page(), notebook, f"monitor-{size}.ipynb")
            # in a thread short steps take longer
            opened.run_all(seconds=60 + 20 * options.pairs * options.seconds)
            report(name, options.pairs, *opened.python("answer"))
            opened.page.close()
            lab.shut_down(opened)


def report(name: str, pairs: int, measured: list, stands: list) -> None:
    """Five lines about one net."""
    (count, speed, watched, alike), (heard, copy) = measured, stands
    print(f"{name}: {1000 / speed:.1f} ms a step, {pairs} pairs of portions of {count} steps")
    print(f"  watched / unwatched   {quartiles(watched)}")
    print(f"  alike                 {quartiles(alike)}")
    print(
        f"  Pause until it stands {1000 * statistics.median(heard):.0f} ms, worst {1000 * max(heard):.0f} ms"
    )
    print(f"  the copy at the end   {1000 * copy:.0f} ms, once")


if __name__ == "__main__":
    main()
