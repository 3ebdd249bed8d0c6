"""Failed picks with the truth about them, for ``bench_watch_diagnosis.py``."""
