"""A small part of the broken files of `python -m tests.fuzz`, five of each format."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz import FORMATS, Case


@pytest.mark.filterwarnings("ignore")
def test_broken_files_end_with_a_result_or_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SEGLIB_HOME", "SEGLIB_CACHE"):
        monkeypatch.setenv(name, str(tmp_path))  # which the cases set
    cases = Case(tmp_path, seed=1)
    ended = [cases.run(number) for number in range(5 * len(FORMATS))]
    assert [wrong for _, wrong in ended if wrong] == []
    assert {how for how, _ in ended} == {"result", "refused"}
