"""The shop of the alerts' tests."""

from tests.integration.alerts.conftest import shop

__all__ = ["shop"]
