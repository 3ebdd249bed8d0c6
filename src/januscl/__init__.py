"""Janus: continual learning for robots at work.

`januscl.core` holds the words; the other packages are the stations of the loop, in the order in
which data flows. Importing this package is cheap: no torch, no OpenCV, no database.
"""

__version__ = "0.1.0"
