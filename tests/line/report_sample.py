"""A made-up day with everything that a report can tell, drawn without the simulator."""

from datetime import UTC, datetime, timedelta

import cv2
import numpy as np

from januscl.core import (
    Answer,
    Instances,
    Kind,
    LabelledFrame,
    Release,
    SliceScore,
    Stage,
    StageReport,
    Taxonomy,
    Ticket,
    Verdict,
    masks_of,
)
from januscl.line.report import (
    ApTable,
    Fact,
    Limits,
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
    view,
)

BEGIN = datetime(2026, 3, 14, 6, 0, tzinfo=UTC)
KINDS = Taxonomy(
    tuple(
        Kind(i + 1, name)
        for i, name in enumerate(
            ("box", "tall box", "cylinder", "tube", "padded mailer", "flat envelope",
             "black polybag", "holiday box")
        )
    )
)  # fmt: skip
TONES = ((172, 128, 84), (150, 108, 70), (196, 196, 188), (206, 186, 150), (226, 190, 96),
         (238, 236, 228), (34, 34, 38), (176, 40, 48))  # fmt: skip


def at(hours):
    return BEGIN + timedelta(hours=hours)


def pile(seed, kinds, size=192):
    """Return a picture of packages in a bin, its truth, and a crop of each package."""
    rng = np.random.default_rng(seed)
    image = np.full((size, size, 3), (88, 92, 98), np.uint8)
    cv2.rectangle(image, (12, 12), (size - 13, size - 13), (128, 132, 138), -1)
    id_map = np.zeros((size, size), np.int32)
    for row, kind in enumerate(kinds):
        place = (rng.uniform(0.25, 0.75, 2) * size).tolist()
        sides = (rng.uniform(0.16, 0.34, 2) * size).tolist()
        corners = cv2.boxPoints((place, sides, float(rng.uniform(0, 90)))).astype(np.int32)
        tone = np.asarray(TONES[kind - 1]) * rng.uniform(0.85, 1.1)
        cv2.fillConvexPoly(image, corners + 3, (70, 72, 76), cv2.LINE_AA)
        cv2.fillConvexPoly(image, corners, np.clip(tone, 0, 255).tolist(), cv2.LINE_AA)
        cv2.line(image, corners[0].tolist(), corners[2].tolist(), (tone * 0.8).tolist(), 2)
        cv2.fillConvexPoly(id_map, corners, row + 1)
    noise = rng.normal(0, 4, image.shape)
    image = np.clip(image + noise, 0, 255).astype(np.uint8)
    truth = Instances.of_masks(masks_of(id_map, len(kinds)), kinds)
    return image, truth


def seen(truth, seed, blind_to=()):
    """Return the truth as a model would: scored, and without the kinds it is blind to."""
    rng = np.random.default_rng(seed)
    scores = np.sort(rng.uniform(0.62, 0.99, len(truth)).astype(np.float32))[::-1]
    known = Instances(truth.masks, truth.boxes, scores, truth.labels)
    return known.only(~np.isin(truth.labels, blind_to))


def crops(kind, count, seed):
    sheet = []
    for index in range(count):
        image, truth = pile(seed + index, (1, 5, 2, kind))
        x0, y0, x1, y1 = truth.boxes[-1].astype(int)
        sheet.append(image[max(0, y0 - 8) : y1 + 8, max(0, x0 - 8) : x1 + 8])
    return tuple(sheet)


