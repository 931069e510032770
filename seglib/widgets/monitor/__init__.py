"""The live monitor: a training run that can be watched, paused and stopped, and looked through afterwards."""

from seglib.widgets.monitor.monitor import Monitor
from seglib.widgets.monitor.record import Seen

__all__ = ["Monitor", "Seen"]
