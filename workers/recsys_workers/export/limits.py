"""Limits of the served graph that are needed where torch is not."""

TOP_K = 101
"""How many items the graph returns at most: as many as a client or a metric asks for, and one to see a tie by."""


def top_k(n_items: int) -> int:
    """How many items the graph of a model with `n_items` items returns."""
    return min(TOP_K, n_items)
