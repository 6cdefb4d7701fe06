"""spec.traffic.route and spec.traffic.testers: one wrong manifest and its correction for each rule and bound."""

from typing import Any

from tests.integration.api.case import ABSENT, Case, unshared

HEADER_NAME = r"should match '^[A-Za-z0-9!#$%&'*+.^_`|~-]+$'"
DURATION = r"should match '^([0-9]{1,5}(h|m|s|ms)){1,4}$'"
SUBDOMAIN = r"should match '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$'"
NO_DURATION = "type conversion error"
PATH = "a path must begin with '/', without empty segments or segments that begin with '.'"
ONCE = "RequestHeaderModifier, ResponseHeaderModifier and URLRewrite may stand in traffic.route.filters once"
PREFIX = "replacePrefixMatch needs exactly one match in traffic.route.matches, with a path of type PathPrefix"
TYPE = "a filter must set exactly the field that its type names"
TOO_SHORT, TOO_LONG = "should be at least 1 chars long", "may not be more than {}"
ROUTE = "spec.traffic.route"
MATCH, FILTER = f"{ROUTE}.matches[0]", f"{ROUTE}.filters"

MODIFIER = {
    "set": [{"name": "X-Shop", "value": "movies"}],
    "add": [{"name": "X-Via", "value": "gateway"}],
    "remove": ["X-Debug"],
}
BASE: dict[str, Any] = unshared(
    {
        "matches": [
            {
                "path": {"type": "PathPrefix", "value": "/recommend/"},
                "headers": [{"type": "Exact", "name": "X-Shop", "value": "movies"}],
                "queryParams": [{"type": "Exact", "name": "shop", "value": "movies"}],
                "method": "POST",
            }
        ],
        "filters": [
            {"type": "RequestHeaderModifier", "requestHeaderModifier": MODIFIER},
            {"type": "ResponseHeaderModifier", "responseHeaderModifier": MODIFIER},
            {
                "type": "URLRewrite",
                "urlRewrite": {
                    "hostname": "movies.example.com",
                    "path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/v1/"},
                },
            },
            {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "recorder", "port": 80}, "percent": 10}},
            {"type": "ExtensionRef", "extensionRef": {"group": "traefik.io", "kind": "Middleware", "name": "limits"}},
        ],
        "timeouts": {"request": "2s", "backendRequest": "1s"},
    }
)
FULL_PATH = {"type": "ReplaceFullPath", "replaceFullPath": "/v1/recommend"}
TESTERS = {"header": {"name": "X-Tester", "value": "yes"}}


def text(at: str, longest: int, right: str, *, least: bool = True) -> list[Case]:
    """Cases of the lengths of a string."""
    short = [Case(at, "minLength", "", right, TOO_SHORT)] if least else []
    return [*short, Case(at, "maxLength", "x" * (longest + 1), right, TOO_LONG.format(longest))]


def headers(at: str, *, typed: bool = False) -> list[Case]:
    """Cases of a list of names with values."""
    kind = [Case(f"{at}[0].type", "enum", "Prefix", "RegularExpression", 'supported values: "Exact", "Regular')]
    most = 8 if typed else 16
    return [
        Case(at, "maxItems", named(most + 1), named(most), f"must have at most {most} items"),
        Case(at, "unique", named(1) * 2, named(2), "Duplicate value"),
        *header(f"{at}[0]"),
        *(kind if typed else ()),
    ]


def header(at: str, name: str = "X-Shop") -> list[Case]:
    """Cases of one name with a value."""
    return [
        Case(f"{at}.name", "required", ABSENT, name, "Required value"),
        Case(f"{at}.value", "required", ABSENT, "movies", "Required value"),
        Case(f"{at}.name", "pattern", "X Shop", name, HEADER_NAME),
        *text(f"{at}.name", 256, name),
        *text(f"{at}.value", 1024, "movies"),
    ]


def named(count: int) -> list[dict[str, str]]:
    """So many headers."""
    return [{"name": f"X-Shop-{number}", "value": "movies"} for number in range(count)]


