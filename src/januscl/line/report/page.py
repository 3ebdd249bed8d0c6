"""Write a story as one HTML file that needs no network, no script and no other file."""

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from januscl.core import Image, Instances, MissingDependency
from januscl.core.files import write_atomically
from januscl.line.report import svg, timeline, words
from januscl.line.report.pictures import SHOWN_SCORE, data_uri, overlay, tally
from januscl.line.report.story import Comparison, Story

if TYPE_CHECKING:
    from jinja2 import Environment

_HERE = Path(__file__).parent
_PHOTO, _CROP, _SEEN = 480, 160, 560
_HEATS = 9


def write_report(story: Story, path: Path) -> None:
    """Write the story to ``path``, whole or not at all; folders are made as needed.

    Every name and text of the story is escaped, and the page's content security policy allows
    nothing but its own style sheet and its embedded pictures.

    Raises:
        MissingDependency: Jinja2 is not installed.
        StorageFull: The disk is full; what was at ``path`` before is still there.
    """
    write_atomically(path, render(story).encode("utf-8", "replace"))


def render(story: Story) -> str:
    """Return the page of a story as HTML text; see `write_report`."""
    style = (_HERE / "report.css").read_text(encoding="utf-8")
    digest = b64encode(sha256(style.encode()).digest()).decode()
    template = _environment().get_template("report.html.j2")
    return template.render(
        story=story,
        style=style,
        policy=f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'",
        sentence=words.sentence(story),
        shown_score=SHOWN_SCORE,
    )


def heat_of(values: Sequence[Sequence[float | None]], value: float) -> int:
    """Return the shade, 0 to 8, of a value between the lowest and the highest of its table.

    A table whose values hardly differ is drawn in shades that hardly differ.
    """
    known = [v for row in values for v in row if v is not None]
    low, high = min(known), max(known)
    return round((_HEATS - 1) * (1 - (high - value) / max(high - low, 0.25)))


def _environment() -> "Environment":
    try:
        import jinja2
    except ImportError as error:
        raise MissingDependency(
            "the report needs Jinja2; install it with: pip install 'januscl[report]'"
        ) from error
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update(
        plain=words.plain,
        opening=words.opening,
        signed=words.signed,
        duration=words.duration,
        clock=words.clock,
        kind_class=timeline.kind_class,
    )
    environment.globals.update(
        photo=_photo, crop=_crop, seen=_seen, told=_told, heat_of=heat_of,
        count=words.count, share=words.share, pending=words.pending,
        draw_timeline=timeline.draw_timeline, kinds_of=timeline.kinds_of,
        numbered=timeline.numbered, kind_names=timeline.KINDS,
        series_colours=timeline.SERIES_COLOURS,
        swatch=svg.swatch, interval_bar=svg.interval_bar, reach_of=svg.reach_of,
        standing=svg.standing,
    )  # fmt: skip
    return environment


def _photo(image: Image) -> str:
    return data_uri(image, _PHOTO)


def _crop(image: Image) -> str:
    return data_uri(image, _CROP)


def _seen(comparison: Comparison, instances: Instances) -> str:
    drawn = overlay(comparison.image, instances, _SEEN, comparison.truth)
    return data_uri(drawn, _SEEN)


def _told(comparison: Comparison, instances: Instances) -> str:
    """Say how much of the truth a model got; without a truth, how much it found."""
    if comparison.truth is None:
        found = int((instances.scores >= SHOWN_SCORE).sum())
        return f"{found} found"
    right, wrong = tally(instances, comparison.truth)
    tail = f", {wrong} wrong" if wrong else ""
    return f"{right} of {len(comparison.truth)} right{tail}"
