"""One entry of a Secret that a spec names. Secrets are read one at a time by their name, and never kept."""

import base64
import binascii

from recsys_operator.api.kinds import SECRETS
from recsys_operator.observe.reader import Reader


class NoSecret(Exception):
    """The entry cannot be used; the message is a sentence that holds nothing of it."""


async def secret_value(client: Reader, namespace: str, name: str, key: str) -> str:
    """The text of an entry, without white space around it; raises NoSecret, or the client's error when it is away."""
    where = f"the Secret {namespace}/{name}"
    try:
        found = await client.get(SECRETS, namespace, name)
    except Exception as error:
        if getattr(error, "status", None) != 403:
            raise
        raise NoSecret(f"the operator may not read {where}: grant its ServiceAccount get on it") from None
    if found is None:
        raise NoSecret(f"{where} does not exist")
    encoded = (found.get("data") or {}).get(key)
    if encoded is None:
        raise NoSecret(f"{where} has no key {key}")
    try:
        text = base64.b64decode(encoded, validate=True).decode().strip()
    except (binascii.Error, ValueError):
        raise NoSecret(f"{where} has something under {key} that is no text") from None
    if not text:
        raise NoSecret(f"{where} has nothing under {key}")
    return text


async def bearer_token(client: Reader, namespace: str, name: str, key: str) -> str:
    """An entry that can stand in an Authorization header; raises as `secret_value` does."""
    token = await secret_value(client, namespace, name, key)
    if not token.isascii() or not token.isprintable() or " " in token:
        raise NoSecret(f"the Secret {namespace}/{name} has something under {key} that is no bearer token")
    return token
