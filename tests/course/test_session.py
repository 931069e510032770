import json

import pytest
import torch

from seglib.course import check, checkpoint, predict, start, store
from seglib.data import catalog


@pytest.fixture
def alone(monkeypatch):
    """No real data sets."""
    monkeypatch.setenv("SEGLIB_DATA", "none")


@pytest.fixture
def session(towels, alone):
    return start("42_towels")


def test_the_card_says_what_there_is_and_where_you_left_off(towels, alone, capsys):
    session = start("42_towels")
    said = capsys.readouterr().out
    assert said.startswith("▸ 42 Towels\nYour machine: ")
    assert "Profile: tiny (SEGLIB_PROFILE says so). Device: cpu. Seed: 0." in said
    assert "at most 10 s; plan about 12 minutes" in said
    assert "built-in scenes and one photograph" in said
    assert "Begin with exercise 42.1, Double." in said
    assert (session.profile.name, session.seed) == ("tiny", 0)
    check("42.1", lambda numbers: [2 * number for number in numbers])
    start("42_towels")
    assert "You have solved 1 of 2; next is exercise 42.2, Name." in capsys.readouterr().out
    check("42.2", 7)
    start("42_towels")
    assert "You have solved every exercise here." in capsys.readouterr().out


def test_a_notebook_can_be_begun_again(towels, alone, home, capsys):
    start("42_towels", again=True)
    assert "cleared" not in capsys.readouterr().out
    for _ in range(2):
        check("42.2", 7)
        predict("42.p1", 60)
    start("42_towels", again=True)
    said = capsys.readouterr().out
    assert "42: cleared: exercises 1 of 2, quiz at first try 0 of 2, guesses 1 of 2." in said
    assert "42.earlier.json`. Remove `again=True`" in said and "Begin with exercise 42.1" in said
    assert store.read("42") == store.empty()
    check("42.2", 7)
    start("42_towels", again=True)
    kept = [json.loads(path.read_text()) for path in sorted(home.glob("progress/42*.json"))]
    assert len(kept) == 2 and all(one["checks"]["42.2"]["right"] for one in kept)


@pytest.mark.parametrize("name", ["99_sharks", "42_shells", "", None, 3])
def test_an_unknown_lesson_is_told_the_known(towels, name):
    with pytest.raises(ValueError, match=f"There is no lesson {name!r}. The lessons are '42_towels'"):
        start(name)


def test_a_session_is_seeded(session):
    first = torch.rand(3)
    start("42_towels")
    assert torch.equal(first, torch.rand(3))


def test_scenes_follow_the_profile_and_the_dials(session):
    assert len(session.scenes("val")) == session.profile.val_images
    pools = session.scenes("train", length=2, size=(32, 48), count=(0, 0))
    image, mask = pools[0]
    assert len(pools) == 2 and image.shape == (3, 32, 48) and not mask.any()
    with pytest.raises(TypeError, match="tides"):
        session.scenes(tides=3)


def test_photographs_are_the_first_data_set_that_is_here_and_the_photo_is_always_there(session, monkeypatch):
    assert session.photographs("val") is None and session.photographs(name="pets") is None
    image, mask = session.photo[0]
    assert image.shape[1:] == mask.shape and session.photo.instances(0)
    monkeypatch.setattr(catalog, "found", lambda: {"camvid": "a folder"})
    monkeypatch.setattr(catalog, "load", lambda name, split: (name, split))
    assert session.photographs("val") == ("camvid", "val")
    assert session.photographs(name="pets") is None


@pytest.mark.photographs
def test_real_photographs(towels, photographs, capsys):
    session = start("42_towels")
    assert "Data: pets, camvid" in capsys.readouterr().out
    for name in ("pets", "camvid"):
        image, mask = session.photographs("val", name)[0]
        assert image.shape[1:] == mask.shape


@pytest.fixture
def cell(towels, alone):
    """Runs a cell in a shell; returns whether it succeeded, and what it showed."""
    pytest.importorskip("IPython")
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    shell = InteractiveShell.instance()
    shell.user_ns |= {"check": check, "checkpoint": checkpoint, "predict": predict, "start": start}

    def run(code):
        with capture_output() as seen:
            result = shell.run_cell(code)
        return result.success, seen

    yield run
    InteractiveShell.clear_instance()


def test_a_cell_shows_a_check_once(cell):
    seen = cell('check("42.2", 8)')[1]
    assert len(seen.outputs) == 1 and "text/html" in seen.outputs[0].data
    assert "CheckResult" not in seen.stdout
    assert 'role="status"' in seen.outputs[0].data["text/html"]
    assert "<code>hint(" in seen.outputs[0].data["text/html"]
    seen = cell("def double(numbers):\n    zero = 0\n    return numbers[0] / zero\ncheck('42.1', double)")[1]
    assert "in line 3: `return numbers[0] / zero`" in seen.outputs[0].data["text/plain"]


def test_a_name_that_a_restart_has_made_unknown_is_explained(cell):
    assert cell('start("42_towels")')[0]
    succeeded, seen = cell('double = checkpoint("42.1", double)')
    assert not succeeded and "name 'double' is not defined" in seen.stdout
    (said,) = seen.outputs
    assert said.data["text/plain"].startswith("✗ The kernel does not know `double`. After a restart")
    assert "Run > Run All Above" in said.data["text/plain"]
    assert not cell("1 / 0")[1].outputs
