"""Whether somebody is there to see a bar move, or to press a button."""

from __future__ import annotations

from typing import Any


def attended() -> bool:
    """Whether this code runs in a cell that a person has run in a front end.

    A front end offers to answer `input()` with every cell it runs. What runs notebooks by itself (nbval,
    nbclient, papermill, nbconvert) does not, and outside of Jupyter there is no kernel.
    """
    running = kernel()
    return running is not None and bool(running.get_parent().get("content", {}).get("allow_stdin"))


def kernel() -> Any:
    """The Jupyter kernel that this code runs in, or None."""
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return None
    return getattr(get_ipython(), "kernel", None)
