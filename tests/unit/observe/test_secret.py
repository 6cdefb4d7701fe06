"""An entry of a Secret: read by name, told apart when it cannot be used, never quoted."""

import base64
from typing import Any

import pytest
from tests.unit.observe.cluster import Cluster

from recsys_operator.api.kinds import SECRETS
from recsys_operator.observe.secret import NoSecret, bearer_token, secret_value


class Refusal(Exception):
    """As the client raises it."""

    def __init__(self, status: int) -> None:
        super().__init__("refused")
        self.status = status


def cluster(**data: bytes) -> Cluster:
    encoded = {name: base64.b64encode(value).decode() for name, value in data.items()}
    return Cluster((SECRETS, {"metadata": {"name": "tokens", "namespace": "shop"}, "data": encoded}))


async def test_an_entry_is_its_text_without_the_line_feed_at_its_end() -> None:
    assert await secret_value(cluster(token=b" one two\n"), "shop", "tokens", "token") == "one two"
    assert await bearer_token(cluster(token=b"t0ken\n"), "shop", "tokens", "token") == "t0ken"


WRONG = [
    (Cluster(), "the Secret shop/tokens does not exist"),
    (cluster(other=b"hidden"), "the Secret shop/tokens has no key token"),
    (cluster(token=b"\n"), "the Secret shop/tokens has nothing under token"),
    (cluster(token=b"\xff\xfe"), "the Secret shop/tokens has something under token that is no text"),
    (Cluster((SECRETS, {"metadata": {"name": "tokens"}, "data": {"token": "?"}})), "that is no text"),
    (Cluster((SECRETS, {"metadata": {"name": "tokens"}})), "has no key token"),
    (Cluster(fails={SECRETS: Refusal(403)}), "may not read the Secret shop/tokens: grant its ServiceAccount get on it"),
]


@pytest.mark.parametrize(("found", "message"), WRONG)
async def test_what_cannot_be_used_is_told(found: Any, message: str) -> None:
    with pytest.raises(NoSecret) as error:
        await secret_value(found, "shop", "tokens", "token")
    assert message in str(error.value)


@pytest.mark.parametrize("value", [b"hidden hidden", b"hidden\nX-Header: 1", "hïdden".encode(), b"hid\0den"])
async def test_what_would_break_a_header_is_no_token_and_is_not_quoted(value: bytes) -> None:
    with pytest.raises(NoSecret) as error:
        await bearer_token(cluster(token=value), "shop", "tokens", "token")
    assert "no bearer token" in str(error.value)
    assert "hid" not in str(error.value)


async def test_an_api_server_that_is_away_is_not_the_secrets_fault() -> None:
    with pytest.raises(Refusal):
        await secret_value(Cluster(fails={SECRETS: Refusal(0)}), "shop", "tokens", "token")
