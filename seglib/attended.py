"""Whether somebody is there to see a bar move, or to press a button."""

from __future__ import annotations


def attended() -> bool:
    """Whether this code runs in a cell that a person has run in a front end.

    A front end offers to answer `input()` with every cell it runs. What runs notebooks by itself (nbval,
    nbclient, papermill, nbconvert) does not, and outside of Jupyter there is no kernel.
    """
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return False
    kernel = getattr(get_ipython(), "kernel", None)
    if kernel is None:
        return False
    return bool(kernel.get_parent().get("content", {}).get("allow_stdin"))
