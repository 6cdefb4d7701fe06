"""Where pods run, as whom, and with which environment of the user's."""

from recsys_operator.api.podfields import SharedPodFields
from recsys_operator.build.labels import Manifest

PLACES = ("kubernetes.io/hostname", "topology.kubernetes.io/zone")


def spread(selector: dict[str, str]) -> list[Manifest]:
    """Pods of one revision go to different nodes and zones as far as there are any with room."""
    return [
        {
            "maxSkew": 1,
            "topologyKey": place,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": dict(selector)},
        }
        for place in PLACES
    ]


def pod_settings(fields: SharedPodFields | None) -> Manifest:
    """The fields of a pod's spec that the user set."""
    said = fields.wire() if fields else {}
    return {name: value for name, value in said.items() if name != "env"}


def pod_env(fields: SharedPodFields | None) -> list[Manifest]:
    """The variables that the user adds to the container's."""
    return [one.wire() for one in (fields.env if fields else None) or ()]
