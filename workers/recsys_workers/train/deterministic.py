"""Products that are the same each time for the same seed, threads and versions of what is installed."""

import os

import torch


def set_up(threads: int) -> None:
    """Set torch to so many threads and to deterministic algorithms; before anything is computed.

    Memory that nobody wrote is not filled first, as torch otherwise does then: nothing here reads such memory, and
    the golden curves are the same with and without.
    """
    torch.set_num_threads(threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it CUDA has no deterministic products
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # a property of the module
