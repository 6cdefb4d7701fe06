"""Where a load may go: to this machine or into a cluster, never to the internet."""

import ipaddress
import socket
from urllib.parse import urlsplit


class ForbiddenTarget(Exception):
    """The URL leads somewhere that was not built to be loaded."""


def check(url: str) -> None:
    """Raise ForbiddenTarget unless every address of the URL's host is loopback or private."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        raise ForbiddenTarget(f"{url} is not an http:// URL.")
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or 80, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ForbiddenTarget(f"{parts.hostname} has no address: {error}.") from error
    for entry in found:
        address = ipaddress.ip_address(entry[4][0])
        if not (address.is_loopback or address.is_private):
            raise ForbiddenTarget(
                f"{parts.hostname} is {address}: a load goes to loopback and cluster (private) addresses only."
            )
