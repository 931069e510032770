"""Show what was found: a table for a person, or one line of JSON for whoever collects thirty laptops."""

from __future__ import annotations

import io
import json
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from seglib.doctor.finding import Finding

COLORS = {"ok": "green", "note": "yellow", "wrong": "bold red"}


def ready(findings: Sequence[Finding]) -> bool:
    """True when nothing is wrong; notes do not count."""
    return all(finding.verdict != "wrong" for finding in findings)


def report(findings: Sequence[Finding], *, as_json: bool = False) -> None:
    """Print the findings; on a terminal that knows no UTF-8 in plain ASCII."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a user's name in a path must not end the report
    if as_json:
        about = {"ready": ready(findings), "host": platform.node(), "system": platform.platform()}
        print(json.dumps({**about, "findings": [asdict(finding) for finding in findings]}))
        return
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for finding in findings:
        verdict = f"[{COLORS[finding.verdict]}]{finding.verdict}[/]"
        table.add_row(verdict, finding.name, escape(finding.says))
        if finding.do:
            table.add_row("", "", f"[bold]-> {escape(finding.do)}[/]")
    console = Console(highlight=False)
    console.print(table)
    wrong = [finding.name for finding in findings if finding.verdict == "wrong"]
    if wrong:
        names = ", ".join(wrong)
        console.print(f"\n[bold red]Not ready.[/] Mend what is wrong, then run this again: {names}.")
    else:
        console.print("\n[bold green]This machine is ready.[/] `make lab` opens the course.")
