"""What the doctor says about one thing."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Any

#: What the child process saw: stage -> facts, or {"error": ...}.
Seen = dict[str, dict[str, Any]]

AFTER = "First mend what stands above."
#: How to come to a sound environment, for the three ways in which one is made.
SET_UP = "In the project's folder: `make clean`, then `make lab`."
if "CONDA_PREFIX" in os.environ and sys.prefix == os.environ["CONDA_PREFIX"]:
    SET_UP = "In the project's folder: `conda env update -f environment.yml --prune`."
elif os.name == "nt":
    SET_UP = "In the project's folder: delete the folder .venv, then `py bootstrap.py lab`."


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: what it is: "torch", "disk".
        verdict: "ok"; "note" where the course works but something is worth knowing; "wrong" where it fails.
        says: what was seen.
        do: the next action; empty where there is none.
    """

    name: str
    verdict: str
    says: str
    do: str = ""
