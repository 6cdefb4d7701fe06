"""What the user wants in the HTTPRoute: matches, filters and timeouts, as gateway.networking.k8s.io/v1 has them."""

from typing import Annotated, Literal

from pydantic import Field

from recsys_operator.api.schema import DNS_LABEL, DNS_SUBDOMAIN, Model, Rule, listing

HEADER_NAME = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"
PATH = r"^(/|(/[-A-Za-z0-9_~!$&'()*+,;=:@][-A-Za-z0-9._~!$&'()*+,;=:@]*)+/?)$"
DURATION = r"^([0-9]{1,5}(h|m|s|ms)){1,4}$"
PRECISE_HOSTNAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
GROUP = r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)?$"

HeaderName = Annotated[str, Field(min_length=1, max_length=256, pattern=HEADER_NAME)]
Duration = Annotated[str, Field(max_length=32, pattern=DURATION)]
MatchType = Literal["Exact", "RegularExpression"]
PathText = Annotated[str, Field(min_length=1, max_length=256)]


class PathMatch(Model):
    """A path that is matched."""

    CEL = (
        Rule(
            f"self.type == 'RegularExpression' || self.value.matches(r\"{PATH}\")",
            "a path must begin with '/', without empty segments or segments that begin with '.'",
        ),
    )

    type: Literal["Exact", "PathPrefix", "RegularExpression"] = Field("PathPrefix", description="How it is matched.")
    value: PathText = Field(description="What is matched, such as /v1/.")


class HeaderMatch(Model):
    """A header that a request must have."""

    type: MatchType = Field("Exact", description="How the value is matched.")
    name: HeaderName = Field(description="Name of the header, in any case.")
    value: str = Field(min_length=1, max_length=1024, description="Its value.")


class QueryParamMatch(Model):
    """A query parameter that a request must have."""

    type: MatchType = Field("Exact", description="How the value is matched.")
    name: HeaderName = Field(description="Name of the parameter.")
    value: str = Field(min_length=1, max_length=1024, description="Its value.")


class RouteMatch(Model):
    """Requests that are taken in: those that fulfil all of this."""

    path: PathMatch = Field(description="Their path.")
    headers: tuple[HeaderMatch, ...] | None = Field(
        None, max_length=8, json_schema_extra=listing("map", keys=("name",)), description="Headers that they have."
    )
    query_params: tuple[QueryParamMatch, ...] | None = Field(
        None, max_length=8, json_schema_extra=listing("map", keys=("name",)), description="Query parameters they have."
    )
    method: Literal["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"] | None = Field(
        None, description="Their method; any when absent."
    )


class Header(Model):
    """A header and its value."""

    name: HeaderName = Field(description="Name of the header.")
    value: str = Field(min_length=1, max_length=1024, description="Its value.")


class HeaderModifier(Model):
    """Headers that are changed on the way."""

    set_headers: tuple[Header, ...] | None = Field(
        None, max_length=16, alias="set", json_schema_extra=listing("map", keys=("name",)), description="Overwritten."
    )
    add: tuple[Header, ...] | None = Field(
        None, max_length=16, json_schema_extra=listing("map", keys=("name",)), description="Added to what is there."
    )
    remove: tuple[HeaderName, ...] | None = Field(
        None, max_length=16, json_schema_extra=listing("set"), description="Taken away, by name."
    )


class PathRewrite(Model):
    """The path that the pods see."""

    CEL = (
        Rule(
            "has(self.replaceFullPath) == (self.type == 'ReplaceFullPath') && "
            "has(self.replacePrefixMatch) == (self.type == 'ReplacePrefixMatch')",
            "a path rewrite must set exactly the field that its type names",
        ),
    )

    type: Literal["ReplaceFullPath", "ReplacePrefixMatch"] = Field(description="What is replaced.")
    replace_full_path: PathText | None = Field(None, description="Replaces the whole path.")
    replace_prefix_match: PathText | None = Field(None, description="Replaces the prefix that was matched.")


class UrlRewrite(Model):
    """Host name and path that the pods see."""

    hostname: str | None = Field(
        None, min_length=1, max_length=253, pattern=PRECISE_HOSTNAME, description="Replaces the header Host."
    )
    path: PathRewrite | None = Field(None, description="Replaces the path.")


