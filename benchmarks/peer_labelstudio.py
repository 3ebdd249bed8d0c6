"""Label Studio's task import over HTTP, timed; see bench_ingest.py.

Starts Label Studio (over SQLite, in a temporary folder), makes a project, and imports tasks in
batches: the address of a picture and, as a prediction, 12 polygons of 24 corners each. Label Studio
keeps the address and not the picture.

Run by bench_ingest.py with ``--label-studio``, or by itself, with any Python that has httpx:
``python benchmarks/peer_labelstudio.py PROGRAM [--tasks 400] [--repeats 5]``; it prints JSON.
"""

import argparse
import json
import os
import random
import socket
import subprocess
import tempfile
import time
from math import cos, pi, sin

import httpx

MASKS, CORNERS, BATCH = 12, 24, 50
TOKEN, NAME, WORD = "0123456789abcdef0123456789abcdef01234567", "bench@example.org", "bench-words-1"
FORM = (
    '<View><Image name="image" value="$image"/><PolygonLabels name="kind" toName="image">'
    '<Label value="package"/></PolygonLabels></View>'
)


def task(rng: random.Random, number: int) -> dict[str, object]:
    shapes = []
    for _ in range(MASKS):
        x, y, a, b = (
            rng.uniform(15, 85),
            rng.uniform(15, 85),
            rng.uniform(5, 12),
            rng.uniform(5, 12),
        )
        turns = [2 * pi * corner / CORNERS for corner in range(CORNERS)]
        shapes.append(
            {
                "type": "polygonlabels",
                "from_name": "kind",
                "to_name": "image",
                "original_width": 640,
                "original_height": 480,
                "image_rotation": 0,
                "value": {
                    "points": [[x + a * cos(t), y + b * sin(t)] for t in turns],
                    "polygonlabels": ["package"],
                },
            }
        )
    picture = f"http://127.0.0.1:9/{rng.randrange(2**62)}-{number}.jpg"
    return {"data": {"image": picture}, "predictions": [{"model_version": "m", "result": shapes}]}


def ready(client: httpx.Client, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 300
    while True:
        try:
            if client.get("/health").status_code == 200:
                return
        except httpx.HTTPError:
            pass
        if server.poll() is not None or time.monotonic() > until:
            raise RuntimeError("Label Studio did not start")
        time.sleep(0.5)


def measure(client: httpx.Client, count: int) -> float:
    """Return tasks a second."""
    answer = client.post("/api/projects", json={"title": "bench", "label_config": FORM})
    project = answer.raise_for_status().json()["id"]
    rng = random.Random(count)
    made = [task(rng, number) for number in range(BATCH + count)]
    place = f"/api/projects/{project}/import"
    client.post(place, json=made[:BATCH]).raise_for_status()
    start = time.perf_counter()
    for at in range(BATCH, len(made), BATCH):
        answer = client.post(place, json=made[at : at + BATCH]).raise_for_status().json()
        assert answer["task_count"] == len(made[at : at + BATCH]), answer
    return count / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="label-studio, as it was installed")
    parser.add_argument("--tasks", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port = str(door.getsockname()[1])
    with tempfile.TemporaryDirectory() as folder:
        line = [
            options.program, "start", "--no-browser", "--port", port, "--data-dir", folder,
            "--username", NAME, "--password", WORD, "--user-token", TOKEN,
        ]  # fmt: skip
        given = {"LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true", "COLLECT_ANALYTICS": "false"}
        server = subprocess.Popen(
            line, env={**os.environ, **given}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            head = {"Authorization": f"Token {TOKEN}"}
            with httpx.Client(
                base_url=f"http://127.0.0.1:{port}", headers=head, timeout=120
            ) as client:
                ready(client, server)
                rates = [measure(client, options.tasks) for _ in range(options.repeats)]
        finally:
            server.terminate()
            server.wait(30)
    print(json.dumps({"tasks_s": rates}))


if __name__ == "__main__":
    main()
