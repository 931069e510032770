"""The quiz in JupyterLab: by keyboard, announced, and known to Python."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.lab import ARTEFACTS, Lab, Notebook, until


@pytest.fixture(scope="module")
def opened(lab: Lab, context) -> Iterator[Notebook]:
    code = "from seglib.course import quiz, store\nasked = quiz('00')\nasked"
    with lab.open(context, "quiz.ipynb", code) as notebook:
        notebook.run_all()
        yield notebook


@pytest.fixture
def quiz(opened: Notebook) -> Page:
    opened.execute("asked.chosen = {}; asked.error = ''")
    return opened.page


def test_answering_by_keyboard(opened, quiz):
    first = quiz.get_by_role("group").first
    first.get_by_role("radio").first.focus()
    quiz.keyboard.press("Space")
    quiz.keyboard.press("ArrowDown")
    expect(first.get_by_role("radio").nth(1)).to_be_checked()
    assert opened.python("asked.chosen") == {}  # looking at choices is no answer
    quiz.keyboard.press("Tab")
    quiz.keyboard.press("Enter")
    expect(first.get_by_role("status")).to_contain_text("Right.")
    expect(quiz.get_by_text("1 of 3 right")).to_be_visible()
    until(lambda: opened.python("asked.chosen") == {"00.q1": 1}, "Python knows the choice", 5)
    quiz.locator(".seglib-card").screenshot(path=str(ARTEFACTS / "quiz.png"))


def test_a_wrong_choice_is_told_why_and_can_be_changed(opened, quiz):
    second = quiz.get_by_role("group").nth(1)
    check = second.get_by_role("button")
    check.click()
    expect(second.get_by_role("status")).to_have_text("Choose one first.")
    second.get_by_text("the new one, because it uses").click()
    check.click()
    expect(second.get_by_role("status")).to_contain_text("No. So a spreadsheet works.")
    second.get_by_text("the old one, until you run").click()
    expect(second.get_by_role("status")).to_have_text("")
    check.click()
    expect(second.get_by_role("status")).to_contain_text("Right.")
    record = "store.read('00')['quiz']['00.q2']"
    until(lambda: opened.python(record)["right"], "Python keeps the score", 5)
    assert opened.python(record)["first"] == 0
    buttons = quiz.get_by_role("button", name="Check question").all()
    widths = [button.bounding_box()["width"] for button in buttons]
    assert max(widths) - min(widths) < 0.5  # a long reason beside it does not squeeze the button
    assert opened.python("quiz('00').chosen")["00.q2"] == 1  # a second run shows what was answered


def test_python_answers_and_the_page_shows_it(opened, quiz):
    opened.execute("asked.chosen = {'00.q3': 0}")
    third = quiz.get_by_role("group").nth(2)
    expect(third.get_by_role("status")).to_contain_text("No. 10 is its height")
    expect(third.get_by_role("radio").first).to_be_checked()


def test_an_error_while_recording_reaches_the_student(opened, quiz):
    opened.execute("kept = store.update; store.update = lambda *_: 1 / 0")
    first = quiz.get_by_role("group").first
    first.get_by_role("radio").first.check()
    first.get_by_role("button").click()
    expect(quiz.get_by_role("alert").first).to_contain_text("ZeroDivisionError")
    opened.execute("store.update = kept")


def test_the_copy_that_needs_no_kernel_is_not_shown_with_it(quiz):
    """It unfolds every reason: a student would see the answers above the questions."""
    expect(quiz.get_by_text("4 of 8").filter(visible=True)).to_have_count(1)
