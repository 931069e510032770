"""What the doctor runs in a child process: imports that may fail, crash or hang on a broken machine.

`python -m seglib.doctor_probe` prints one JSON object per line, `{"stage": ..., ...}`, as soon as a stage is
done. A stage that failed has an "error"; after a crash the later stages are missing.
"""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any


def torch_imports() -> dict[str, Any]:
    """Torch alone."""
    import torch

    return {"version": torch.__version__}


def torchvision_imports() -> dict[str, Any]:
    """Torchvision together with torch, with one call into its compiled part."""
    import torch
    import torchvision

    kept = torchvision.ops.nms(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.ones(1), 0.5)
    return {"version": torchvision.__version__, "kept": len(kept)}


def device() -> dict[str, Any]:
    """What torch can compute on besides the CPU."""
    import torch

    from seglib.machine import accelerator

    kind = accelerator()
    if kind != "cuda":
        return {"kind": "mps" if torch.backends.mps.is_available() else kind}
    free, total = torch.cuda.mem_get_info()
    return {"kind": kind, "name": torch.cuda.get_device_name(), "free": free / 1e9, "total": total / 1e9}


def widgets() -> dict[str, Any]:
    """Create a slider and an anywidget; find the Python in which notebooks run."""
    import anywidget
    import ipywidgets
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_core.paths import jupyter_path

    ipywidgets.HBox([ipywidgets.IntSlider(), anywidget.AnyWidget()])
    kernel = KernelSpecManager().get_kernel_spec("python3").argv[0]
    return {"kernel": kernel, "labextensions": jupyter_path("labextensions")}


def places() -> dict[str, Any]:
    """Where progress and data sets are written, and why not if they cannot be."""
    from seglib.course import store
    from seglib.data import catalog

    folders = {"progress": store.folder(), "data": catalog.roots()[0]}
    return {name: {"folder": str(path), "refused": refused(path)} for name, path in folders.items()}


def data() -> dict[str, Any]:
    """The photographs on this machine."""
    from seglib.data import catalog

    return {"found": {name: str(place) for name, place in catalog.found().items()}}


def course() -> dict[str, Any]:
    """The profile for this machine; how many minutes of yours and seconds of its own the notebooks take."""
    from seglib.course import content
    from seglib.machine import pick_profile

    profile = pick_profile()
    lessons = [content.load(number) for number in content.numbers()]
    minutes = sum(lesson.minutes for lesson in lessons)
    seconds = sum(lesson.budgets[profile.name].seconds for lesson in lessons)
    about = {"notebooks": len(lessons), "minutes": minutes, "seconds": seconds}
    return {"profile": profile.name, "why": profile.why, **about}


def refused(folder: Path) -> str:
    """Why nothing can be written to `folder`; "" if it can. Leaves nothing behind."""
    folder = folder.absolute()
    there = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=there) as scratch:
            scratch.write(b"seglib")
    except OSError as error:
        return f"{there}: {error.strerror}"
    return ""


STAGES: dict[str, Callable[[], dict[str, Any]]] = {
    "torch": torch_imports,
    "torchvision": torchvision_imports,
    "device": device,
    "widgets": widgets,
    "places": places,
    "data": data,
    "course": course,
}

if __name__ == "__main__":
    for stage, look in STAGES.items():
        try:
            seen = look()
        except BaseException as error:  # whatever it is, the report shows it
            seen = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps({"stage": stage, **seen}), flush=True)
