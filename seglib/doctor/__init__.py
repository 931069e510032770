"""Is this machine ready for the course? `python -m seglib doctor` says so on one screen.

Imports that may fail, crash or hang on a broken machine happen in a child process (probe.py). What it saw is
judged by small functions of plain values (software.py, machine.py) and shown by report.py.
"""

from seglib.doctor.examination import examine
from seglib.doctor.finding import Finding
from seglib.doctor.report import ready, report

__all__ = ["Finding", "examine", "ready", "report"]