def modifier(index: int, name: str) -> list[Case]:
    """Cases of one of the two filters that change headers."""
    at = f"{FILTER}[{index}].{name}"
    names = [f"X-{number}" for number in range(17)]
    return [
        *headers(f"{at}.set"),
        *headers(f"{at}.add"),
        Case(f"{at}.remove", "maxItems", names, names[:16], "must have at most 16 items"),
        Case(f"{at}.remove", "unique", ["X-1", "X-1"], ["X-1", "X-2"], "Duplicate value"),
        Case(f"{at}.remove[0]", "pattern", "X Debug", "X-Debug", HEADER_NAME),
        *text(f"{at}.remove[0]", 256, "X-Debug"),
    ]


def paths(count: int) -> list[dict[str, Any]]:
    """So many matches."""
    return [{"path": {"type": "PathPrefix", "value": f"/v{number}/"}} for number in range(count)]


def filters(count: int) -> list[dict[str, Any]]:
    """So many filters."""
    return [{"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "a", "port": 80}}}] * count


CASES: list[Case] = [
    Case(f"{ROUTE}.matches", "maxItems", paths(9), paths(1), "must have at most 8 items"),
    Case(f"{MATCH}.path", "required", ABSENT, {"value": "/v1/"}, "Required value"),
    Case(f"{MATCH}.path.value", "required", ABSENT, "/v1/", "Required value"),
    Case(f"{MATCH}.path.type", "enum", "Suffix", "PathPrefix", 'supported values: "Exact", "PathPrefix", "Regular'),
    Case(f"{MATCH}.path.value", "minLength", "", "/", TOO_SHORT, also=(PATH,)),
    Case(f"{MATCH}.path.value", "maxLength", "/".ljust(257, "v"), "/".ljust(256, "v"), TOO_LONG.format(256)),
    *(
        Case(f"{MATCH}.path.value", "rule", wrong, right, PATH, about=f"{MATCH}.path")
        for wrong, right in (("v1/", "/v1/"), ("/v1//", "/v1/"), ("/v1/../metrics", "/v1/metrics"))
    ),
    Case(f"{MATCH}.method", "enum", "FETCH", "GET", 'supported values: "GET"'),
    *headers(f"{MATCH}.headers", typed=True),
    *headers(f"{MATCH}.queryParams", typed=True),
    Case(FILTER, "maxItems", filters(17), filters(16), "must have at most 16 items"),
    Case(f"{FILTER}[3].type", "required", ABSENT, "RequestMirror", "Required value"),
    Case(f"{FILTER}[3].type", "enum", "RequestRedirect", "RequestMirror", 'supported values: "RequestHeaderModifier"'),
    Case(f"{FILTER}[3]", "rule", {"type": "RequestMirror"}, filters(1)[0], TYPE),
    Case(f"{FILTER}[3]", "rule", {**BASE["filters"][4], **filters(1)[0]}, filters(1)[0], TYPE),
    Case(FILTER, "rule", BASE["filters"][:1] * 2, BASE["filters"][:1], ONCE, about=ROUTE),
    Case(f"{MATCH}.path.type", "rule", "Exact", "PathPrefix", PREFIX, about=ROUTE),
    *modifier(0, "requestHeaderModifier"),
    *modifier(1, "responseHeaderModifier"),
    *text(f"{FILTER}[2].urlRewrite.hostname", 253, "movies.example.com"),
    Case(f"{FILTER}[2].urlRewrite.hostname", "pattern", "*.example.com", "movies.example.com", SUBDOMAIN),
    Case(f"{FILTER}[2].urlRewrite.path.type", "required", ABSENT, "ReplacePrefixMatch", "Required value"),
    Case(
        f"{FILTER}[2].urlRewrite.path",
        "enum",
        {"type": "Replace"},
        FULL_PATH,
        'supported values: "ReplaceFullPath"',
        about=f"{FILTER}[].urlRewrite.path.type",
    ),
    Case(
        f"{FILTER}[2].urlRewrite.path",
        "rule",
        {**FULL_PATH, "type": "ReplacePrefixMatch"},
        FULL_PATH,
        "a path rewrite must set exactly the field that its type names",
    ),
    *text(f"{FILTER}[2].urlRewrite.path.replacePrefixMatch", 256, "/v1/"),
    *(
        Case(
            f"{FILTER}[2].urlRewrite.path",
            keyword,
            {**FULL_PATH, "replaceFullPath": wrong},
            FULL_PATH,
            message,
            about=f"{FILTER}[].urlRewrite.path.replaceFullPath",
        )
        for keyword, wrong, message in (("minLength", "", TOO_SHORT), ("maxLength", "/" * 257, TOO_LONG.format(256)))
    ),
    Case(f"{FILTER}[3].requestMirror.backendRef", "required", ABSENT, {"name": "a", "port": 80}, "Required value"),
    Case(f"{FILTER}[3].requestMirror.backendRef.name", "required", ABSENT, "recorder", "Required value"),
    Case(f"{FILTER}[3].requestMirror.backendRef.port", "required", ABSENT, 80, "Required value"),
    Case(
        f"{FILTER}[3].requestMirror.backendRef.name",
        "pattern",
        "recorder.shop",
        "recorder",
        "should match '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$'",
    ),
    *text(f"{FILTER}[3].requestMirror.backendRef.name", 63, "recorder"),
    Case(f"{FILTER}[3].requestMirror.backendRef.port", "minimum", 0, 1, "should be greater than or equal to 1"),
    Case(f"{FILTER}[3].requestMirror.backendRef.port", "maximum", 65536, 65535, "should be less than or equal to"),
    Case(f"{FILTER}[3].requestMirror.percent", "minimum", -1, 0, "should be greater than or equal to 0"),
    Case(f"{FILTER}[3].requestMirror.percent", "maximum", 101, 100, "should be less than or equal to 100"),
    Case(f"{FILTER}[4].extensionRef.group", "required", ABSENT, "traefik.io", "Required value"),
    Case(f"{FILTER}[4].extensionRef.kind", "required", ABSENT, "Middleware", "Required value"),
    Case(f"{FILTER}[4].extensionRef.name", "required", ABSENT, "limits", "Required value"),
    *text(f"{FILTER}[4].extensionRef.group", 253, "traefik.io", least=False),
    *text(f"{FILTER}[4].extensionRef.kind", 63, "Middleware"),
    *text(f"{FILTER}[4].extensionRef.name", 253, "limits"),
    Case(f"{FILTER}[4].extensionRef.group", "pattern", "Traefik", "traefik.io", "should match"),
    Case(f"{FILTER}[4].extensionRef.kind", "pattern", "middle ware", "Middleware", "should match"),
    Case(f"{FILTER}[4].extensionRef.name", "pattern", "Limits", "limits", SUBDOMAIN),
    Case(f"{ROUTE}.timeouts.request", "pattern", "2 s", "2s", DURATION, also=(NO_DURATION,)),
    Case(f"{ROUTE}.timeouts.request", "maxLength", "1s".rjust(33, "0"), "2s", TOO_LONG.format(32)),
    Case(f"{ROUTE}.timeouts.backendRequest", "pattern", "1", "1s", DURATION, also=(NO_DURATION,)),
    Case(f"{ROUTE}.timeouts.backendRequest", "maxLength", "1s".rjust(33, "0"), "1s", TOO_LONG.format(32)),
    Case(
        f"{ROUTE}.timeouts",
        "rule",
        {"request": "1s", "backendRequest": "2s"},
        {"request": "0s", "backendRequest": "2s"},
        "timeouts.backendRequest must not exceed timeouts.request",
    ),
    Case("spec.traffic.testers.header", "required", ABSENT, TESTERS["header"], "Required value"),
    *header("spec.traffic.testers.header", "X-Tester"),
    Case(
        "spec.traffic.testers.header.name",
        "rule",
        "x-shop",
        "x-tester",
        "traffic.route.matches must not name the header of traffic.testers",
        about="spec.traffic",
    ),
]
