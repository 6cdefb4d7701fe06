"""The real operator tells of a rollback, by mail and webhook, beside a service that hangs."""

import json
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import yaml
from tests.integration.alerts.shop import Shop, open_shop
from tests.integration.harness.api import Api, until
from tests.integration.harness.control_plane import ControlPlane
from tests.integration.harness.players import Players
from tests.integration.kill.objects import DEPLOYMENT
from tests.integration.notify.servers import PASSWORD, Hook, Mailbox, mail_server, webhook_server

from recsys_operator.api.kinds import DEPLOYMENTS, EVENTS

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")

TARGETS = [
    {"name": "mail", "events": ["RolledBack", "Promoted"]},
    {"name": "hook", "template": {"title": "{event} of {deployment}"}},
    {"name": "stuck", "events": ["RolledBack"]},
    {"name": "elsewhere", "namespaces": ["another"]},
]


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with mail_server() as box:
        yield box


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    async with webhook_server() as found:
        yield found


@pytest.fixture
async def shop(stage: tuple[ControlPlane, str], tmp_path: Path, mailbox: Mailbox, hook: Hook) -> AsyncIterator[Shop]:
    plane, token = stage
    (tmp_path / "targets.yaml").write_text(yaml.safe_dump({"targets": TARGETS}))
    addresses = tmp_path / "addresses"
    addresses.mkdir()
    (addresses / "mail").write_text(mailbox.address())
    (addresses / "hook").write_text(hook.address())
    (addresses / "stuck").write_text(hook.address("hang", "?rto=60"))
    variables = {
        "RECSYS_NOTIFICATION_TARGETS": str(tmp_path / "targets.yaml"),
        "RECSYS_NOTIFICATION_ADDRESS_DIR": str(addresses),
    }
    async with Api(plane) as api, Players(api), open_shop(plane, api, token, tmp_path, "told", **variables) as opened:
        yield opened


async def test_a_rollback_is_told_once_and_waits_for_nobody(shop: Shop, mailbox: Mailbox, hook: Hook) -> None:
    await shop.serve(1)
    before = shop.operator.resident_megabytes()

    async def first_mail() -> bool:
        return len(mailbox.mails) == 1

    await until("a mail about the first version", first_mail)
    await shop.edit(notifications=[{"name": "hook", "events": ["RolledBack"]}, {"name": "elsewhere"}])
    await shop.try_out(4, stable=1)
    hook.answers = [503]
    answer = await shop.post(shop.alert(4))
    assert answer.outcomes == ["RolledBack"]
    assert await shop.weights() == {1: 100}

    async def told() -> bool:
        count = 'recsys_notifications_total{outcome="Sent",target="hook"} 1.0'
        return len(mailbox.mails) == 2 and hook.hanging == 1 and count in await shop.operator.metrics()

    await until("mail and webhook, while another service hangs", told)
    titles = [post["title"] for post in hook.posts]
    assert titles.count(f"RolledBack of {DEPLOYMENT}") == 2, "refused once, taken once"
    assert [mail["Subject"].split("] ")[1] for mail in mailbox.mails] == ["Promoted", "RolledBack"]
    # The service still hangs, and the next rollback does not wait for it either.
    await shop.edit(version={"pin": 1})
    await shop.until_reason("Serving")
    await shop.try_out(2, stable=1)
    assert (await shop.post(shop.alert(2))).outcomes == ["RolledBack"]
    assert await shop.weights() == {1: 100}
    print(
        f"\nresident memory of the operator: {before:.0f} MB before a notification was sent, "
        f"{shop.operator.resident_megabytes():.0f} MB after",
        file=sys.stderr,
    )
    events = await shop.api.list(EVENTS, shop.namespace)
    assert "NotificationTargetMissing" in {one["reason"] for one in events}
    seen = json.dumps([events, await shop.api.get(DEPLOYMENTS, shop.namespace, DEPLOYMENT)])
    seen += shop.operator.log.read_text() + await shop.operator.metrics()
    assert 'target="stuck"' in seen
    assert PASSWORD not in seen