class MirrorBackend(Model):
    """A Service of the Deployment's own namespace."""

    name: str = Field(min_length=1, max_length=63, pattern=DNS_LABEL, description="Name of the Service.")
    port: int = Field(ge=1, le=65535, description="Its port.")


class RequestMirror(Model):
    """Requests are copied to another Service, whose answers are dropped."""

    backend_ref: MirrorBackend = Field(description="The Service that gets the copies.")
    percent: int | None = Field(None, ge=0, le=100, description="How many of the requests, in percent; all if absent.")


class ExtensionRef(Model):
    """An object that the gateway's own implementation knows, such as a Middleware of Traefik."""

    group: str = Field(max_length=253, pattern=GROUP, description="Its API group.")
    kind: str = Field(
        min_length=1, max_length=63, pattern=r"^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$", description="Its kind."
    )
    name: str = Field(min_length=1, max_length=253, pattern=DNS_SUBDOMAIN, description="Its name, in this namespace.")


FILTERS = {
    "RequestHeaderModifier": "requestHeaderModifier",
    "ResponseHeaderModifier": "responseHeaderModifier",
    "URLRewrite": "urlRewrite",
    "RequestMirror": "requestMirror",
    "ExtensionRef": "extensionRef",
}


class RouteFilter(Model):
    """What is done to requests and answers on the way."""

    CEL = (
        Rule(
            " && ".join(f"has(self.{name}) == (self.type == '{kind}')" for kind, name in FILTERS.items()),
            "a filter must set exactly the field that its type names",
        ),
    )

    type: Literal["RequestHeaderModifier", "ResponseHeaderModifier", "URLRewrite", "RequestMirror", "ExtensionRef"] = (
        Field(description="What it does.")
    )
    request_header_modifier: HeaderModifier | None = Field(None, description="Changes the request's headers.")
    response_header_modifier: HeaderModifier | None = Field(None, description="Changes the answer's headers.")
    url_rewrite: UrlRewrite | None = Field(None, description="Changes host name or path.")
    request_mirror: RequestMirror | None = Field(None, description="Copies requests to another Service.")
    extension_ref: ExtensionRef | None = Field(None, description="A filter of the gateway's own implementation.")


class RouteTimeouts(Model):
    """How long the gateway waits. A gateway that does not implement it takes no notice."""

    CEL = (
        Rule(
            "!has(self.request) || !has(self.backendRequest) || duration(self.request) == duration('0s') || "
            "duration(self.backendRequest) <= duration(self.request)",
            "timeouts.backendRequest must not exceed timeouts.request",
        ),
    )

    request: Duration | None = Field(None, description="For the whole request, such as 2s; 0s is for ever.")
    backend_request: Duration | None = Field(None, description="For one try of a pod.")


class TrafficRoute(Model):
    """The user's part of the HTTPRoute. The operator writes the backends and their weights."""

    CEL = (
        Rule(
            "!has(self.filters) || ['RequestHeaderModifier', 'ResponseHeaderModifier', 'URLRewrite']"
            ".all(t, self.filters.filter(f, f.type == t).size() <= 1)",
            "RequestHeaderModifier, ResponseHeaderModifier and URLRewrite may stand in traffic.route.filters once",
        ),
        Rule(
            "!has(self.filters) || !self.filters.exists(f, has(f.urlRewrite) && has(f.urlRewrite.path) && "
            "has(f.urlRewrite.path.replacePrefixMatch)) || (has(self.matches) && self.matches.size() == 1 && "
            "self.matches[0].path.type == 'PathPrefix')",
            "replacePrefixMatch needs exactly one match in traffic.route.matches, with a path of type PathPrefix",
        ),
    )

    matches: tuple[RouteMatch, ...] | None = Field(
        None,
        max_length=8,
        json_schema_extra=listing("atomic"),
        description="Requests that are taken in, those of any match; /v1/ and /predict when absent or empty. "
        "What they let in reaches the pods, their /metrics too.",
    )
    filters: tuple[RouteFilter, ...] | None = Field(
        None, max_length=16, json_schema_extra=listing("atomic"), description="What is done on the way, in this order."
    )
    timeouts: RouteTimeouts | None = Field(None, description="How long the gateway waits.")


class Testers(Model):
    """Requests that go to the canary while there is one, whatever its weight."""

    header: Header = Field(description="The header that such a request has, with this very value.")
