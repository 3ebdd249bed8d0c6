"""Camera health: faults laid over real video, alarms on healthy pictures, and what it costs.

Run: ``python benchmarks/bench_watch_health.py``. One process, one thread. The video is a webcam
moved by hand over a table, 10 clips of 400 x 400 px at 20 frames a second. It is used in two ways.
``moving``: as it is, without instances; a camera that is always moved has no place that it could be
knocked from or turned at, so those two faults are left out. ``mounted``: real textures, four
pictures of four clips side by side, stand still around a window in which a clip runs; the window is
the one instance.

A fault begins at a start frame, after healthy ones; it is found when, within 10 frames, a ticket is
open, and right when the first ticket names it. The interval is Wilson's, 95%, over starts.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from januscl.core import Frame, Image, Instances, Observation, encode_mask, new_id
from januscl.triage import FaultDesk
from januscl.watch import CameraHealth, EProcess, InstanceNovelty, ScoreMargin, main_cause
from januscl.watch.rate import AlarmRate

VIDEOS = Path(__file__).parents[2] / "shared" / "data" / "desk_camera" / "videos"
START = datetime(2026, 1, 1, tzinfo=UTC)
WITHIN, BEFORE = 10, 6
LASTING = 5  # readings: no pile is seen twice here
GRAIN = 1.5  # levels of noise of the mounted camera's sensor
Rng = np.random.Generator
Laid = Callable[[list[Image], Rng], list[Image]]
_numbers = count()


def observed(image: Image, seen: Instances | None = None, camera: str = "camera") -> Observation:
    number = next(_numbers)
    at = START + timedelta(milliseconds=50 * number)
    entropy = number.to_bytes(10, "big")
    frame = Frame(np.ascontiguousarray(image), camera, f"robot of {camera}", at)
    return Observation(new_id(at, entropy), frame, seen or Instances.empty(), "m")


# --- the faults -----------------------------------------------------------------------------------


def as_image(values: NDArray[np.floating]) -> Image:
    return np.clip(values + 0.5, 0, 255).astype(np.uint8)


def each(change: Callable[[Image, Rng], Image]) -> Laid:
    return lambda images, rng: [change(image, rng) for image in images]


def lit(gain: float | tuple[float, float, float]) -> Laid:
    return each(lambda image, _: as_image(image * np.asarray(gain, np.float32)))


def defocused(radius: float) -> Laid:
    reach = int(np.ceil(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1).astype(np.float32)
    return each(lambda image, _: cv2.filter2D(image, -1, disc / disc.sum()))


def moved(px: float, degrees: float) -> Laid:
    def laid(images: list[Image], rng: Rng) -> list[Image]:
        height, width = images[0].shape[:2]
        way, sign = rng.uniform(0, 2 * np.pi), rng.choice((-1, 1))
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), float(sign * degrees), 1.0)
        turn[:, 2] += px * np.asarray((np.cos(way), np.sin(way)))
        border = cv2.BORDER_REFLECT
        return [cv2.warpAffine(i, turn, (width, height), borderMode=border) for i in images]

    return laid


def dirty(radius: float, cover: float) -> Laid:
    """Smears that the lens cannot focus: ``radius`` is a share of the picture's width."""

    def laid(images: list[Image], rng: Rng) -> list[Image]:
        height, width = images[0].shape[:2]
        middle = rng.uniform(0.1, 0.9, 2) * (width, height)
        mask = np.zeros((height, width), np.float32)
        for _ in range(4):
            at = middle + rng.normal(0, 0.4 * radius, 2) * width
            cv2.circle(mask, tuple(at.astype(int).tolist()), int(radius * width), cover, -1)
        mask = cv2.GaussianBlur(mask, (0, 0), 0.25 * radius * width)[..., None]
        colour = np.asarray((52, 44, 34), np.float32)
        return [
            as_image(i * (1 - mask) + mask * (0.35 * cv2.blur(i, (41, 41)) + colour))
            for i in images
        ]

    return laid


def frozen(share: float) -> Laid:
    def laid(images: list[Image], rng: Rng) -> list[Image]:
        kept = images[:1]
        for image in images[1:]:
            kept.append(kept[-1] if rng.random() < share else image)
        return kept

    return laid


def noisy(levels: float) -> Laid:
    return each(
        lambda image, rng: as_image(image + levels * rng.standard_normal(image.shape, np.float32))
    )