def timeline():
    rng = np.random.default_rng(3)
    hours = np.linspace(0, 8, 97)
    one = 0.06 + rng.normal(0, 0.012, hours.size)
    two = 0.07 + rng.normal(0, 0.012, hours.size)
    one += 0.22 * ((hours > 1.0) & (hours < 1.9))
    one += 0.31 * ((hours > 2.6) & (hours < 4.6))
    two += 0.29 * ((hours > 3.4) & (hours < 5.1))
    two += 0.18 * ((hours > 5.9) & (hours < 7.2))
    gap = (hours > 1.9) & (hours < 2.1)
    line_1 = tuple(None if g else float(max(0, v)) for v, g in zip(one, gap, strict=True))
    happened = (
        (1.0, "world", "lens of cam-2 knocked out of focus"),
        (1.12, "fault", "ticket opened: defocus on cam-2"),
        (1.9, "fault", "ticket closed: cam-2 is sharp again"),
        (2.3, "fault", "ticket opened: lamp failed on cam-3"),
        (2.6, "world", "black polybags arrive on line 1"),
        (2.75, "novelty", "novelty found: black polybag"),
        (2.9, "fault", "ticket closed: cam-3 is lit again"),
        (3.4, "world", "black polybags arrive on line 2"),
        (3.9, "release", "black polybag model reaches the station"),
        (4.1, "stop", "naive model stopped by the gate"),
        (4.2, "release", "black polybag model reaches the beta line"),
        (4.6, "release", "black polybag model reaches the fleet"),
        (5.1, "novelty", "novelty closed: black polybag"),
        (5.9, "world", "holiday art on boxes arrives on line 2"),
        (6.1, "novelty", "novelty found: holiday box"),
        (6.8, "stop", "holiday box model rolled back from the beta line"),
        (7.2, "release", "holiday box 2 model reaches the fleet"),
    )
    spans = (
        (1.12, 1.9, "fault", "Faults", "defocus, cam-2"),
        (2.3, 2.9, "fault", "Faults", "lamp failed, cam-3"),
        (2.75, 5.1, "novelty", "Novelties", "black polybag"),
        (6.1, 7.9, "novelty", "Novelties", "holiday box"),
        (3.9, 4.2, "release", "Releases", "station"),
        (4.2, 4.6, "release", "Releases", "beta: line-1"),
        (4.6, 5.1, "release", "Releases", "fleet"),
        (6.5, 6.8, "stop", "Releases", "beta, rolled back"),
        (7.0, 7.1, "release", "Releases", "station"),
        (7.1, 7.2, "release", "Releases", "beta: line-2"),
        (7.2, 7.9, "release", "Releases", "fleet"),
    )
    return Timeline(
        "The day, pick by pick",
        "share of picks that failed, of the last 40 on each line",
        tuple(at(float(h)) for h in hours),
        (Series("line-1", line_1), Series("line-2", tuple(float(max(0, v)) for v in two))),
        tuple(Mark(at(h), kind, text) for h, kind, text in happened),
        tuple(Span(at(a), at(b), kind, lane, text) for a, b, kind, lane, text in spans),
    )


def tickets():
    sharp, _ = pile(5, (1, 2, 5, 6, 3, 1))
    lit, _ = pile(6, (1, 4, 5, 2, 3))
    soft = cv2.GaussianBlur(sharp, (0, 0), 3.2)
    dark = (lit * 0.3).astype(np.uint8)
    return (
        TicketCard(
            Ticket("t-1", "cam-2", "robot-2", "defocus", at(1.0), at(1.12), at(1.9), 3.2,
                   "edges 71% softer than this camera's reference"), sharp, soft,
            "Janus was sure after 4 bad pictures and called technicians at 07:07.",
        ),
        TicketCard(
            Ticket("t-2", "cam-3", "robot-3", "lamp_failed", at(2.27), at(2.3), None, 0.7,
                   "70% darker than this camera's reference"), lit, dark,
        ),
    )  # fmt: skip


def novelties():
    return (
        NoveltyCard("holiday box", "in_release", 2, "41 lost picks a day (22 to 63)", at(6.1),
                    crops(8, 9, 60), (Fact("Labels used", "44 frames", "at most 60"),
                    Fact("AP", "51.2 → 66.2", "on its own slice", True))),
        NoveltyCard("black polybag", "closed", 1, "118 lost picks a day (90 to 149)", at(2.75),
                    crops(7, 12, 20), (Fact("Labels used", "52 frames", "at most 60"),
                    Fact("AP", "31.0 → 68.1", "on its own slice", True),
                    Fact("Failed picks", "34% → 7%", "on this kind, in the fleet", True),
                    Fact("Time to close", "2 h 21 min")), at(5.1)),
    )  # fmt: skip


def comparisons():
    found = []
    for seed, title, kinds, blind in (
        (31, "black polybag", (1, 7, 5, 2, 7, 6), (7,)),
        (32, "holiday box", (8, 3, 1, 8, 4, 5), (8,)),
        (33, "base", (1, 2, 3, 5, 6), ()),
    ):
        frames = [LabelledFrame(f"{seed}-{k}", *pile(10 * seed + k, kinds)) for k in range(5)]
        truths = [frame.truth for frame in frames]
        before = [seen(truth, 1, blind) for truth in truths]
        after = [seen(truth, 2) for truth in truths[:-1]] + [Instances.empty()]
        found.append(view(title, frames, before, after))
    return tuple(found)


