"""What is on the disk: found by content, made again where damaged, and there after a kill."""

from __future__ import annotations

import ast
import os
import signal
from pathlib import Path

import pytest
import torch
from torch import Tensor

import seglib
from seglib import backbones
from seglib.regions import kept, propose_all
from seglib.regions.examples import Looker
from seglib.regions.features import Kind, RegionFeatures
from seglib.regions.proposals import Proposals
from seglib.scenes import Scenes

REGIONS = Proposals(torch.tensor([[0, 1]] * 2), torch.tensor([[1, 1], [0, 1]]).bool(), torch.zeros(2))


def small(seed: int = 0) -> RegionFeatures:
    torch.manual_seed(seed)
    return RegionFeatures(backbones.load("small", pretrained=False), size=32)


class Counting(RegionFeatures):
    """Counts how often the net is asked."""

    asked = 0

    def extract(self, *args: object, **more: object) -> Tensor:
        self.asked += 1
        return super().extract(*args, **more)  # type: ignore[arg-type]


def counting() -> Counting:
    torch.manual_seed(0)
    return Counting(backbones.load("small", pretrained=False), size=32)


def image(value: int = 0) -> Tensor:
    return torch.full((3, 2, 2), value, dtype=torch.uint8)


def files(home: Path) -> list[Path]:
    return sorted((home / "cache" / "regions").glob("*/*.pt"))


def test_what_is_read_is_what_was_said_to_eleven_bits(home: Path) -> None:
    features = small()
    rows = kept.read(kept.kept(features, image(), REGIONS))
    assert torch.allclose(rows, features.extract(image(), REGIONS), rtol=2**-10, atol=1e-6)


def test_joined_serves_full_and_foreground(home: Path) -> None:
    features = counting()
    kept.kept(features, image(), REGIONS)
    for kind in ("full", "foreground", "joined"):
        kept.kept(features, image(), REGIONS, kind)  # type: ignore[arg-type]
    assert features.asked == 2 and len(files(home)) == 2


def test_another_image_region_net_or_size_is_another_file(home: Path) -> None:
    kind: Kind = "full"
    kept.kept(small(), image(), REGIONS, kind)
    kept.kept(small(), image(1), REGIONS, kind)
    kept.kept(small(), image(), REGIONS.subset([1]), kind)
    kept.kept(small(1), image(), REGIONS, kind)
    assert len(files(home)) == 4


@pytest.mark.parametrize("damage", [lambda file: file.write_bytes(b"x"), lambda file: file.unlink()])
def test_a_damaged_or_missing_file_is_made_again(home: Path, damage: object) -> None:
    features = counting()
    before = kept.read(kept.kept(features, image(), REGIONS, "full"))
    damage(files(home)[0])  # type: ignore[operator]
    assert torch.equal(kept.read(kept.kept(features, image(), REGIONS, "full")), before)
    assert features.asked == 2


def test_proposals_are_made_once(home: Path) -> None:
    made: list[int] = []

    def make() -> Proposals:
        made.append(1)
        return REGIONS

    for _ in range(2):
        assert torch.equal(kept.proposals(image(), "settings", make).members, REGIONS.members)
    kept.proposals(image(), "other settings", make)
    assert len(made) == 2


def imported(name: str, seen: set[str]) -> set[str]:
    """The files of seglib.regions that a module there needs, itself included."""
    folder = Path(seglib.__file__).parent / "regions"
    seen.add(name)
    for node in ast.walk(ast.parse((folder / name).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("seglib.regions"):
            ends = [
                (node.module or "").removeprefix("seglib.regions").strip("."),
                *(a.name for a in node.names),
            ]
            for file in {f"{end}.py" for end in ends} - seen:
                if (folder / file).is_file():
                    imported(file, seen)
    return seen


def test_the_key_knows_all_code_behind_proposals_and_features() -> None:
    assert imported("proposals.py", set()) <= set(kept.BEHIND_PROPOSALS)
    behind = imported("features.py", set()) - set(kept.BEHIND_PROPOSALS)
    assert behind == set(kept.SEEN_BY_THE_NET)


class Dying(RegionFeatures):
    """Kills its process in the second image: each asks the net four times, and this is the sixth."""

    asked = 0

    def extract(self, *args: object, **more: object) -> Tensor:
        self.asked += 1
        if self.asked == 6:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().extract(*args, **more)  # type: ignore[arg-type]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_killed_half_way_it_goes_on(home: Path) -> None:
    scenes = Scenes(3, size=(64, 64))
    child = os.fork()
    if not child:
        try:
            torch.manual_seed(0)
            dying = Dying(backbones.load("small", pretrained=False), size=32)
            Looker(dying, number=30).prepare(scenes, jobs=1)
        finally:
            os._exit(0)  # not reached
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    done = {path: path.stat().st_mtime_ns for path in files(home)}
    assert len(done) == 5 + 2
    assert Looker(small(), number=30).prepare(scenes, jobs=1).images == 3
    assert all(path.stat().st_mtime_ns == when for path, when in done.items()), "made twice"
    assert len(files(home)) == 5 * 3  # proposals, and two pathways for them and for the true regions


def test_after_a_change_of_code_all_is_made_before_it_is_asked_for(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenes = Scenes(1, size=(48, 48))
    for code, number in (("old", 3), ("new", 5)):  # proposals; and features of them and of the true regions
        monkeypatch.setattr(kept, "code_of_features", lambda code=code: code)
        Looker(small(), "full", number=20).prepare(scenes, jobs=1)
        assert len(files(home)) == number


def test_propose_all_shares_its_files_with_the_looker(home: Path) -> None:
    scenes = Scenes(1, size=(48, 48))
    propose_all(scenes, 20, jobs=1)
    before = files(home)
    Looker(small(), "full", number=20).prepare(scenes, jobs=1)
    assert len(before) == 1 and len(files(home)) == 3  # full features of the proposals and of the truth
