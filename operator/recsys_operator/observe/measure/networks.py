"""Where addresses that stand in a spec may not lead, unless the operator is told otherwise."""

import ipaddress

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

FORBIDDEN: tuple[Network, ...] = tuple(
    ipaddress.ip_network(one)
    for one in (
        *("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "100.100.100.200/32", "168.63.129.16/32"),
        *("::/128", "::1/128", "fe80::/10", "fd00:ec2::254/128", "ff00::/8"),
    )
)
"""This pod itself, its link, what is no host, and where clouds tell machines their credentials."""
