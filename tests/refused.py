"""Wrong input, row by row: each is refused with one sentence that holds the words of its row."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest


def refused(call: Callable[..., Any], *rows: Sequence[Any], error: type[Exception] = ValueError) -> Callable:
    """A test for each row (arguments of `call` ..., words): it raises `error`, one line with these words."""

    @pytest.mark.parametrize("row", rows, ids=lambda row: row[-1])
    def test(row):
        *arguments, words = row
        with pytest.raises(error, match=words) as raised:
            call(*arguments)
        assert "\n" not in str(raised.value)

    return test
