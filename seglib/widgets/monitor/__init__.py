"""The live monitor: a training run that can be watched, paused and stopped, and looked through afterwards."""

from seglib.widgets.monitor.monitor import Monitor

__all__ = ["Monitor"]
