"""GPU, cores, memory, disk, where one may write, the data at hand, and the time the course will take."""

from __future__ import annotations

import shutil
from pathlib import Path

from joblib import cpu_count

from seglib.containers import free_memory, total_memory
from seglib.doctor.finding import AFTER, Finding, Seen

LITTLE_DISK, LITTLE_MEMORY = 1.0, 4.0  # GB; below these the course stops, or is slow


def gpu(seen: Seen) -> Finding:
    """What torch can compute on; a card that it cannot use is worth a note."""
    found = seen["device"]
    if found.get("kind") == "cuda":
        return Finding("GPU", "ok", f"{found['name']}, {found['free']:.1f} of {found['total']:.1f} GB free")
    if found.get("kind") == "mps":
        return Finding("GPU", "ok", "an Apple GPU, which the course does not use; none is needed")
    if "kind" in found and shutil.which("nvidia-smi"):
        do = "`TORCH_BACKEND=auto make lab` installs the fitting build, or the driver is too old. Optional."
        return Finding("GPU", "note", "there is an NVIDIA driver, but torch cannot use the card", do)
    return Finding("GPU", "ok", "none, and none is needed")


def cores_and_memory() -> Finding:
    """Cores this process may use, and memory in GB; in a container, those of the container."""
    total, free = total_memory() / 1e9, free_memory() / 1e9
    says = f"{cpu_count()} cores, {total:.0f} GB of memory, {free:.0f} GB of it free"
    if free < LITTLE_MEMORY:
        return Finding("computer", "note", says, "Close other programs: below 4 GB it gets slow.")
    return Finding("computer", "ok", says)


def disk(seen: Seen) -> Finding:
    """Free disk where progress and data sets go, the smaller of the two."""
    places = [place["folder"] for place in seen["places"].values() if isinstance(place, dict)]
    folders = [Path(place).absolute() for place in places or [Path.home()]]
    there = [next(path for path in (folder, *folder.parents) if path.is_dir()) for folder in folders]
    free, place = min((shutil.disk_usage(path).free / 1e9, str(path)) for path in there)
    says = f"{free:.0f} GB free at {place}" if free >= 10 else f"{free:.1f} GB free at {place}"
    if free < LITTLE_DISK:
        return Finding("disk", "wrong", says, "Free at least 1 GB.")
    if free < 5:
        return Finding("disk", "note", says, "Enough without downloads; the data sets want 1 to 3 GB each.")
    return Finding("disk", "ok", says)


def writing(seen: Seen) -> Finding:
    """Whether progress can be kept and data sets can be downloaded."""
    places = seen["places"]
    if "error" in places:
        return Finding("writing", "wrong", places["error"], AFTER)
    if places["progress"]["refused"]:
        says = f"your progress cannot be kept: {places['progress']['refused']}"
        return Finding("writing", "wrong", says, "Set SEGLIB_HOME to a folder that you may write to.")
    if places["data"]["refused"]:
        says = f"progress can be kept, but nothing downloaded: {places['data']['refused']}"
        return Finding("writing", "note", says, "To download, set SEGLIB_DATA to a folder you may write to.")
    folders = f"progress in {places['progress']['folder']}, data in {places['data']['folder']}"
    return Finding("writing", "ok", folders)


def data(seen: Seen) -> Finding:
    """The real photographs at hand; without them the notebooks use built-in scenes."""
    if "error" in seen["data"]:
        return Finding("data", "wrong", seen["data"]["error"], AFTER)
    found = seen["data"]["found"]
    if found:
        where = ", ".join(f"{name} in {folder}" for name, folder in found.items())
        return Finding("data", "ok", f"built-in scenes; {where}")
    do = "Optional: set SEGLIB_DATA to a folder that holds data sets, or see data/README.md."
    return Finding("data", "note", "built-in scenes and one photograph; no real data sets", do)


def course(seen: Seen) -> Finding:
    """The profile that this machine gets, and how long the course takes with it."""
    found = seen["course"]
    if "error" in found:
        return Finding("course", "wrong", found["error"], AFTER)
    profile = f"profile {found['profile']} ({found['why']})"
    yours = f"{found['notebooks']} notebooks, {found['minutes']} minutes of your time"
    waiting = f"{max(1, round(found['seconds'] / 60))} minutes of it waiting for this machine"
    return Finding("course", "ok", f"{profile}: {yours}, at most {waiting}")
