"""seglib: learn semantic segmentation by building it.

Nothing is imported here, so that `import seglib` is instant and needs neither torch nor Jupyter.
Say what you want where you want it: `from seglib.metrics import confusion_matrix`.
"""

__version__ = "0.1.0"
