"""All kinds of the group, and the kinds of other groups that the operator reads or writes."""

from dataclasses import dataclass

from recsys_operator.api.deployment import DEPLOYMENT
from recsys_operator.api.recmodel import RECMODEL
from recsys_operator.api.schema import Kind
from recsys_operator.api.trainingrun import TRAININGRUN

KINDS: tuple[Kind, ...] = (RECMODEL, TRAININGRUN, DEPLOYMENT)


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of the Kubernetes API."""

    group: str
    version: str
    plural: str
    kind: str

    @property
    def api_version(self) -> str:
        """As an object's `apiVersion` reads."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None, name: str | None = None, subresource: str | None = None) -> str:
        """URL path of a collection, an object or a subresource."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        parts = [root]
        if namespace is not None:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        parts += [part for part in (name, subresource) if part is not None]
        return "/".join(parts)


def resource(kind: Kind) -> Resource:
    """One of our kinds as a resource."""
    return Resource(kind.group, kind.version, kind.plural, kind.kind)


RECMODELS = resource(RECMODEL)
TRAININGRUNS = resource(TRAININGRUN)
DEPLOYMENTS = resource(DEPLOYMENT)
JOBS = Resource("batch", "v1", "jobs", "Job")
NODES = Resource("", "v1", "nodes", "Node")
PODS = Resource("", "v1", "pods", "Pod")
SERVICES = Resource("", "v1", "services", "Service")
SECRETS = Resource("", "v1", "secrets", "Secret")
CONFIGMAPS = Resource("", "v1", "configmaps", "ConfigMap")
SERVICEACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
ROLES = Resource("rbac.authorization.k8s.io", "v1", "roles", "Role")
ROLEBINDINGS = Resource("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding")
WORKLOADS = Resource("apps", "v1", "deployments", "Deployment")
AUTOSCALERS = Resource("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
BUDGETS = Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget")
RAYJOBS = Resource("ray.io", "v1", "rayjobs", "RayJob")
RAYCLUSTERS = Resource("ray.io", "v1", "rayclusters", "RayCluster")
HTTPROUTES = Resource("gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute")
ENDPOINTSLICES = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
GATEWAYS = Resource("gateway.networking.k8s.io", "v1", "gateways", "Gateway")
EVENTS = Resource("events.k8s.io", "v1", "events", "Event")
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
