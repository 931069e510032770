"""All proposals of a data set: the same as one by one, kept on disk, made again where they are gone."""

from __future__ import annotations

import pickle
from pathlib import Path

import joblib
import pytest

from seglib.regions import FAST, Strategy, dataset_proposals, propose, propose_all
from seglib.scenes import Scenes

FEW = (Strategy("lab", 40),)


@pytest.fixture
def calls(home: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """An entry for every image that is searched."""
    made: list[int] = []

    def counting(*given: object, **named: object) -> object:
        made.append(1)
        return propose(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(dataset_proposals, "propose", counting)
    return made


def scenes(length: int = 3) -> Scenes:
    return Scenes(length=length, size=(40, 60))


def test_they_are_those_of_propose_and_made_once(calls: list[int]) -> None:
    found = propose_all(scenes(), 50, strategies=FEW)
    assert len(calls) == len(found) == 3
    for proposals, (image, _) in zip(found, scenes()):
        expected = propose(image, 50, strategies=FEW)
        assert proposals.members.equal(expected.members) and proposals.labels.equal(expected.labels)
        assert proposals.scores.equal(expected.scores)
    propose_all(scenes(), 50, strategies=FEW)
    assert len(calls) == 3


def test_other_settings_are_other_proposals(calls: list[int]) -> None:
    first = propose_all(scenes(), 50, strategies=FEW)
    assert len(propose_all(scenes(), 20, strategies=FEW)[0]) == 20
    assert propose_all(scenes(), 50, strategies=FEW, seed=1)[0].scores.ne(first[0].scores).any()
    assert len(calls) == 9


def test_an_interrupted_run_goes_on(calls: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    counting = dataset_proposals.propose

    def interrupted(*given: object, **named: object) -> object:
        if len(calls) == 2:
            raise KeyboardInterrupt
        return counting(*given, **named)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(dataset_proposals, "propose", interrupted)
        with pytest.raises(KeyboardInterrupt):
            propose_all(scenes(), 50, strategies=FEW)
    propose_all(scenes(), 50, strategies=FEW)
    assert len(calls) == 3


def test_what_is_gone_or_damaged_is_made_again(calls: list[int], home: Path) -> None:
    found = propose_all(scenes(), 50, strategies=FEW)
    before = [proposals.members for proposals in found]
    one, two, *_ = (home / "cache" / "regions").rglob("*.pt")
    one.unlink()
    two.write_bytes(b"damaged")
    assert all(proposals.members.equal(members) for proposals, members in zip(found, before))
    assert len(calls) == 5


def test_it_is_a_sequence(home: Path) -> None:
    found = propose_all(scenes(2), 10, strategies=FEW)
    assert found[-1].members.equal(found[1].members) and len(found[:1]) == 1
    with pytest.raises(IndexError, match="there is no image 2; there are 2"):
        found[2]
    assert len(propose_all(scenes(0), strategies=FAST)) == 0


def test_two_at_a_time_make_the_same(home: Path) -> None:
    with joblib.parallel_config(backend="threading"):  # processes take seconds to start
        found = propose_all(scenes(), 50, strategies=FEW, jobs=2)
    assert found[2].members.equal(propose(scenes()[2][0], 50, strategies=FEW).members)
    assert pickle.loads(pickle.dumps(found)).settings == found.settings
