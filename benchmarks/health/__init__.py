"""What `bench_watch_health.py` lays over pictures, plays and counts."""
