"""Where requests come in: the Gateway, and what the HTTPRoute takes."""

from pydantic import Field

from recsys_operator.api.route import Testers, TrafficRoute
from recsys_operator.api.schema import DNS_LABEL, DNS_SUBDOMAIN, Model, Rule, listing


class GatewayRef(Model):
    """The Gateway that takes the traffic in."""

    name: str = Field(min_length=1, max_length=253, pattern=DNS_SUBDOMAIN, description="Name of the Gateway.")
    namespace: str | None = Field(
        None,
        min_length=1,
        max_length=63,
        pattern=DNS_LABEL,
        description="Its namespace; the Deployment's own when absent.",
    )
    section_name: str | None = Field(
        None,
        min_length=1,
        max_length=253,
        pattern=DNS_SUBDOMAIN,
        description="One listener of it; all when absent.",
    )


class Traffic(Model):
    """How requests reach the model."""

    CEL = (
        Rule(
            "has(self.gateway) == has(self.hostnames)",
            "traffic.gateway and traffic.hostnames go together: set both, or neither to serve by a Service alone",
        ),
        Rule(
            "has(self.gateway) || !has(self.route) && !has(self.testers)",
            "traffic.route and traffic.testers need traffic.gateway",
        ),
        Rule(
            "!has(self.testers) || !has(self.route) || !has(self.route.matches) || self.route.matches.all(m, "
            "!has(m.headers) || m.headers.all(h, h.name.lowerAscii() != self.testers.header.name.lowerAscii()))",
            "traffic.route.matches must not name the header of traffic.testers",
        ),
    )

    gateway: GatewayRef | None = Field(
        None,
        description="The Gateway (gateway.networking.k8s.io) that takes the traffic in. Without one, a Service of the "
        "Deployment's own name does, and there are no canary steps.",
    )
    hostnames: tuple[str, ...] | None = Field(
        None,
        min_length=1,
        max_length=16,
        json_schema_extra={
            **listing("set"),
            "items": {
                "type": "string",
                "maxLength": 253,
                "pattern": r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
            },
        },
        description="Host names of the HTTPRoute.",
    )
    route: TrafficRoute | None = Field(None, description="Matches, filters and timeouts of the HTTPRoute.")
    testers: Testers | None = Field(None, description="Requests that try the canary, whatever its weight.")
