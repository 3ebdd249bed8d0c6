"""Episodes of a fault, of a novelty, and of both at once, for ``bench_watch_events.py``."""
