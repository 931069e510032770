"""JupyterLab as a test drives it: a server, a notebook that is open in it, and that notebook's kernel."""

import ast
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import nbformat
from jupyter_client import BlockingKernelClient
from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page

ROOT = Path(__file__).parents[2]
ARTEFACTS = ROOT / "artefacts" / "browser"
IDLE = '.jp-Notebook-ExecutionIndicator[data-status="idle"]'
# Lab 4 renders a traceback as it does stderr; later ones give it a type of its own.
ERROR = ", ".join(f'[data-mime-type="application/vnd.jupyter.{kind}"]' for kind in ("stderr", "error"))

# What JupyterLab itself writes as an error now and then, whatever the notebook.
NOISE = ("Could not restore the debugger state",)
# A canvas as one number that changes when any of its pixels does.
CHECKSUM = """canvas => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data
    .reduce((sum, value, index) => (sum + value * (index % 65521 + 1)) % 4294967291, 0)"""

# How many code cells have no number yet, and the first traceback. Asks for no layout, which an open notebook
# would have to work out anew each time.
PROGRESS = """wrong => {
    const texts = selector => [...document.querySelectorAll(selector)].map(element => element.textContent);
    const waiting = texts(".jp-CodeCell .jp-InputPrompt").filter(prompt => !/[0-9]/.test(prompt));
    return [waiting.length, texts(wrong).find(text => text.includes("Traceback")) ?? ""];
}"""


def checksum(canvas: Locator) -> int:
    return canvas.evaluate(CHECKSUM)


def painted(page: Page) -> None:
    """Wait until what was done is painted; under a held clock that is never."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def drag(page: Page, start: tuple[float, float], end: tuple[float, float], milliseconds: int = 0) -> None:
    """Press the mouse at one place of the page, and let go at another after some time."""
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=5)
    page.wait_for_timeout(milliseconds)
    page.mouse.up()


def until(condition: Any, what: str, seconds: float = 60, pause: float = 0.1) -> Any:
    """Ask until the answer is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := condition():
            return answer
        time.sleep(pause)
    raise AssertionError(f"not within {seconds} s: {what}")


class Kernel:
    """A kernel, spoken to from a thread of its own: Playwright's event loop holds the main one."""

    def __init__(self, connection_file: Path) -> None:
        self.thread = ThreadPoolExecutor(1)
        self.client = BlockingKernelClient(connection_file=str(connection_file))
        self.client.load_connection_file()
        self.thread.submit(self.client.start_channels).result()

    def execute(self, code: str, value: str = "None") -> str:
        """Run `code` and return the repr of the expression `value`."""
        ask = partial(self.client.execute, code, user_expressions={"value": value}, reply=True, timeout=30)

        def answer() -> dict[str, Any] | None:
            content: dict[str, Any] = self.thread.submit(ask).result()["content"]
            # the kernel drops what follows an error
            return None if content["status"] == "aborted" else content

        content = until(answer, "the kernel takes a request", 10)
        assert content["status"] == "ok", content
        return content["user_expressions"]["value"]["data"]["text/plain"]

    def close(self) -> None:
        self.thread.submit(self.client.stop_channels).result()
        self.thread.shutdown()


@dataclass
class Notebook:
    """A notebook that is open in JupyterLab, its kernel, and what its page wrote to the console as errors."""

    page: Page
    kernel: Kernel
    session: str
    errors: list[str]

    def ask_all(self) -> None:
        for name in ("Run", "Run All Cells"):
            self.page.get_by_role("menuitem", name=name, exact=True).click()

    def run_all(self, seconds: float = 240) -> None:
        """Run All Cells, and wait until each has run; fails with what the first failing cell says."""

        def done() -> bool:
            waiting, error = self.page.evaluate(PROGRESS, ERROR)
            assert not error, error
            return not waiting

        self.ask_all()
        until(done, "every cell has run", seconds, pause=0.5)
        self.page.locator(IDLE).wait_for(timeout=30_000)

    def python(self, expression: str) -> Any:
        """The value of an expression in the kernel."""
        text = self.kernel.execute(f"import json; __value__ = json.dumps({expression})", "__value__")
        return json.loads(ast.literal_eval(text))

    def execute(self, code: str) -> None:
        """Run a statement in the kernel."""
        self.kernel.execute(code)


@dataclass
class Lab:
    """A JupyterLab server with settings, home and folder of its own."""

    folder: Path
    url: str
    token: str
    runtime: Path
    kernels: list[Kernel] = field(default_factory=list)

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.url}/{path}", data, {"Authorization": f"token {self.token}"})
        with urlopen(request, timeout=60) as answer:
            return json.load(answer)

    @contextmanager
    def open(self, context: BrowserContext, name: str, *cells: str, content: Any = None) -> Iterator:
        """A notebook of these cells, or of `content`; an error on the console fails the test at the end."""
        new = nbformat.v4
        content = content or new.new_notebook(cells=[new.new_code_cell(source) for source in cells])
        notebook = self._open(context.new_page(), content, name)
        try:
            yield notebook
        finally:
            notebook.page.close()
            self.shut_down(notebook)
        assert not notebook.errors, notebook.errors

    def _open(self, page: Page, notebook: nbformat.NotebookNode, name: str) -> Notebook:
        """Write a notebook into the server's folder, give it a kernel, and open it."""
        watch(page, errors := [])
        spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        notebook.metadata.setdefault("kernelspec", spec)  # without it Lab asks
        nbformat.write(notebook, self.folder / name)
        session = {"path": name, "name": name, "type": "notebook", "kernel": {"name": "python3"}}
        began = self.ask("api/sessions", session)["id"]
        page.goto(f"{self.url}/doc/tree/{name}?reset&token={self.token}")

        # Lab shows a kernel as idle before it has attached it, and loses a Run All that comes between.
        def attached() -> str:
            kernel = self.ask(f"api/sessions/{began}")["kernel"]
            return kernel["id"] if kernel["connections"] and kernel["execution_state"] == "idle" else ""

        kernel = Kernel(self.runtime / f"kernel-{until(attached, 'Lab attaches the kernel', 120)}.json")
        self.kernels.append(kernel)
        page.locator(IDLE).wait_for(timeout=60_000)
        return Notebook(page, kernel, began, errors)

    def shut_down(self, notebook: Notebook) -> None:
        """End the kernel of a notebook: each holds half a gigabyte."""
        headers = {"Authorization": f"token {self.token}"}
        urlopen(Request(f"{self.url}/api/sessions/{notebook.session}", headers=headers, method="DELETE"))


def watch(page: Page, errors: list[str]) -> None:
    """Collect what goes wrong on a page."""

    def console(message: ConsoleMessage) -> None:
        if message.type == "error" and not any(noise in message.text for noise in NOISE):
            errors.append(f"console: {message.text} ({message.location['url']})")

    page.on("pageerror", lambda error: errors.append(f"pageerror: {error}"))
    page.on("console", console)
