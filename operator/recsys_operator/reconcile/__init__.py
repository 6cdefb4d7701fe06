"""One file per kind: observe, decide, apply. The loop that calls them is in `loop.py`."""
