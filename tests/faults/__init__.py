"""Faults on purpose, for real processes: Python finds sitecustomize.py here when the folder is on PYTHONPATH."""
