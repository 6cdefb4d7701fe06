"""Who is told of what."""

import asyncio
from typing import Any

import pytest
from prometheus_client import REGISTRY
from tests.unit.decide.deployment_world import START, canary, spec

from recsys_operator.apply.event import Event
from recsys_operator.decide.notice import Notice
from recsys_operator.notify.message import Message
from recsys_operator.notify.notifier import Notifier
from recsys_operator.notify.outbox import Patience
from recsys_operator.notify.targets import Target, Targets

OBJ: dict[str, Any] = {
    "apiVersion": "recsys.dev/v1alpha1",
    "kind": "Deployment",
    "metadata": {"namespace": "shop", "name": "movies", "uid": "u"},
}
ROLLED_BACK = Notice("Warning", "RolledBack", "Version 4 is taken back.", "RollBack")
WEIGHT = Notice("Normal", "WeightChanged", "Version 4 gets 50 %.", "SetWeight")


class Courier:
    """Takes everything, or nothing."""

    def __init__(self, refuses: str = "") -> None:
        self.refuses = refuses
        self.sent: list[tuple[str, str]] = []

    async def send(self, address: str, message: Message) -> str:
        self.sent.append((address, message.title))
        return self.refuses

    async def close(self) -> None:
        """Nothing to close."""


class Client:
    """Keeps events."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    async def emit(self, event: Event) -> None:
        self.events.append(event)


class Directory(Targets):
    """Every target has one address, named after it."""

    def addresses(self, name: str) -> tuple[str, ...]:
        return (f"json://{name}",)


def notifier(courier: Courier, *targets: dict[str, Any], give_up: float = 3600) -> tuple[Notifier, Client]:
    client = Client()
    by_name = {one["name"]: Target.model_validate(one) for one in targets}
    patience = Patience(0, 0, 0, give_up)
    return Notifier(client, Directory(by_name), courier, patience), client  # type: ignore[arg-type]


async def told(found: Notifier, *notices: Notice, **changes: Any) -> None:
    found.tell(OBJ, spec(**changes), canary().status, notices, START)
    while found._outbox._tasks:
        await asyncio.gather(*found._outbox._tasks.values())


async def test_a_deployment_names_whom_and_of_what() -> None:
    courier = Courier()
    found, _ = notifier(courier, {"name": "team"}, {"name": "other"})
    wish = {"name": "team", "events": ["RolledBack"], "template": {"title": "{event}!"}}
    await told(found, ROLLED_BACK, WEIGHT, notifications=[wish])
    assert courier.sent == [("json://team", "RolledBack!")]


async def test_the_usual_events_when_none_are_named() -> None:
    courier = Courier()
    found, _ = notifier(courier, {"name": "team"})
    await told(found, WEIGHT, ROLLED_BACK, notifications=[{"name": "team"}])
    assert courier.sent == [("json://team", "[shop/movies] RolledBack")]


async def test_a_target_can_hear_of_every_deployment_of_its_namespaces() -> None:
    courier = Courier()
    found, _ = notifier(
        courier,
        {"name": "sre", "events": ["RolledBack"]},
        {"name": "news", "events": ["RolledBack"], "namespaces": ["news"]},
    )
    await told(found, ROLLED_BACK, WEIGHT)
    assert courier.sent == [("json://sre", "[shop/movies] RolledBack")]


async def test_who_is_named_twice_is_told_once_in_the_deployments_words() -> None:
    courier = Courier()
    found, _ = notifier(
        courier, {"name": "sre", "events": ["RolledBack"], "template": {"title": "theirs", "body": "b"}}
    )
    await told(found, ROLLED_BACK, notifications=[{"name": "sre", "template": {"title": "ours"}}])
    assert courier.sent == [("json://sre", "ours")]


async def test_a_target_of_another_namespace_is_missing_and_that_is_told_once() -> None:
    courier = Courier()
    found, _ = notifier(courier, {"name": "team", "namespaces": ["news"]})
    wishes = spec(notifications=[{"name": "team"}, {"name": "nobody"}])
    await told(found, ROLLED_BACK, notifications=[{"name": "team"}])
    assert courier.sent == []
    events = found.missing(OBJ, wishes)
    assert [(one.reason, one.type) for one in events] == [("NotificationTargetMissing", "Warning")] * 2
    assert "names team, which is no target of the operator for namespace shop" in events[0].message
    assert found.missing(OBJ, wishes) == ()


async def test_what_is_given_up_is_an_event_and_a_count() -> None:
    found, client = notifier(Courier("Http500"), {"name": "pager", "events": ["RolledBack"]}, give_up=0)
    labels = {"target": "pager", "outcome": "Failed"}
    assert REGISTRY.get_sample_value("recsys_notifications_total", labels) == 0, "it is there before the first failure"
    await told(found, ROLLED_BACK)
    assert REGISTRY.get_sample_value("recsys_notifications_total", labels) == 1
    (event,) = client.events
    assert (event.reason, event.message) == (
        "NotificationFailed",
        "Target pager was not told of RolledBack: Http500, in 1 attempts.",
    )


@pytest.mark.parametrize("event", ["RolledBack", "WeightChanged"])
async def test_telling_returns_before_anything_is_sent(event: str) -> None:
    courier = Courier()
    found, _ = notifier(courier, {"name": "sre", "events": [event]})
    found.tell(OBJ, spec(), canary().status, (ROLLED_BACK, WEIGHT), START)
    assert courier.sent == []
    await found.stop()
    assert len(courier.sent) == 1


async def test_a_fault_in_telling_is_no_fault_of_the_reconcile(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no room")

    found, _ = notifier(Courier(), {"name": "sre", "events": ["RolledBack"]})
    monkeypatch.setattr(found._outbox, "post", broken)
    found.tell(OBJ, spec(), canary().status, (ROLLED_BACK,), START)
    assert "notifications are lost" in caplog.text