def banded(depth: float, bands: float) -> Laid:
    """Light of the mains under a rolling shutter: bands that wander from frame to frame."""

    def change(image: Image, rng: Rng) -> Image:
        rows = np.arange(image.shape[0]) / image.shape[0]
        light = 1 + depth * np.sin(2 * np.pi * (bands * rows + rng.random()))
        return as_image(image * light[:, None, None])

    return each(change)


def flickering(depth: float) -> Laid:
    def laid(images: list[Image], rng: Rng) -> list[Image]:
        hertz, phase = rng.uniform(0.25, 0.42), rng.random()  # cycles a frame
        waves = np.sin(2 * np.pi * (hertz * np.arange(len(images)) + phase))
        return [as_image(i * (1 + depth * w)) for i, w in zip(images, waves, strict=True)]

    return laid


def resized(share: float) -> Laid:
    return each(lambda image, _: cv2.resize(image, None, fx=share, fy=share))


def turned(quarters: int) -> Laid:
    return each(lambda image, _: np.ascontiguousarray(np.rot90(image, quarters)))


FAULTS: dict[str, tuple[str, tuple[tuple[str, Laid], ...]]] = {
    "darkness": ("lamp_failed", (
        ("-0.5 stops", lit(0.71)), ("-1 stop", lit(0.5)), ("-2 stops", lit(0.25)))),
    "over-exposure": ("over_exposed", (
        ("+0.5 stops", lit(1.41)), ("+0.8 stops", lit(1.7)), ("+1.3 stops", lit(2.4)))),
    "defocus": ("defocus", (
        ("disc of 5 px", defocused(5)), ("8 px", defocused(8)), ("14 px", defocused(14)))),
    "moved camera": ("camera_knocked", (
        ("5 px, 1 deg", moved(5, 1)), ("15 px, 3 deg", moved(15, 3)),
        ("35 px, 7 deg", moved(35, 7)))),
    "dirty lens": ("dirty_lens", (
        ("8% wide, 0.6", dirty(0.08, 0.6)), ("12%, 0.8", dirty(0.12, 0.8)),
        ("18%, 0.95", dirty(0.18, 0.95)))),
    "frozen frame": ("frozen_frame", (
        ("80% repeated", frozen(0.8)), ("90%", frozen(0.9)), ("all", frozen(1.0)))),
    "noise": ("noisy_sensor", (
        ("4 levels", noisy(4)), ("8 levels", noisy(8)), ("16 levels", noisy(16)))),
    "colour cast": ("colour_cast", (
        ("x1.06 1 .90", lit((1.06, 1.0, 0.9))), ("x1.12 1 .78", lit((1.12, 1.0, 0.78))),
        ("x1.3 .95 .62", lit((1.3, 0.95, 0.62))))),
    "banding": ("flicker", (
        ("10%, 5 bands", banded(0.1, 5)), ("18%, 4 bands", banded(0.18, 4)),
        ("30%, 7 bands", banded(0.3, 7)))),
    "flicker": ("flicker", (
        ("15%", flickering(0.15)), ("25%", flickering(0.25)), ("40%", flickering(0.4)))),
    "resolution": ("wrong_resolution", (
        ("0.99 x", resized(0.99)), ("0.5 x", resized(0.5)), ("2 x", resized(2)))),
    "rotation": ("wrong_rotation", (
        ("90 deg", turned(1)), ("180 deg", turned(2)), ("270 deg", turned(3)))),
}  # fmt: skip
PLACELESS = {"moved camera", "rotation"}
"""What is no fault of a camera that is moved by hand."""


# --- the video ------------------------------------------------------------------------------------


def clips() -> list[list[Image]]:
    found = []
    for number in range(1, 11):
        capture = cv2.VideoCapture(str(VIDEOS / f"a{number}.avi"))
        images = []
        while (read := capture.read())[0]:
            images.append(cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB))
        found.append(images)
    return found


