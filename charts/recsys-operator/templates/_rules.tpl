{{- /*
What the operator may do in the namespaces that it works in: one list, for the ClusterRole and for the Roles.
It grants each trainer `get` on its TrainingRun and `get`, `patch` on that status, so it holds these verbs itself:
Kubernetes lets nobody grant more than he has, and the operator has neither `escalate` nor `bind`.
Secrets are here only with `readSecrets`, and then by `get` alone: one is read when a spec names it.
*/}}
{{- define "recsys-operator.rules" -}}
- apiGroups: [recsys.dev]
  resources: [recmodels, trainingruns, deployments]
  verbs: [get, list, watch]
# A run that has ended, when its spec.ttlSecondsAfterFinished are over.
- apiGroups: [recsys.dev]
  resources: [trainingruns]
  verbs: [delete]
- apiGroups: [recsys.dev]
  resources: [recmodels/status, deployments/status]
  verbs: [patch]
- apiGroups: [recsys.dev]
  resources: [trainingruns/status]
  verbs: [get, patch]
# Applied server-side: `patch`, and `create` for the first time. An analysis Job whose canary is gone is deleted.
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, patch, delete]
# Of a run with several workers; in a cluster without KubeRay the rule is about nothing.
- apiGroups: [ray.io]
  resources: [rayjobs]
  verbs: [get, list, watch, create, patch, delete]
# Of an elastic run: KubeRay makes the cluster, and the number of its pods is changed while it trains.
- apiGroups: [ray.io]
  resources: [rayclusters]
  verbs: [get, update]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, create, patch, delete]
# Whether Services reach the new pods.
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, create, patch, delete]
- apiGroups: [""]
  resources: [configmaps, serviceaccounts]
  verbs: [get, create, patch]
- apiGroups: [rbac.authorization.k8s.io]
  resources: [roles, rolebindings]
  verbs: [get, create, patch]
- apiGroups: [""]
  resources: [pods]
  verbs: [list]
# Says why a route is not accepted. A Gateway of a namespace where this is not granted counts as existing.
- apiGroups: [gateway.networking.k8s.io]
  resources: [gateways]
  verbs: [get]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- if .Values.readSecrets }}
- apiGroups: [""]
  resources: [secrets]
  verbs: [get]
{{- end }}
{{- end }}

{{- /*
What it may do in the namespace of the release: hold its Lease. `create` cannot be narrowed to a name.
*/}}
{{- define "recsys-operator.lease-rules" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ include "recsys-operator.fullname" . }}]
  verbs: [get, update]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
{{- end }}
