"""What the environment may say."""

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
        }
    )
    assert settings.watch_namespaces == ("shop", "news")
    assert settings.lease == "recsys-system/recsys-operator"
    assert (settings.identity, settings.advertised_address) == ("recsys-operator-0", "10.1.2.3")
    assert settings.alert_token_dir == Path("/tokens")
    assert (settings.log_level, settings.metrics_port) == ("debug", 9090)


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
    ],
)
def test_errors_say_what_to_change(variable: str, value: str, sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence.replace("(", r"\(")):
        Settings.from_environment({**IMAGES, variable: value})
