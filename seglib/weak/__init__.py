"""Weak supervision: from boxes to masks, round by round (BoxSup, Dai 2015; Simple Does It, Khoreva 2017).

Region proposals and nets are handed in; this family imports neither `seglib.regions` nor `seglib.fcn`.
"""
