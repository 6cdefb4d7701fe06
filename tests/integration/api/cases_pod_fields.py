"""The pod fields of Deployments and TrainingRuns: one wrong manifest and its correction for each rule and bound."""

from typing import Any

from tests.integration.api.case import ABSENT, Case, unshared

LABEL_KEY = r"should match '^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$'"
LABEL_VALUE = r"should match '^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$'"
SUBDOMAIN = r"should match '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$'"
NODE_VALUES = "In and NotIn need values, Gt and Lt need one value, Exists and DoesNotExist none"
POD_VALUES = "In and NotIn need values, Exists and DoesNotExist none"
KEYS = "each name must be that of a label, such as kubernetes.io/arch"
ENV_SOURCE = "valueFrom must set exactly one of: secretKeyRef, configMapKeyRef"
TOO_SHORT, TOO_LONG = "should be at least 1 chars long", "may not be more than {}"
REQUIRED, PREFERRED = (f"{kind}DuringSchedulingIgnoredDuringExecution" for kind in ("required", "preferred"))

NODE_TERM = {"matchExpressions": [{"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]}]}
POD_TERM = {
    "labelSelector": {
        "matchLabels": {"app": "shop"},
        "matchExpressions": [{"key": "app", "operator": "In", "values": ["shop"]}],
    },
    "topologyKey": "kubernetes.io/hostname",
}
POD_AFFINITY = {REQUIRED: [POD_TERM], PREFERRED: [{"weight": 10, "podAffinityTerm": POD_TERM}]}
SECRET = {"secretKeyRef": {"name": "shop", "key": "token"}}
BASE: dict[str, Any] = unshared(
    {
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [
            {
                "key": "dedicated",
                "operator": "Equal",
                "value": "serving",
                "effect": "NoExecute",
                "tolerationSeconds": 60,
            }
        ],
        "affinity": {
            "nodeAffinity": {
                REQUIRED: {"nodeSelectorTerms": [NODE_TERM]},
                PREFERRED: [{"weight": 10, "preference": NODE_TERM}],
            },
            "podAffinity": POD_AFFINITY,
            "podAntiAffinity": POD_AFFINITY,
        },
        "priorityClassName": "shop",
        "serviceAccountName": "shop",
        "imagePullSecrets": [{"name": "registry"}],
        "env": [
            {"name": "SHOP", "value": "movies"},
            {"name": "TOKEN", "valueFrom": SECRET},
            {"name": "REGION", "valueFrom": {"configMapKeyRef": {"name": "shop", "key": "region"}}},
        ],
    }
)


SHARED = {name: value for name, value in BASE.items() if name != "serviceAccountName"}
"""What a TrainingRun has too."""


def key(at: str, right: str = "disk") -> list[Case]:
    """Cases of the name of a label."""
    return [
        Case(at, "pattern", "-disk", right, LABEL_KEY),
        Case(at, "maxLength", "d" * 318, "d" * 317, TOO_LONG.format(317)),
    ]


def value(at: str) -> list[Case]:
    """Cases of the value of a label."""
    return [
        Case(at, "pattern", "a b", "ab", LABEL_VALUE),
        Case(at, "maxLength", "d" * 64, "d" * 63, TOO_LONG.format(63)),
    ]


def labels(at: str) -> list[Case]:
    """Cases of a map of labels."""
    return [
        Case(at, "maxProperties", many(17), many(16), "must have at most 16 items"),
        Case(at, "rule", {"-disk": "ssd"}, {"disk": "ssd"}, KEYS),
        *(
            Case(at, case.keyword, {"disk": case.wrong}, {"disk": case.right}, case.message, about=f"{at}{{}}")
            for case in value(at)
        ),
    ]


def many(count: int) -> dict[str, str]:
    """So many labels."""
    return {f"l{number}": "v" for number in range(count)}


def subdomain(at: str) -> list[Case]:
    """Cases of the name of an object."""
    return [
        Case(at, "minLength", "", "shop", TOO_SHORT),
        Case(at, "maxLength", "s" * 254, "s" * 253, TOO_LONG.format(253)),
        Case(at, "pattern", "Shop", "shop", SUBDOMAIN),
    ]


def expressions(at: str, rule: str, *, gt: bool = False, least: bool = False) -> list[Case]:
    """Cases of a list of requirements."""
    one = {"key": "disk", "operator": "Exists"}
    few = [Case(at, "minItems", [], [one], "should have at least 1 items")]
    more = {"key": "disk", "operator": "Gt", "values": ["1", "2"]}
    return [
        *(few if least else ()),
        Case(at, "maxItems", [one] * 9, [one] * 8, "must have at most 8 items"),
        Case(f"{at}[0].key", "required", ABSENT, "disk", "Required value"),
        Case(f"{at}[0].operator", "required", ABSENT, "In", "Required value"),
        Case(f"{at}[0].operator", "enum", "Is", "In", 'supported values: "In", "NotIn"'),
        *key(f"{at}[0].key"),
        *value(f"{at}[0].values[0]"),
        Case(f"{at}[0].values", "maxItems", ["v"] * 33, ["v"] * 32, "must have at most 32 items"),
        Case(f"{at}[0]", "rule", {**one, "operator": "In"}, {**one, "operator": "In", "values": ["v"]}, rule),
        Case(f"{at}[0]", "rule", {**one, "values": ["v"]}, one, rule),
        *([Case(f"{at}[0]", "rule", more, {**more, "values": ["1"]}, rule)] if gt else ()),
    ]


def weights(at: str) -> list[Case]:
    """Cases of a weight of the scheduler."""
    return [
        Case(at, "required", ABSENT, 1, "Required value"),
        Case(at, "minimum", 0, 1, "should be greater than or equal to 1"),
        Case(at, "maximum", 101, 100, "should be less than or equal to 100"),
    ]


def node_affinity(at: str) -> list[Case]:
    """Cases of spec.affinity.nodeAffinity."""
    terms, preferred = f"{at}.{REQUIRED}.nodeSelectorTerms", f"{at}.{PREFERRED}"
    rather = BASE["affinity"]["nodeAffinity"][PREFERRED]
    return [
        Case(terms, "required", ABSENT, [NODE_TERM], "Required value"),
        Case(terms, "minItems", [], [NODE_TERM], "should have at least 1 items"),
        Case(terms, "maxItems", [NODE_TERM] * 9, [NODE_TERM] * 8, "must have at most 8 items"),
        Case(f"{terms}[0].matchExpressions", "required", ABSENT, NODE_TERM["matchExpressions"], "Required value"),
        *expressions(f"{terms}[0].matchExpressions", NODE_VALUES, gt=True, least=True),
        Case(preferred, "maxItems", rather * 9, rather * 8, "must have at most 8 items"),
        *weights(f"{preferred}[0].weight"),
        Case(f"{preferred}[0].preference", "required", ABSENT, NODE_TERM, "Required value"),
        Case(
            f"{preferred}[0].preference.matchExpressions",
            "required",
            ABSENT,
            NODE_TERM["matchExpressions"],
            "Required value",
        ),
        *expressions(f"{preferred}[0].preference.matchExpressions", NODE_VALUES, gt=True, least=True),
    ]


def pod_affinity(at: str) -> list[Case]:
    """Cases of spec.affinity.podAffinity and podAntiAffinity."""
    rather = POD_AFFINITY[PREFERRED]
    return [
        Case(f"{at}.{REQUIRED}", "maxItems", [POD_TERM] * 9, [POD_TERM] * 8, "must have at most 8 items"),
        Case(f"{at}.{PREFERRED}", "maxItems", rather * 9, rather * 8, "must have at most 8 items"),
        *pod_term(f"{at}.{REQUIRED}[0]"),
        *weights(f"{at}.{PREFERRED}[0].weight"),
        Case(f"{at}.{PREFERRED}[0].podAffinityTerm", "required", ABSENT, POD_TERM, "Required value"),
        *pod_term(f"{at}.{PREFERRED}[0].podAffinityTerm"),
    ]


def pod_term(at: str) -> list[Case]:
    """Cases of one term of it."""
    return [
        Case(f"{at}.labelSelector", "required", ABSENT, {"matchLabels": {"app": "shop"}}, "Required value"),
        Case(f"{at}.topologyKey", "required", ABSENT, "kubernetes.io/hostname", "Required value"),
        *key(f"{at}.topologyKey"),
        *labels(f"{at}.labelSelector.matchLabels"),
        *expressions(f"{at}.labelSelector.matchExpressions", POD_VALUES),
    ]


def toleration(change: dict[str, Any], message: str) -> Case:
    """A toleration that goes against a rule, beside one that goes with all."""
    return Case("spec.tolerations[0]", "rule", change, {"operator": "Exists"}, message)


def variables(count: int) -> list[dict[str, str]]:
    """So many variables."""
    return [{"name": f"V{number}", "value": ""} for number in range(count)]


def keys(at: str) -> list[Case]:
    """Cases of a key of a Secret or a ConfigMap."""
    return [
        Case(f"{at}.name", "required", ABSENT, "shop", "Required value"),
        Case(f"{at}.key", "required", ABSENT, "token", "Required value"),
        *subdomain(f"{at}.name"),
        Case(f"{at}.key", "minLength", "", "token", TOO_SHORT),
        Case(f"{at}.key", "maxLength", "k" * 254, "k" * 253, TOO_LONG.format(253)),
        Case(f"{at}.key", "pattern", "the token", "token", "should match '^[-._a-zA-Z0-9]+$'"),
    ]


CASES: list[Case] = [
    *labels("spec.nodeSelector"),
    Case(
        "spec.tolerations",
        "maxItems",
        [{"operator": "Exists"}] * 17,
        [{"operator": "Exists"}] * 16,
        "must have at most 16 items",
    ),
    *key("spec.tolerations[0].key"),
    *value("spec.tolerations[0].value"),
    Case("spec.tolerations[0].operator", "enum", "Like", "Equal", 'supported values: "Equal", "Exists"'),
    Case("spec.tolerations[0].effect", "enum", "Evict", "NoExecute", 'supported values: "NoSchedule"'),
    Case("spec.tolerations[0].tolerationSeconds", "minimum", -1, 0, "should be greater than or equal to 0"),
    Case("spec.tolerations[0].tolerationSeconds", "maximum", 604801, 604800, "should be less than or equal to 604800"),
    toleration({"key": "a", "operator": "Exists", "value": "b"}, "a toleration with the operator Exists has no value"),
    toleration({"value": "b"}, "a toleration without a key needs the operator Exists"),
    toleration({"operator": "Exists", "tolerationSeconds": 1}, "tolerationSeconds needs the effect NoExecute"),
    *node_affinity("spec.affinity.nodeAffinity"),
    *pod_affinity("spec.affinity.podAffinity"),
    *pod_affinity("spec.affinity.podAntiAffinity"),
    *subdomain("spec.priorityClassName"),
    *subdomain("spec.serviceAccountName"),
    Case(
        "spec.imagePullSecrets",
        "maxItems",
        [{"name": f"s{number}"} for number in range(9)],
        [{"name": f"s{number}"} for number in range(8)],
        "must have at most 8 items",
    ),
    Case("spec.imagePullSecrets", "unique", [{"name": "a"}] * 2, [{"name": "a"}, {"name": "b"}], "Duplicate value"),
    Case("spec.imagePullSecrets[0].name", "required", ABSENT, "registry", "Required value"),
    *subdomain("spec.imagePullSecrets[0].name"),
    Case("spec.env", "maxItems", variables(33), variables(32), "must have at most 32 items"),
    Case("spec.env", "unique", variables(1) * 2, variables(2), "Duplicate value"),
    Case("spec.env[0].name", "required", ABSENT, "SHOP", "Required value"),
    Case("spec.env[0].name", "minLength", "", "S", TOO_SHORT),
    Case("spec.env[0].name", "maxLength", "S" * 129, "S" * 128, TOO_LONG.format(128)),
    Case("spec.env[0].name", "pattern", "1SHOP", "SHOP", "should match '^[A-Za-z_][A-Za-z0-9_]*$'"),
    Case("spec.env[0].value", "maxLength", "v" * 2049, "v" * 2048, TOO_LONG.format(2048)),
    *(
        Case(
            "spec.env[0].name",
            "rule",
            wrong,
            "SHOP",
            "HOME and names that begin with RECSYS_ are the operator's",
            about="spec.env[0]",
        )
        for wrong in ("HOME", "RECSYS_PORT")
    ),
    *(
        Case("spec.env[0]", "rule", wrong, variables(1)[0], "a variable must set exactly one of: value, valueFrom")
        for wrong in ({"name": "A"}, {"name": "A", "value": "b", "valueFrom": SECRET})
    ),
    *(
        Case("spec.env[1].valueFrom", "rule", wrong, SECRET, ENV_SOURCE)
        for wrong in ({}, {**SECRET, "configMapKeyRef": {"name": "shop", "key": "region"}})
    ),
    *keys("spec.env[1].valueFrom.secretKeyRef"),
    *keys("spec.env[2].valueFrom.configMapKeyRef"),
]

SHARED_CASES = [case for case in CASES if case.at != "spec.serviceAccountName"]
