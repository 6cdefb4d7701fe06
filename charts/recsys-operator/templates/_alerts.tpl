{{- /*
The groups of the rules file. Series of the servers carry namespace, pod, deployment and version as target labels;
series of the operator carry namespace, deployment and version of their own (scrape it with honor_labels).
Only a version with enough traffic is judged, and only such versions are compared. A stable version that is slower than
its canary is no regression, the canary is an improvement: latency is critical of a version only that the operator said
to be the canary within the last two minutes, so that a scrape that fails neither blames stable nor shields the canary.
The operator acts on every alert that names a Deployment. Those that tell people what it does carry the label
recsys_rollout: ignore, else it would hold a canary because it is held.
*/}}
{{- define "recsys-operator.rule-groups" -}}
{{- $v := .Values.prometheusRule -}}
{{- $by := "namespace, deployment, version" -}}
groups:
  - name: recsys-operator.versions
    interval: {{ $v.interval }}
    rules:
      - record: recsys:requests:rate
        expr: sum by ({{ $by }}) (rate(recsys_requests_total{deployment!="", version!=""}[{{ $v.window }}]))
      - record: recsys:request_errors:rate
        expr: sum by ({{ $by }}) (rate(recsys_request_errors_total{deployment!="", version!=""}[{{ $v.window }}]))
      - record: recsys:request_duration_seconds:p99
        expr: |-
          histogram_quantile(0.99,
            sum by ({{ $by }}, le) (rate(recsys_request_duration_seconds_bucket{deployment!="", version!=""}[{{ $v.window }}]))
          )
          and on ({{ $by }}) recsys:requests:rate >= {{ $v.minRequestsPerSecond }}
      {{- if $v.latency.enabled }}
      - alert: RecsysLatencyHigh
        expr: |-
          recsys:request_duration_seconds:p99 > {{ $v.latency.floorSeconds }}
          and
          recsys:request_duration_seconds:p99
            > on (namespace, deployment) group_left ()
          {{ $v.latency.ratio }} * min by (namespace, deployment) (recsys:request_duration_seconds:p99)
          and on ({{ $by }}) last_over_time(recsys_rollout_weight{role="canary"}[2m])
          unless on ({{ $by }}) recsys_rollout_weight{role="stable"}
        for: {{ $v.latency.for }}
        labels:
          severity: critical
        annotations:
          summary: Version {{ "{{ $labels.version }}" }} of {{ "{{ $labels.namespace }}/{{ $labels.deployment }}" }} is slow
          description: >-
            p99 of version {{ "{{ $labels.version }}" }} is {{ "{{ $value | humanizeDuration }}" }}: more than {{ $v.latency.ratio }} times the fastest
            version of this Deployment, and above {{ $v.latency.floorSeconds }} s. The operator takes the version's weight away.
          runbook_url: {{ $v.runbookBaseUrl }}/RecsysLatencyHigh.md
      {{- end }}
      {{- if $v.latencyObjective.enabled }}
      - alert: RecsysLatencyObjectiveMissed
        expr: recsys:request_duration_seconds:p99 > {{ $v.latencyObjective.seconds }}
        for: {{ $v.latencyObjective.for }}
        labels:
          severity: warning
        annotations:
          summary: Version {{ "{{ $labels.version }}" }} of {{ "{{ $labels.namespace }}/{{ $labels.deployment }}" }} misses its latency objective
          description: >-
            p99 of version {{ "{{ $labels.version }}" }} is {{ "{{ $value | humanizeDuration }}" }}; the objective is {{ $v.latencyObjective.seconds }} s. A running
            rollout keeps its weights until this is resolved, at most for the Deployment's spec.rollback.freezeSeconds.
          runbook_url: {{ $v.runbookBaseUrl }}/RecsysLatencyObjectiveMissed.md
      {{- end }}
      {{- if $v.errors.enabled }}
      - alert: RecsysErrorRateHigh
        expr: |-
          recsys:request_errors:rate / recsys:requests:rate > {{ $v.errors.ratio }}
          and on ({{ $by }}) recsys:requests:rate >= {{ $v.minRequestsPerSecond }}
        for: {{ $v.errors.for }}
        labels:
          severity: critical
        annotations:
          summary: Version {{ "{{ $labels.version }}" }} of {{ "{{ $labels.namespace }}/{{ $labels.deployment }}" }} fails requests
          description: >-
            {{ "{{ $value | humanizePercentage }}" }} of the answers of version {{ "{{ $labels.version }}" }} are 5xx; {{ mulf $v.errors.ratio 100 }} % are
            tolerated. The operator takes the version's weight away.
          runbook_url: {{ $v.runbookBaseUrl }}/RecsysErrorRateHigh.md
      {{- end }}
      {{- if $v.serverDown.enabled }}
      - alert: RecsysServerDown
        expr: count by ({{ $by }}) (up{deployment!="", version!=""} == 0)
        for: {{ $v.serverDown.for }}
        labels:
          severity: warning
        annotations:
          summary: Pods of version {{ "{{ $labels.version }}" }} of {{ "{{ $labels.namespace }}/{{ $labels.deployment }}" }} do not answer
          description: >-
            Prometheus cannot scrape {{ "{{ $value }}" }} pod(s) of version {{ "{{ $labels.version }}" }}.
          runbook_url: {{ $v.runbookBaseUrl }}/RecsysServerDown.md
      {{- end }}
      {{- if $v.noTraffic.enabled }}
      - alert: RecsysNoTraffic
        expr: |-
          max by ({{ $by }}) (recsys_rollout_weight) > 0
          unless on ({{ $by }}) recsys:requests:rate > 0
          and on (namespace, deployment) sum by (namespace, deployment) (recsys:requests:rate) >= {{ $v.minRequestsPerSecond }}
        for: {{ $v.noTraffic.for }}
        labels:
          severity: warning
        annotations:
          summary: Version {{ "{{ $labels.version }}" }} of {{ "{{ $labels.namespace }}/{{ $labels.deployment }}" }} gets no requests
          description: >-
            Its weight is {{ "{{ $value }}" }} and its Deployment is asked, but nothing reaches the version.
          runbook_url: {{ $v.runbookBaseUrl }}/RecsysNoTraffic.md
      {{- end }}
  - name: recsys-operator.rollouts
    interval: {{ $v.interval }}
    rules:
      {{- if $v.rolloutStuck.enabled }}
      - alert: RecsysRolloutStuck
        expr: |-
          max by ({{ $by }}) (recsys_rollout_held{reason!~"{{ join "|" $v.rolloutStuck.exceptReasons }}"}) > 0
        for: {{ $v.rolloutStuck.for }}
        labels:
          severity: warning
          recsys_rollout: ignore
        annotations:
          summary: The rollout of version {{ "{{ $labels.version }}" }} of {{ "{{ $labels.namespace }}/{{ $labels.deployment }}" }} is stuck
          description: >-
            For {{ $v.rolloutStuck.for }} something has kept version {{ "{{ $labels.version }}" }} from going on. The condition Ready says what.
          runbook_url: {{ $v.runbookBaseUrl }}/RecsysRolloutStuck.md
      {{- end }}
      {{- if $v.analysisInconclusive.enabled }}
      - alert: RecsysAnalysisInconclusive
        expr: max by ({{ $by }}, reason) (recsys_rollout_held{reason=~"AnalysisInconclusive|AnalysisError"}) > 0
        for: {{ $v.analysisInconclusive.for }}
        labels:
          severity: warning
          recsys_rollout: ignore
        annotations:
          summary: Version {{ "{{ $labels.version }}" }} of {{ "{{ $labels.namespace }}/{{ $labels.deployment }}" }} cannot be judged ({{ "{{ $labels.reason }}" }})
          description: >-
            For {{ $v.analysisInconclusive.for }} evidence has been missing, which holds the canary. The condition Ready says of what.
          runbook_url: {{ $v.runbookBaseUrl }}/RecsysAnalysisInconclusive.md
      {{- end }}
      {{- if $v.rolledBack.enabled }}
      - alert: RecsysRolledBack
        expr: time() - max by ({{ $by }}, cause) (recsys_last_rollback_timestamp_seconds) < {{ $v.rolledBack.seconds }}
        labels:
          severity: warning
          recsys_rollout: ignore
        annotations:
          summary: Version {{ "{{ $labels.version }}" }} of {{ "{{ $labels.namespace }}/{{ $labels.deployment }}" }} was taken back ({{ "{{ $labels.cause }}" }})
          description: >-
            It happened {{ "{{ $value | humanizeDuration }}" }} ago. The Deployment's status.history says why.
          runbook_url: {{ $v.runbookBaseUrl }}/RecsysRolledBack.md
      {{- end }}
      {{- if $v.degraded.enabled }}
      - alert: RecsysDeploymentDegraded
        expr: min by (namespace, deployment) (recsys_deployment_ready{reason="Degraded"}) == 0
        for: {{ $v.degraded.for }}
        labels:
          severity: critical
          recsys_rollout: ignore
        annotations:
          summary: '{{ "{{ $labels.namespace }}/{{ $labels.deployment }}" }} serves a bad version'
          description: >-
            A critical alert is about the version that serves, and the operator has nothing to go back to; somebody must act.
          runbook_url: {{ $v.runbookBaseUrl }}/RecsysDeploymentDegraded.md
      {{- end }}
  - name: recsys-operator.operator
    interval: {{ $v.interval }}
    rules:
      {{- if $v.receiverRejecting.enabled }}
      - alert: RecsysAlertReceiverRejecting
        # A counter that appears with a value has grown too: increase() does not see it.
        expr: |-
          sum by (reason) (increase(recsys_alerts_rejected_total[5m])) > 0
          or
          sum by (reason) (recsys_alerts_rejected_total unless recsys_alerts_rejected_total offset 5m) > 0
        for: {{ $v.receiverRejecting.for }}
        labels:
          severity: warning
        annotations:
          summary: The operator refuses alerts ({{ "{{ $labels.reason }}" }})
          description: >-
            {{ "{{ $value | printf \"%.0f\" }}" }} posts to the operator's alert receiver, or alerts in them, were refused within 5 minutes:
            rollouts may go on although an alert is firing.
          runbook_url: {{ $v.runbookBaseUrl }}/RecsysAlertReceiverRejecting.md
      {{- end }}
      {{- if $v.operatorDown.enabled }}
      - alert: RecsysOperatorDown
        expr: absent(recsys_leader == 1)
        for: {{ $v.operatorDown.for }}
        labels:
          severity: warning
        annotations:
          summary: recsys-operator is down
          description: >-
            No operator that leads has been scraped. What is served stays served; runs, rollouts and rollbacks stand still.
          runbook_url: {{ $v.runbookBaseUrl }}/RecsysOperatorDown.md
      {{- end }}
      {{- if $v.notificationsFailing.enabled }}
      - alert: RecsysNotificationsFailing
        expr: |-
          sum by (target) (increase(recsys_notifications_total{outcome!="Sent"}[{{ $v.notificationsFailing.for }}])) > 0
          or
          max by (target) (min_over_time(recsys_notifications_waiting[{{ $v.notificationsFailing.for }}])) > 0
          or
          max(recsys_notification_targets_faulty) > 0
        labels:
          severity: warning
        annotations:
          summary: Notifications do not arrive{{ "{{ with $labels.target }} at {{ . }}{{ end }}" }}
          description: >-
            Within {{ $v.notificationsFailing.for }} some were given up or dropped, or nothing was taken, or the configuration of a target is wrong.
          runbook_url: {{ $v.runbookBaseUrl }}/RecsysNotificationsFailing.md
      {{- end }}
      {{- if $v.reconcileErrors.enabled }}
      - alert: RecsysReconcileErrors
        expr: sum by (kind) (increase(recsys_reconcile_errors_total[5m])) > 3
        for: {{ $v.reconcileErrors.for }}
        labels:
          severity: warning
        annotations:
          summary: recsys-operator keeps failing to reconcile {{ "{{ $labels.kind }}" }} objects
          description: >-
            {{ "{{ $value | printf \"%.0f\" }}" }} reconciles of {{ "{{ $labels.kind }}" }} failed within 5 minutes.
          runbook_url: {{ $v.runbookBaseUrl }}/RecsysReconcileErrors.md
      {{- end }}
{{- end }}
