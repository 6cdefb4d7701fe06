"""The alert receiver: Alertmanager's webhook in, one answer an alert out."""

from recsys_operator.alerts.webhook import receiver

__all__ = ["receiver"]
