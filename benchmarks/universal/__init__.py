"""Parts of ``bench_universal.py``."""