def mounted(video: Sequence[list[Image]], seed: int) -> list[Image]:
    """Return pictures of a camera that stands still: real textures around a window of live video.

    The window, a third of the picture each way, shows 60 pictures from all over one clip and then
    consecutive ones of another, as packages come and go before a bench that stays.
    """
    rng = np.random.default_rng((seed, 3))
    order = rng.permutation(len(video))
    cards = [cv2.resize(video[k][int(rng.integers(len(video[k])))], (200, 200)) for k in order[:4]]
    bench = np.vstack([np.hstack(cards[:2]), np.hstack(cards[2:])])
    known, live = video[order[4]], video[order[5]]
    at = int(rng.integers(len(live) - 2 * (BEFORE + WITHIN)))
    chosen = [*known[:: len(known) // 60][:60], *live[at : at + BEFORE + WITHIN]]
    images = []
    for shown in chosen:
        image = bench.copy()
        image[133:267, 133:267] = cv2.resize(shown, (134, 134), interpolation=cv2.INTER_AREA)
        images.append(image)
    return images


# --- what is measured -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Start:
    """A place where a fault may begin: a fitted watcher, healthy frames, and those to spoil.

    `grain`, in levels, is the sensor's noise that comes after the light.
    """

    health: CameraHealth
    healthy: Sequence[Image]
    coming: Sequence[Image]
    grain: float = 0.0


def others(video: Sequence[list[Image]], left_out: int) -> CameraHealth:
    """Return the watcher of the moved camera, fitted on twelve pictures of each other clip."""
    known = [c[:: len(c) // 12][:12] for k, c in enumerate(video) if k != left_out]
    return CameraHealth().fit([observed(i) for images in known for i in images])


def starts_of_moving(video: Sequence[list[Image]], number: int) -> list[Start]:
    starts = []
    for clip, images in enumerate(video):
        health, rng = others(video, clip), np.random.default_rng(clip)
        for _ in range(clip, number, len(video)):
            at = int(rng.integers(BEFORE, len(images) - WITHIN))
            starts.append(Start(health, images[at - BEFORE : at], images[at : at + WITHIN]))
    return starts


@cache
def window(height: int, width: int) -> Instances:
    """Return the window of the mounted camera as the one instance that a model would find."""
    mask = np.zeros((height, width), bool)
    mask[height // 3 : 2 * height // 3 + 1, width // 3 : 2 * width // 3 + 1] = True
    return Instances.of_masks([encode_mask(mask)], [1])


def grainy(images: Sequence[Image], levels: float, rng: Rng) -> list[Image]:
    """Return the pictures with a sensor's noise; one that is repeated keeps its own."""
    made: dict[int, Image] = {}
    for image in images:
        if id(image) not in made:
            noise = levels * rng.standard_normal(image.shape, np.float32)
            made[id(image)] = as_image(image + noise) if levels else image
    return [made[id(image)] for image in images]


def starts_of_mounted(video: Sequence[list[Image]], number: int) -> list[Start]:
    starts = []
    for seed in range(number):
        images = mounted(video, seed)
        known = grainy(images[:60], GRAIN, np.random.default_rng(seed))
        seen = window(*known[0].shape[:2])
        health = CameraHealth(lasting=LASTING).fit([observed(i, seen) for i in known])
        starts.append(Start(health, images[60 : 60 + BEFORE], images[60 + BEFORE :], GRAIN))
    return starts


def first_ticket(start: Start, laid: Laid, rng: Rng) -> tuple[str, int, float]:
    """Return the first ticket's cause, the frames it took and by how many its `began` is off."""
    health, desk = deepcopy(start.health), FaultDesk(EProcess)
    began = None
    images = grainy([*start.healthy, *laid(list(start.coming), rng)], start.grain, rng)
    for number, image in enumerate(images):
        seen = observed(image, window(*image.shape[:2]) if start.grain else None)
        if number == len(start.healthy):
            began = seen.frame.at
        opened = desk.update("c", "r", seen.frame.at, main_cause(health.score(seen)))
        if opened and began is None:
            return f"{opened[0].cause} before it began", 0, 0.0
        if opened and began is not None:
            off = (opened[0].began - began).total_seconds() / 0.05
            return opened[0].cause, number - len(start.healthy) + 1, off
    return "", 0, 0.0


def wilson(hits: int, number: int) -> tuple[float, float]:
    if not number:
        return 0.0, 1.0
    z, share = 1.96, hits / number
    middle = (share + z * z / 2 / number) / (1 + z * z / number)
    reach = z / (1 + z * z / number) * np.sqrt(share * (1 - share) / number + (z / 2 / number) ** 2)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def table(starts: Sequence[Start], skip: set[str]) -> list[dict[str, object]]:
    rows = []
    for name, (cause, levels) in FAULTS.items():
        if name in skip:
            continue
        for words, laid in levels:
            got = [
                first_ticket(s, laid, np.random.default_rng((k, 7))) for k, s in enumerate(starts)
            ]
            right = [g for g in got if g[0] == cause]
            others = sorted({g[0] for g in got if g[0] not in ("", cause)})
            low, high = wilson(len(right), len(got))
            rows.append({
                "fault": name, "severity": words, "n": len(got), "right": len(right),
                "missed": sum(not g[0] for g in got), "low": low, "high": high,
                "frames": float(np.median([g[1] for g in right])) if right else None,
                "began_off": float(np.mean([abs(g[2]) for g in right])) if right else None,
                "taken_for": others,
            })  # fmt: skip
            print(_line(rows[-1]), flush=True)
    return rows


def _line(row: dict[str, object]) -> str:
    n, right = row["n"], row["right"]
    frames = "-" if row["frames"] is None else f"{row['frames']:.0f}"
    off = "-" if row["began_off"] is None else f"{row['began_off']:.1f}"
    return (
        f"{row['fault']:14s} {row['severity']:13s} {100 * right / n:5.0f}% "  # type: ignore[operator]
        f"({100 * row['low']:3.0f}..{100 * row['high']:3.0f}) missed {row['missed']:3d}/{n}"  # type: ignore[operator]
        f"  frames {frames:>3s}  began off {off:>4s}  {', '.join(row['taken_for'])}"  # type: ignore[arg-type]
    )


# --- healthy pictures -----------------------------------------------------------------------------

RATES = (1 / 20, 1 / 50, 1 / 100)


def alarms(cameras: Sequence[tuple[CameraHealth, Sequence[Observation]]]) -> dict[str, object]:
    """Count the alarms and tickets on healthy frames; each camera comes with its own watcher."""
    frames = tickets = bad = 0
    raised = dict.fromkeys(RATES, 0)
    for fitted, healthy in cameras:
        health, desk = deepcopy(fitted), FaultDesk(EProcess)
        rated = {rate: AlarmRate(rate).fit(health.ordinary) for rate in RATES}
        for seen in healthy:
            signals = health.score(seen)
            cause = main_cause(signals)
            frames, bad = frames + 1, bad + (cause is not None)
            for rate, alarm in rated.items():
                known = any(t.closed is None for t in desk.tickets)
                raised[rate] += alarm.update(health.strangeness(signals), not known)
            opened = desk.update("c", "r", seen.frame.at, cause)
            tickets += sum(t.closed is None for t in opened)
    rows = []
    for rate in RATES:
        low, high = wilson(raised[rate], frames)
        rows.append({
            "rate": rate, "alarms": raised[rate], "ratio": raised[rate] / frames / rate,
            "low": low / rate, "high": high / rate,
        })  # fmt: skip
        print(
            f"  stated 1 in {1 / rate:3.0f}: {raised[rate]:4d} alarms in {frames} frames, "
            f"{rows[-1]['ratio']:.2f} of what is stated ({low / rate:.2f}..{high / rate:.2f})"
        )
    print(f"  frames with a main cause {bad}, tickets {tickets}")
    return {"frames": frames, "rates": rows, "main_cause": bad, "tickets": tickets}


def video_cameras(
    video: Sequence[list[Image]],
) -> list[tuple[CameraHealth, Sequence[Observation]]]:
    """Return the untouched video as one camera for each clip, fitted on the other clips."""
    return [(others(video, k), [observed(i) for i in c]) for k, c in enumerate(video)]


def simulated_cameras(
    frames: int, cells: int, seconds: float
) -> list[tuple[CameraHealth, Sequence[Observation]]]:
    """Return simulated cells: 60 frames of each are its reference, the others are seen."""
    from januscl.sim import BASE_MIX, BASE_TAXONOMY, Look, Pile, sensed
    from januscl.sim.camera import Camera
    from januscl.sim.eye import eye
    from januscl.sim.truth import truth_of

    cameras, began = [], time.perf_counter()
    for cell in range(cells):
        rng = np.random.default_rng((cell, 9))
        look = Look().varied(rng)
        camera, seen = Camera.of_look(look), []
        while len(seen) < frames // cells:
            pile = Pile.poured(BASE_MIX, int(rng.integers(6, 11)), rng, look)
            for _ in range(5):
                shot = eye(192).shoot(pile, camera, 1.0)
                image = sensed(shot.image, {}, rng, cell)
                truth = truth_of(pile, camera, shot).instances(BASE_TAXONOMY)
                seen.append(observed(image, truth))
                pile.take_out([int(rng.integers(len(pile.packages)))])
            if time.perf_counter() - began > seconds * (cell + 1) / cells:
                break
        cameras.append((CameraHealth().fit(seen[:60]), seen[60:]))
    return cameras


# --- cost -----------------------------------------------------------------------------------------

_PEER = """
import sys, time, numpy as np
from PIL import Image
from whylogs.extras.image_metric import log_image
pictures = [Image.fromarray(p) for p in np.load(sys.argv[1])]
times = []
for picture in [*pictures, *pictures]:
    began = time.process_time()
    log_image(picture)
    times.append(time.process_time() - began)
print(np.median(times))
"""


def eight_instances(rng: Rng) -> Instances:
    masks = []
    for k in range(8):
        mask = np.zeros((480, 640), np.uint8)
        at = (int(rng.integers(80, 560)), int(rng.integers(80, 400)))
        cv2.ellipse(mask, at, (60, 35), 25 * k, 0, 360, 1, -1)
        masks.append(encode_mask(mask.astype(bool)))
    seen = Instances.of_masks(masks, [1] * 8)
    return replace(seen, embeddings=rng.normal(size=(8, 96)).astype(np.float32))


def milliseconds(act: Callable[[Observation], object], given: Sequence[Observation]) -> float:
    times = []
    for seen in [*given, *given]:
        began = time.process_time()
        act(seen)
        times.append(1000 * (time.process_time() - began))
    return float(np.median(times))


def cost(video: Sequence[list[Image]], peer: Path | None) -> dict[str, float]:
    rng = np.random.default_rng(0)
    still = grainy(mounted(video, 0), GRAIN, rng)
    pictures = [cv2.resize(i, (640, 480)) for i in still]
    given = [observed(i, eight_instances(rng)) for i in pictures]
    health = CameraHealth().fit(given[:40])
    novelty, margin = InstanceNovelty().fit(given[:40]), ScoreMargin().fit(given[:40])
    found = {
        "camera health": milliseconds(health.score, given[40:]),
        "instance novelty": milliseconds(novelty.score, given[40:]),
        "score margin": milliseconds(margin.score, given[40:]),
    }
    found["all"] = sum(found.values())
    if peer is not None:
        path = Path("/tmp/bench_watch_health_pictures.npy")
        np.save(path, np.stack(pictures[:20]))
        run = [str(peer), "-c", _PEER, str(path)]
        answer = subprocess.run(run, capture_output=True, text=True, check=True).stdout
        found["whylogs log_image"] = 1000 * float(answer.split()[-1])
        path.unlink()
    for name, ms in found.items():
        print(f"  {name:18s} {ms:7.3f} ms a frame of 640 x 480")
    if peer is not None:
        print(f"  whylogs / all: {found['whylogs log_image'] / found['all']:.1f}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--starts", type=int, default=40, help="of each fault and severity")
    parser.add_argument("--frames", type=int, default=20_000, help="simulated, at most")
    parser.add_argument("--seconds", type=float, default=200, help="for simulating them, at most")
    parser.add_argument("--cells", type=int, default=4, help="simulated cameras")
    parser.add_argument("--whylogs", type=Path, help="a Python that has whylogs[image]")
    parser.add_argument("--only", default="moving mounted video simulated cost")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    video, figures, only = clips(), {}, given.only.split()
    if "cost" in only:
        print("Cost, 8 instances in each frame")
        figures["cost"] = cost(video, given.whylogs)
    if "moving" in only:
        print(f"Faults on the video as it is, {given.starts} starts each")
        figures["moving"] = table(starts_of_moving(video, given.starts), PLACELESS)
    if "mounted" in only:
        print(f"Faults on the mounted camera, {given.starts} starts each")
        figures["mounted"] = table(starts_of_mounted(video, given.starts), set())
    if "video" in only:
        print("Alarms on the untouched video")
        figures["video"] = alarms(video_cameras(video))
    if "simulated" in only:
        print("Alarms on ordinary simulated frames")
        cameras = simulated_cameras(given.frames, given.cells, given.seconds)
        figures["simulated"] = alarms(cameras)
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    sys.exit(main())
