"""Replays of real photographs: the model after the cycles against the base model.

Run: ``python benchmarks/bench_replay.py FOLDER_OR_COCO... [--seeds 1] [--budget 15]``.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any


def run(data: Path, seed: int, budget: float, out: Path) -> dict[str, Any]:
    """Run one replay and return its account."""
    janus = Path(sys.executable).parent / "janus"
    done = subprocess.run(
        [str(janus), "replay", str(data), "--json", "--seed", str(seed), "--budget", str(budget),
         "--out", str(out)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    facts: dict[str, Any] = json.loads(done.stdout)
    return facts


def main() -> None:
    """Print one line a run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path, nargs="*")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--budget", type=float, default=15)
    asked = parser.parse_args()
    shared = Path(__file__).resolve().parents[2] / "shared" / "data"
    sets = asked.data or [path for path in (shared / "desk_camera", shared / "ore_clutter")
                          if path.is_dir()]  # fmt: skip
    if not sets:
        print("no set of photographs: name a COCO file or a folder that holds one")
    for data in sets:
        for seed in range(asked.seeds):
            with TemporaryDirectory() as folder:
                facts = run(data, seed, asked.budget, Path(folder) / "replay")
            ap, gain, parts = facts["held_back_ap"], facts["gain"], facts["photographs"]
            print(
                f"{facts['set']} seed {seed}: {parts['history']}+{parts['stream']} photographs, "
                f"{parts['held_back']} held back, {facts['input_px']} px; AP base "
                f"{100 * ap['base']:.1f}, after history {100 * ap['after_history']:.1f}, after "
                f"{len(facts['cycles'])} cycles {100 * ap['after_cycles']:.1f}; gain over base "
                f"{100 * gain['delta']:.1f} (95%: {100 * gain['low']:.1f} to "
                f"{100 * gain['high']:.1f}); {facts['labels']} labels; {facts['seconds']:.0f} s",
                flush=True,
            )
            for cycle in facts["cycles"]:
                print(
                    f"    {cycle['novelty']}: {cycle['labels']} labels, gate {cycle['gate']}, "
                    f"AP held back {100 * cycle['held_back_ap']:.1f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
