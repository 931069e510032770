"""For every test: one thread, a home folder of its own, and the small profile."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

# Before torch is imported: two OpenMP threads on a busy machine are several times slower than one.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ.setdefault("SEGLIB_PROFILE", "tiny")
_home = tempfile.TemporaryDirectory(prefix="seglib-tests-")
os.environ["SEGLIB_HOME"] = _home.name  # progress and caches of the person who runs the tests stay untouched

import numpy as np  # noqa: E402
import torch  # noqa: E402
from PIL import Image  # noqa: E402

torch.set_num_threads(1)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder for this one test, empty."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("SEGLIB_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def photographs() -> Path:
    """The folder of real data sets that SEGLIB_DATA names; the test is skipped where there is none."""
    folder = os.environ.get("SEGLIB_DATA", "")
    if not folder:
        pytest.skip("real photographs: set SEGLIB_DATA to a folder that holds the data sets")
    return Path(folder)


@pytest.fixture
def read_only() -> Iterator[Path]:
    """A folder that this process may read but not write, for root too: root becomes nobody for the test.

    `images/a.png` and `masks/a.png` are in it, 3 x 4 pixels.
    """
    if not hasattr(os, "geteuid"):
        pytest.skip("folder permissions: this system has no user ids")
    folder = Path(tempfile.mkdtemp(prefix="seglib-read-only-"))
    for name in ("images", "masks"):
        (folder / name).mkdir()
        Image.fromarray(np.array([[0, 1, 2, 0]] * 3, np.uint8)).save(folder / name / "a.png")
    for path in (folder, folder / "images", folder / "masks"):
        path.chmod(0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield folder
    os.seteuid(user)
    for path in (folder, folder / "images", folder / "masks"):
        path.chmod(0o755)
    shutil.rmtree(folder)
