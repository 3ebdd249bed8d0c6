"""The watch report: cameras over time, the novelty map, and tickets before and after.

Owns: what a workspace's readings, embeddings and tickets look like on one self-contained page. May
call: `core`, `store`, `watch`'s causes, the line's report and telling, scikit-learn, OpenCV and,
when a page is written, Jinja2. Changes nothing in the workspace, moves nothing.
"""

from januscl.line.watch_report.facts import facts_of
from januscl.line.watch_report.page import write_watch_report
from januscl.line.watch_report.story import WatchStory
from januscl.line.watch_report.telling import watch_story

__all__ = ["WatchStory", "facts_of", "watch_story", "write_watch_report"]
