"""The whole examination, from the most basic to what stands on it."""

from __future__ import annotations

import json
import subprocess
import sys

from seglib.doctor import machine, software
from seglib.doctor.finding import Finding, Seen
from seglib.doctor.probe import STAGES


def examine() -> list[Finding]:
    """Look at everything the course needs from this machine; takes some seconds and changes nothing."""
    seen = probe()
    pair = software.torch_pair(seen)
    basics = [software.python(), software.packages(), pair, machine.cores_and_memory(), machine.disk(seen)]
    looks = {
        "GPU": machine.gpu,
        "widgets": software.widgets,
        "writing": machine.writing,
        "data": machine.data,
        "course": machine.course,
    }
    if pair.verdict == "wrong":  # one cause, one complaint
        return basics + [Finding(name, "note", "not looked at: torch comes first") for name in looks]
    return basics + [look(seen) for look in looks.values()]


def probe(timeout: float = 300) -> Seen:
    """What the child process saw, by stage; a stage that it did not live to see says so."""
    command = [sys.executable, "-m", "seglib.doctor.probe"]
    try:
        child = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=timeout)
        output, words = child.stdout, child.stderr.strip()[-300:]
        end = f"Python stopped with status {child.returncode} {words}".rstrip()
    except subprocess.TimeoutExpired as late:
        output, end = (late.stdout or b"").decode(errors="replace"), f"no answer within {timeout:.0f} s"
    stages = [json.loads(line) for line in output.splitlines() if line.startswith('{"stage": ')]
    seen: Seen = {stage: {"error": f"could not be looked at: {end}"} for stage in STAGES}
    return seen | {stage.pop("stage"): stage for stage in stages}
