"""`quiz`: the last questions of a notebook, with a reason for every choice; readable without a kernel."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import traitlets

from seglib.course import content, store
from seglib.course.lesson import Lesson
from seglib.course.say import inline, say
from seglib.widgets.shell import STYLE, Shell, module

_HERE = Path(__file__).parent


def quiz(number: str) -> Quiz | None:
    """The quiz of a notebook, as the last line of a cell.

    Args:
        number: "02".
    """
    try:
        return Quiz(content.load(number))
    except ValueError as error:
        say("No such quiz.", str(error), kind="wrong")
        return None


class Quiz(Shell):
    """Radio buttons, a Check button and the reason for what was chosen; usable by keyboard.

    Attributes:
        chosen: id of a question -> index of the choice last checked; the browser writes it, Python may too.
    """

    _esm = module("controls.js") + "\n" + (_HERE / "quiz.js").read_text(encoding="utf-8")
    _css = STYLE + "\n" + (_HERE / "quiz.css").read_text(encoding="utf-8")
    chosen = traitlets.Dict().tag(sync=True)

    def __init__(self, lesson: Lesson) -> None:
        self._lesson, self._questions = lesson, lesson.questions
        items = [
            {"id": name, "question": inline(item.question), "answer": item.answer}
            | {"choices": [inline(choice) for choice in item.choices]}
            | {"reasons": [inline(reason) for reason in item.reasons]}
            for name, item in self._questions.items()
        ]
        record = store.read(lesson.number)["quiz"]
        self._restored = {
            name: item.answer if record[name].get("right") else record[name].get("first", 0)
            for name, item in self._questions.items()
            if name in record and record[name].get("first") in range(len(item.choices))
        }
        super().__init__(data={"number": lesson.number, "items": items}, chosen=self._restored)

    @traitlets.validate("chosen")
    def _known_choices(self, proposal: Any) -> dict[str, int]:
        chosen: dict[str, int] = proposal["value"]
        for name, index in chosen.items():
            if name not in self._questions or index not in range(len(self._questions[name].choices)):
                raise traitlets.TraitError(
                    f"quiz {self._lesson.number} has no choice {index!r} for question {name!r}."
                )
        return chosen

    @traitlets.observe("chosen")
    def _record(self, change: Any) -> None:
        """The first choice is kept; right once is right for good."""
        if change["new"] == self._restored:  # what an earlier run has recorded, shown again
            return
        old = change["old"] if isinstance(change["old"], dict) else {}

        def count(record: store.Record) -> None:
            for name, index in change["new"].items() - old.items():
                entry = record["quiz"].setdefault(name, {"first": index, "tries": 0, "right": False})
                entry["tries"] += 1
                entry["right"] = entry["right"] or index == self._questions[name].answer

        store.update(self._lesson.number, count)

    def description(self) -> str:
        """How many questions there are and how many are answered right."""
        right = sum(self.chosen.get(name) == item.answer for name, item in self._questions.items())
        return f"Quiz {self._lesson.number}: {len(self._questions)} questions, {right} right."

    def to_html(self) -> str:
        """The questions with the reasons to unfold: what an exported page shows, without kernel or script."""
        body = "".join(f"<li>{_unfolding(item)}</li>" for item in self.data["items"])
        label = escape(f"Quiz {self._lesson.number}")
        return f'<section data-seglib class="seglib-quiz" aria-label="{label}"><ol>{body}</ol></section>'


def _unfolding(item: dict[str, Any]) -> str:
    verdicts = ["Right." if k == item["answer"] else "No." for k in range(len(item["choices"]))]
    parts = [
        f"<details><summary>{choice}</summary><p><strong>{verdict}</strong> {reason}</p></details>"
        for choice, verdict, reason in zip(item["choices"], verdicts, item["reasons"])
    ]
    return f"<p>{item['question']}</p>{''.join(parts)}"
