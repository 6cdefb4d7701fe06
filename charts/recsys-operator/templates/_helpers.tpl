{{- define "recsys-operator.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{- define "recsys-operator.selector" -}}
app.kubernetes.io/name: recsys-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "recsys-operator.labels" -}}
{{ include "recsys-operator.selector" . }}
app.kubernetes.io/component: operator
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "recsys-operator.serviceAccount" -}}
{{- default (include "recsys-operator.fullname" .) .Values.serviceAccount.name -}}
{{- end }}

{{- define "recsys-operator.tokenSecret" -}}
{{- default (printf "%s-alert-tokens" (include "recsys-operator.fullname" .)) .Values.alertReceiver.existingSecret -}}
{{- end }}

{{- define "recsys-operator.notificationSecret" -}}
{{- default (printf "%s-notifications" (include "recsys-operator.fullname" .)) .Values.notifications.existingSecret -}}
{{- end }}

{{- /* image: {root, of: one of .Values.images} → repository@digest or repository:tag */}}
{{- define "recsys-operator.image" -}}
{{- if .of.digest -}}
{{- printf "%s@%s" .of.repository .of.digest -}}
{{- else -}}
{{- printf "%s:%s" .of.repository (default .root.Chart.AppVersion .of.tag) -}}
{{- end -}}
{{- end }}
