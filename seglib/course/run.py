"""Run a solved notebook in the tiny profile and keep of it only what is compared later."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from nbclient import NotebookClient
from nbformat import NotebookNode

CHECKED = "nbval-check-output"
SECONDS_PER_CELL = 300


def run(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """Execute every cell, strictly; outputs stay where the cell is tagged `nbval-check-output`.

    The run has a progress folder of its own and no real data sets, so that every machine gets the same.

    Args:
        notebook: changed in place, and returned.
        folder: where the cells run.

    Raises:
        CellExecutionError: a cell raised, or a check did not say "right".
    """
    folder.mkdir(parents=True, exist_ok=True)
    client = NotebookClient(
        notebook,
        timeout=SECONDS_PER_CELL,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        coalesce_streams=True,
        store_widget_state=False,
        extra_arguments=["--log-level=ERROR"],
    )
    with tempfile.TemporaryDirectory() as home:
        client.execute(env={**os.environ, **environment(home)})
    for cell in notebook.cells:
        if cell.cell_type == "code":
            _strip(cell)
    return notebook


def environment(home: str) -> dict[str, str]:
    """The variables of a run that is to be the same everywhere."""
    return {
        "SEGLIB_PROFILE": "tiny",
        "SEGLIB_STRICT": "1",
        "SEGLIB_HOME": home,
        "SEGLIB_DATA": "none",
        "OMP_NUM_THREADS": "1",
    }


def _strip(cell: NotebookNode) -> None:
    """Drop when it ran; drop what came out, unless it is compared: then keep the text of it."""
    cell.metadata.pop("execution", None)
    if CHECKED not in cell.metadata.get("tags", []):
        cell.outputs, cell.execution_count = [], None
        return
    for output in cell.outputs:
        for kind in [kind for kind in output.get("data", {}) if not kind.startswith("text/")]:
            del output["data"][kind]
