"""Benchmarks behind ``posewire bench``."""
