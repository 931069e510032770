"""Set the course up and start it: nothing to activate, nothing to install first but Python.

    python bootstrap.py lab        set up, then JupyterLab on notebooks/        (PORT=8888 HOST=localhost)
    python bootstrap.py test       set up, then every test
    python bootstrap.py run ...    set up, then `python ...` in the course's environment
    python bootstrap.py setup      set up and stop
    python bootstrap.py plan       print what the set-up would run, and run nothing

`make` calls this file; on Windows call it yourself: `py bootstrap.py lab`. The packages are those of
requirements.lock, with their hashes checked. TORCH_BACKEND=cpu takes PyTorch without CUDA; by default the
build is the one that fits the machine.
Only the standard library, and in this file only syntax that Python 3.7 still reads: an old Python gets a
sentence, not a traceback.
"""

import os
import socket
import subprocess
import sys


def lab_arguments():
    """JupyterLab on notebooks/, in a browser if there is one; at HOST and PORT if they are given."""
    arguments = ["-m", "jupyterlab", "notebooks", "--log-level=WARN"]
    host, port = os.environ.get("HOST"), os.environ.get("PORT")
    if host:
        arguments += ["--ip", host]
    if port:
        arguments += ["--port", port, "--ServerApp.port_retries=0"]  # else Jupyter silently takes another
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        arguments.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--allow-root")  # in a container; Jupyter refuses otherwise
    return arguments


def port_problem():
    """What is wrong with PORT, in a sentence; empty when nothing is."""
    port = os.environ.get("PORT", "")
    if port and not (port.isdigit() and 0 < int(port) < 65536):
        return f"PORT={port} is not a port. Give a number from 1 to 65535, for example PORT=8890."
    with socket.socket() as probe:
        if port and probe.connect_ex((os.environ.get("HOST") or "localhost", int(port))) == 0:
            return f"Port {port} is taken, perhaps by another JupyterLab. Try another port: PORT=8890."
    return ""


def start(command, variables):
    """Run `command` in place of this process, or below it on Windows; returns its exit status there."""
    sys.stdout.flush()
    if os.name == "nt":
        return subprocess.call(command, env=variables)
    return os.execve(command[0], command, variables)


def main(arguments):
    """Do what the command line asks and return the exit status."""
    task, rest = (arguments or ["help"])[0], arguments[1:]
    if task not in ("setup", "lab", "test", "run", "plan"):
        print(__doc__)
        return 0 if task in ("help", "-h", "--help") else 2
    if sys.version_info < (3, 11):  # noqa: UP036 - an old Python is exactly what this is for
        found = "{}.{} ({})".format(*sys.version_info[:2], sys.executable)
        sys.exit(
            f"The course needs Python 3.11 or newer, and this is Python {found}.\n"
            "Install Python 3.13 and run this again; `make` finds it, or name it: PYTHON=python3.13 make lab"
        )
    from tools.environment import PYTHON, ROOT, requested, setup, variables

    if task == "plan":
        print("\n".join(" ".join(command) for command in requested().commands("uv")))
        return 0
    problem = port_problem() if task == "lab" else ""
    if problem:
        sys.exit(problem)
    os.chdir(str(ROOT))
    setup()
    if task == "lab":
        print("Starting JupyterLab. If no browser opens, open the address below. Ctrl-C stops it.")
        rest = lab_arguments()
    elif task == "test":
        rest = ["tools/checks.py", *rest]
    return 0 if task == "setup" else start([str(PYTHON), *rest], variables())


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit("\nStopped. Run the same command again to continue: what was downloaded is kept.")
