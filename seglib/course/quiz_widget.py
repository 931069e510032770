"""The quiz as a widget: usable by keyboard, readable without a kernel."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import traitlets

from seglib.course import store
from seglib.course.lesson import Lesson
from seglib.course.report import item_ids
from seglib.course.say import inline
from seglib.widgets.shell import STYLE, Shell, module

_HERE = Path(__file__).parent


class Quiz(Shell):
    """Radio buttons, a Check button and the reason for what was chosen.

    Attributes:
        chosen: item id to the index of the choice last checked; the browser writes it, Python may too.
    """

    _esm = module("controls.js") + "\n" + (_HERE / "quiz.js").read_text(encoding="utf-8")
    _css = STYLE + "\n" + (_HERE / "quiz.css").read_text(encoding="utf-8")
    chosen = traitlets.Dict().tag(sync=True)

    def __init__(self, lesson: Lesson) -> None:
        self._lesson = lesson
        items = [
            {"id": name, "question": inline(item.question), "answer": item.answer}
            | {"choices": [inline(choice) for choice in item.choices]}
            | {"reasons": [inline(reason) for reason in item.reasons]}
            for name, item in zip(item_ids(lesson), lesson.quiz)
        ]
        super().__init__(data={"number": lesson.number, "items": items})

    @traitlets.validate("chosen")
    def _known_choices(self, proposal: Any) -> dict[str, int]:
        chosen: dict[str, int] = proposal["value"]
        items = dict(zip(item_ids(self._lesson), self._lesson.quiz))
        for name, index in chosen.items():
            if name not in items or index not in range(len(items[name].choices)):
                raise traitlets.TraitError(
                    f"quiz {self._lesson.number} has no choice {index!r} for question {name!r}."
                )
        return chosen

    @traitlets.observe("chosen")
    def _record(self, change: Any) -> None:
        old = change["old"] if isinstance(change["old"], dict) else {}
        new = {name: index for name, index in change["new"].items() if old.get(name) != index}
        store.update(self._lesson.number, lambda record: self._count(record, new))

    def _count(self, record: store.Record, new: dict[str, int]) -> None:
        """The first choice is kept; right once is right for good."""
        answers = dict(zip(item_ids(self._lesson), (item.answer for item in self._lesson.quiz)))
        for name, index in new.items():
            entry = record["quiz"].setdefault(name, {"first": index, "tries": 0, "right": False})
            entry["tries"] += 1
            entry["right"] = entry["right"] or index == answers[name]

    def description(self) -> str:
        """How many questions there are and how many are answered right."""
        right = sum(self.chosen.get(item["id"]) == item["answer"] for item in self.data["items"])
        return f"Quiz {self.data['number']}: {len(self.data['items'])} questions, {right} right."

    def to_html(self) -> str:
        """The questions with the reasons to unfold: what an exported page shows, without kernel or script."""
        body = "".join(f"<li>{_unfolding(item)}</li>" for item in self.data["items"])
        label = escape(f"Quiz {self.data['number']}")
        return f'<section class="seglib-quiz" aria-label="{label}"><ol>{body}</ol></section>'


def _unfolding(item: dict[str, Any]) -> str:
    verdicts = ["Right." if k == item["answer"] else "No." for k in range(len(item["choices"]))]
    parts = [
        f"<details><summary>{choice}</summary><p><strong>{verdict}</strong> {reason}</p></details>"
        for choice, verdict, reason in zip(item["choices"], verdicts, item["reasons"])
    ]
    return f"<p>{item['question']}</p>{''.join(parts)}"
