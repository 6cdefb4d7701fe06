"""What the environment tells the operator."""

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from recsys_operator.observe.measure.networks import FORBIDDEN, Network

LEVELS = ("debug", "info", "warning", "error")
LEASE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?")

ADDRESS = re.compile(r"https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?)(:[0-9]{1,5})?(/[^\s?#]*)?")


class SettingsError(Exception):
    """A variable of the environment is missing or wrong; the message says which and what is allowed."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings. Each field is read from the variable named below it."""

    trainer_image: str
    """RECSYS_TRAINER_IMAGE: image of a TrainingRun's pod."""

    server_image: str
    """RECSYS_SERVER_IMAGE: image of a Deployment's pods."""

    watch_namespaces: tuple[str, ...] = ()
    """RECSYS_WATCH_NAMESPACES: a comma-separated list; empty for all."""

    lease: str = ""
    """RECSYS_LEASE: namespace/name of the Lease whose holder acts; empty: this process is the only one, and acts."""

    identity: str = ""
    """RECSYS_IDENTITY: who holds the Lease; no two processes that live at the same time may share it."""

    advertised_address: str = ""
    """RECSYS_ADVERTISED_ADDRESS: where other replicas reach this one's alerts port."""

    alert_token_dir: Path | None = None
    """RECSYS_ALERT_TOKEN_DIR: each file in it holds a bearer token that the alert receiver accepts."""

    notification_targets: Path | None = None
    """RECSYS_NOTIFICATION_TARGETS: a YAML file with the targets of notifications."""

    notification_address_dir: Path | None = None
    """RECSYS_NOTIFICATION_ADDRESS_DIR: each file in it holds the addresses of the target of its name."""

    log_level: str = "info"
    """RECSYS_LOG_LEVEL: debug, info, warning or error."""

    address: str = "0.0.0.0"  # noqa: S104
    """RECSYS_ADDRESS: the address that both ports listen on."""

    metrics_port: int = 8080
    """RECSYS_METRICS_PORT: /metrics and /healthz."""

    alerts_port: int = 8081
    """RECSYS_ALERTS_PORT: POST /alerts."""

    resync_seconds: int = 300
    """RECSYS_RESYNC_SECONDS: how often an object is looked at when nothing happens."""

    watch_patience_seconds: int = 30
    """RECSYS_WATCH_PATIENCE_SECONDS: a watch that owes a change for longer is silent, and /healthz fails."""

    prometheus_address: str = ""
    """RECSYS_PROMETHEUS_ADDRESS: where a metric's query is asked that names no address."""

    forbidden_networks: tuple[Network, ...] = FORBIDDEN
    """RECSYS_FORBIDDEN_NETWORKS: a comma-separated list; no address in a spec may lead there."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read the variables of this process, or those given; raises `SettingsError`."""
        env = os.environ if environment is None else environment
        targets, addresses = env.get("RECSYS_NOTIFICATION_TARGETS"), env.get("RECSYS_NOTIFICATION_ADDRESS_DIR")
        token_dir = env.get("RECSYS_ALERT_TOKEN_DIR", "")
        return cls(
            trainer_image=_required(env, "RECSYS_TRAINER_IMAGE"),
            server_image=_required(env, "RECSYS_SERVER_IMAGE"),
            watch_namespaces=tuple(
                dict.fromkeys(
                    name.strip() for name in env.get("RECSYS_WATCH_NAMESPACES", "").split(",") if name.strip()
                )
            ),
            lease=_lease(env.get("RECSYS_LEASE", "").strip()),
            identity=env.get("RECSYS_IDENTITY", "").strip(),
            advertised_address=env.get("RECSYS_ADVERTISED_ADDRESS", "").strip(),
            alert_token_dir=Path(token_dir) if token_dir else None,
            notification_targets=Path(targets) if targets else None,
            notification_address_dir=Path(addresses) if addresses else None,
            log_level=_level(env.get("RECSYS_LOG_LEVEL") or "info"),
            address=env.get("RECSYS_ADDRESS") or "0.0.0.0",  # noqa: S104
            metrics_port=_number(env, "RECSYS_METRICS_PORT", 8080, 1, 65535),
            alerts_port=_number(env, "RECSYS_ALERTS_PORT", 8081, 1, 65535),
            resync_seconds=_number(env, "RECSYS_RESYNC_SECONDS", 300, 1, 86400),
            watch_patience_seconds=_number(env, "RECSYS_WATCH_PATIENCE_SECONDS", 30, 1, 3600),
            prometheus_address=_address(env.get("RECSYS_PROMETHEUS_ADDRESS", "")),
            forbidden_networks=_networks(env.get("RECSYS_FORBIDDEN_NETWORKS", "")),
        )


def _required(env: Mapping[str, str], name: str) -> str:
    value = env.get(name, "").strip()
    if not value:
        raise SettingsError(f"{name} is not set: it must name an image, such as registry.example/recsys:1.0")
    return value


def _lease(value: str) -> str:
    if value and not LEASE.fullmatch(value):
        raise SettingsError(
            f"RECSYS_LEASE is {value!r}: it must be namespace/name, such as recsys-system/recsys-operator"
        )
    return value


def _level(value: str) -> str:
    if value.lower() not in LEVELS:
        raise SettingsError(f"RECSYS_LOG_LEVEL is {value!r}: it must be one of {', '.join(LEVELS)}")
    return value.lower()


def _address(value: str) -> str:
    if value and not ADDRESS.fullmatch(value):
        raise SettingsError(
            f"RECSYS_PROMETHEUS_ADDRESS is {value!r}: it must be http:// or https://, a host, and a port and a path "
            "where it needs them"
        )
    return value.rstrip("/")


def _networks(value: str) -> tuple[Network, ...]:
    names = [name.strip() for name in value.split(",") if name.strip()]
    try:
        return tuple(ipaddress.ip_network(name) for name in names) or FORBIDDEN
    except ValueError:
        raise SettingsError(
            f"RECSYS_FORBIDDEN_NETWORKS is {value!r}: it must be networks such as 10.0.0.0/8, separated by commas"
        ) from None


def _number(env: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = env.get(name) or str(default)
    try:
        value = int(text)
    except ValueError:
        value = low - 1
    if not low <= value <= high:
        raise SettingsError(f"{name} is {text!r}: it must be a whole number from {low} to {high}")
    return value
