"""Streams of phases to learn one after another, for ``bench_learn.py``."""