def verdicts():
    old, target = Limits(-0.01, -0.03, -0.01, 0.656), Limits(0.02, 0.0, 0.02, target=True)
    good = (
        SliceScore("base", 120, 0.652, 0.655, 0.003, -0.006, 0.012, 0.03),
        SliceScore("novelty-black-polybag", 40, 0.310, 0.681, 0.371, 0.322, 0.418, 0.03),
    )
    bad = (
        SliceScore("base", 120, 0.652, 0.071, -0.581, -0.62, -0.54, 0.03),
        SliceScore("novelty-black-polybag", 40, 0.681, 0.702, 0.021, -0.03, 0.07, 0.03),
    )
    return (
        VerdictCard("black polybag model", "factory model", "m-4c1d2a77", Verdict(
            Answer.PASS, ("base: no worse", "black polybag: better"), good), (old, target)),
        VerdictCard("naive model", "black polybag model", "m-bad0bad0", Verdict(
            Answer.FAIL, ("base: AP fell by 58.1 (from -62.0 to -54.0)",), bad), (old, old)),
    )  # fmt: skip


def releases():
    def stage(name, answer, reason, *picks):
        return StageReport(name, answer, (reason,), *picks)

    done = (
        stage(Stage.STATION, Answer.PASS, "48 of 50 scripted piles cleared", 50, 2, 50, 9),
        stage(Stage.BETA, Answer.PASS, "fewer failures than its control", 240, 16, 236, 71),
        stage(Stage.FLEET, Answer.PASS, "picks have recovered", 480, 31, 0, 0),
    )
    harm = (
        stage(Stage.STATION, Answer.PASS, "no worse than the champion", 50, 6, 50, 5),
        stage(
            Stage.BETA, Answer.FAIL, "It fails more often: the evidence is 41 to 1", 96, 31, 94, 8
        ),
    )
    one, two = ("line-1",), ("line-2",)
    first = Release("r-1", "m-4c1d2a77", "m-factory", "n-1", one, Stage.DONE, at(3.9), done)
    second = Release(
        "r-2", "m-77aa01ff", "m-4c1d2a77", "n-2", two, Stage.ROLLED_BACK, at(6.4), harm
    )
    third = Release("r-3", "m-9e00aa12", "m-4c1d2a77", "n-2", two, Stage.BETA, at(7.0), done[:1])
    return (
        ReleaseCard("black polybag model", "factory model", first),
        ReleaseCard("holiday box model", "black polybag model", second, "harm"),
        ReleaseCard("holiday box 2 model", "black polybag model", third),
    )


def retention():
    ap = ((0.652, 0.310, 0.498, 0.441), (0.655, 0.681, 0.512, 0.443), (0.649, 0.677, 0.662, 0.439))
    return Retention(
        ("factory", "after black polybag", "after holiday box"),
        ("base", "black polybag", "holiday box", "crushed box"),
        (0, 1, 2, None), ap, 0.005, -0.0035,
    )  # fmt: skip


def demo_story():
    return Story(
        "A day on four robots",
        "Two lines and a test station, simulated from 06:00 to 14:00 UTC; everything that "
        "happened was decided by Janus.",
        (
            Fact("Failed picks at the end", "5.9%", "38% at their most", True),
            Fact("Failed picks on black polybags", "34% → 7%", "before and after release", True),
            Fact("Fault pictures used for training", "0", "of 212 taken", True),
            Fact("Labels asked for", "96 frames", "of 3,412 taken"),
            Fact("Lost on old packages", "0.3 points of AP", "at most 1 tolerated", True),
        ),
        (
            "2 tickets: defocus on cam-2 (closed after 47 min), lamp failed on cam-3 (open)",
            "2 novelties: black polybag (rank 1), holiday box (rank 2)",
            "  black polybag   52 labels   AP 31.0 -> 68.1   failed picks 34% -> 7%",
            "  holiday box     44 labels   AP 51.2 -> 66.2",
            "3 releases: 1 in the fleet, 1 rolled back, 1 under way",
        ),
        KINDS, timeline(), tickets(), novelties(),
        ("novelty-3, 13 instances, 1 lost picks a day (0 to 3)",), comparisons(),
        ("the factory model", "the holiday box model"), verdicts(), releases(), retention(),
        ApTable(("factory model", "black polybag model", "holiday box 2 model"),
                ("base", "black polybag", "holiday box"),
                ((0.652, 0.310, None), (0.655, 0.681, 0.512), (0.649, 0.677, 0.662))),
        {"Command": "janus demo --seed 0", "Seed": "0", "Machine": "2 cores, 4 GiB",
         "Version": "0.1.0", "Time taken": "5 min 12 s"},
    )  # fmt: skip


def replay_story():
    """Return a story of photographs: no picks, no tickets, no releases."""
    story = demo_story()
    return Story(
        "500 photographs, replayed", "Class by class", story.facts[3:], story.account,
        story.taxonomy, novelties=story.novelties, comparisons=story.comparisons,
        verdicts=story.verdicts[:1], ap=story.ap,
    )  # fmt: skip
