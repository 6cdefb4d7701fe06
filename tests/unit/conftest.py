"""How the unit tests run."""

import gc


def pytest_collection_finish() -> None:
    """Spare the garbage collector what stays to the end: reading it again and again is a quarter of a run."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
