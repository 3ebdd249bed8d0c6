"""The report: one self-contained page from which a person understands what Janus did and why.

Owns: the words and pictures of the page, and the data they are drawn from. May call: `core`,
OpenCV and, when a page is written, Jinja2. Moves nothing.
"""

from januscl.line.report.changes import Judged, changes
from januscl.line.report.page import write_report
from januscl.line.report.pictures import crop_of, distinct
from januscl.line.report.sights import view
from januscl.line.report.story import (
    ApTable,
    Comparison,
    Fact,
    Group,
    Hits,
    Limits,
    Mark,
    NoveltyCard,
    ReleaseCard,
    Retention,
    Series,
    SliceView,
    Span,
    Story,
    TicketCard,
    Timeline,
    VerdictCard,
)
from januscl.line.report.words import FATES, fate

__all__ = [
    "ApTable", "Comparison", "FATES", "Fact", "Group", "Hits", "Judged", "Limits", "Mark",
    "NoveltyCard", "ReleaseCard", "Retention", "Series", "SliceView", "Span", "Story",
    "TicketCard", "Timeline", "VerdictCard", "changes", "crop_of", "distinct", "fate", "view",
    "write_report",
]  # fmt: skip
