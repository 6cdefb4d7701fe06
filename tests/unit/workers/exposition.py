"""One sample of a text in Prometheus' format."""

from prometheus_client.parser import text_string_to_metric_families


def sample(exposition: bytes, name: str, **labels: str) -> float | None:
    """The value of the series with this name and at least these labels; None when there is none."""
    for family in text_string_to_metric_families(exposition.decode()):
        for found in family.samples:
            if found.name == name and labels.items() <= found.labels.items():
                return found.value
    return None
