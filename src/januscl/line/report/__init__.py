"""The report: one self-contained page from which a person understands what Janus did and why.

Owns: the words and pictures of the page, and the data they are drawn from. May call: `core`,
OpenCV and, when a page is written, Jinja2. Moves nothing.
"""

from januscl.line.report.page import write_report
from januscl.line.report.story import (
    ApTable,
    Comparison,
    Fact,
    Mark,
    NoveltyCard,
    ReleaseCard,
    Retention,
    Series,
    Span,
    Story,
    TicketCard,
    Timeline,
    VerdictCard,
)

__all__ = [
    "ApTable", "Comparison", "Fact", "Mark", "NoveltyCard", "ReleaseCard", "Retention",
    "Series", "Span", "Story", "TicketCard", "Timeline", "VerdictCard", "write_report",
]  # fmt: skip
