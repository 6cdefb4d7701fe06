"""What the environment may say."""

from ipaddress import ip_network
from pathlib import Path

import pytest

from recsys_operator.settings import Settings, SettingsError

IMAGES = {"RECSYS_TRAINER_IMAGE": "trainer:1", "RECSYS_SERVER_IMAGE": "server:1"}


def test_defaults() -> None:
    settings = Settings.from_environment(IMAGES)
    assert (settings.metrics_port, settings.alerts_port, settings.resync_seconds) == (8080, 8081, 300)
    assert settings.watch_namespaces == ()
    assert settings.alert_token_dir is None


def test_everything_is_read() -> None:
    settings = Settings.from_environment(
        {
            **IMAGES,
            "RECSYS_WATCH_NAMESPACES": "shop, news,,shop",
            "RECSYS_LEASE": "recsys-system/recsys-operator",
            "RECSYS_IDENTITY": "recsys-operator-0",
            "RECSYS_ADVERTISED_ADDRESS": "10.1.2.3",
            "RECSYS_ALERT_TOKEN_DIR": "/tokens",
            "RECSYS_LOG_LEVEL": "DEBUG",
            "RECSYS_METRICS_PORT": "9090",
            "RECSYS_PROMETHEUS_ADDRESS": "https://prometheus.monitoring:9090/prefix/",
            "RECSYS_FORBIDDEN_NETWORKS": "10.0.0.0/8, fd00::/8",
        }
    )
    assert settings.watch_namespaces == ("shop", "news")
    assert settings.lease == "recsys-system/recsys-operator"
    assert (settings.identity, settings.advertised_address) == ("recsys-operator-0", "10.1.2.3")
    assert settings.alert_token_dir == Path("/tokens")
    assert (settings.log_level, settings.metrics_port) == ("debug", 9090)
    assert settings.prometheus_address == "https://prometheus.monitoring:9090/prefix"
    assert settings.forbidden_networks == (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("RECSYS_TRAINER_IMAGE", "", "RECSYS_TRAINER_IMAGE is not set: it must name an image"),
        ("RECSYS_SERVER_IMAGE", " ", "RECSYS_SERVER_IMAGE is not set"),
        ("RECSYS_LEASE", "recsys-operator", "RECSYS_LEASE is 'recsys-operator': it must be namespace/name"),
        ("RECSYS_LOG_LEVEL", "loud", "RECSYS_LOG_LEVEL is 'loud': it must be one of debug, info, warning, error"),
        ("RECSYS_METRICS_PORT", "http", "RECSYS_METRICS_PORT is 'http': it must be a whole number from 1 to 65535"),
        ("RECSYS_ALERTS_PORT", "70000", "RECSYS_ALERTS_PORT is '70000'"),
        ("RECSYS_RESYNC_SECONDS", "0", "RECSYS_RESYNC_SECONDS is '0': it must be a whole number from 1 to 86400"),
        (
            "RECSYS_PROMETHEUS_ADDRESS",
            "prometheus:9090",
            "RECSYS_PROMETHEUS_ADDRESS is 'prometheus:9090': it must be http",
        ),
        ("RECSYS_PROMETHEUS_ADDRESS", "http://user@host", "RECSYS_PROMETHEUS_ADDRESS is"),
        ("RECSYS_PROMETHEUS_ADDRESS", "http://host/?query", "RECSYS_PROMETHEUS_ADDRESS is"),
        (
            "RECSYS_FORBIDDEN_NETWORKS",
            "10.0.0.1/8",
            "RECSYS_FORBIDDEN_NETWORKS is '10.0.0.1/8': it must be networks such as",
        ),
    ],
)
def test_errors_say_what_to_change(variable: str, value: str, sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence.replace("(", r"\(")):
        Settings.from_environment({**IMAGES, variable: value})
