"""What the Grafana dashboards show: rows of panels with their PromQL."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Query:
    """PromQL, and how its series are called in the legend."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel; `bad_from` colours a figure red from that value on."""

    title: str
    about: str
    queries: tuple[Query, ...]
    unit: str = "short"
    type: Literal["timeseries", "stat", "table"] = "timeseries"
    width: int = 8
    height: int = 8
    stacked: bool = False
    names: bool = False
    bad_from: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """Panels that belong together."""

    title: str
    panels: tuple[Panel, ...]


ALL = 'namespace=~"$namespace"'
ONE = 'namespace="$namespace", deployment="$deployment"'
RATE = "$__rate_interval"


def figure(
    title: str, about: str, expr: str, legend: str = "", *, unit: str = "short", bad: float | None = None
) -> Panel:
    """A number; where its series have names, those are shown instead."""
    return Panel(title, about, (Query(expr, legend),), unit, "stat", 4, 4, names=bool(legend), bad_from=bad)


def quantile(share: float, by: str) -> str:
    """A latency quantile of the pods of one Deployment."""
    bucket = f"rate(recsys_request_duration_seconds_bucket{{{ONE}}}[{RATE}])"
    return f"histogram_quantile({share}, sum by ({by}, le) ({bucket}))"


def share(part: str, whole: str) -> str:
    """One rate over another, by version."""
    top, bottom = (f"sum by (version) (rate({name}{{{ONE}}}[{RATE}]))" for name in (part, whole))
    return f"{top} / {bottom}"


def duration(share: float) -> str:
    """A quantile of how long the rollouts took that ended within a week."""
    bucket = f"increase(recsys_rollout_duration_seconds_bucket{{{ALL}}}[7d])"
    return f"histogram_quantile({share}, sum by (verdict, le) ({bucket}))"


def mean(histogram: str) -> str:
    """The mean of what a histogram of the shadow has seen, by version."""
    top, bottom = (f"sum by (version) (rate({histogram}_{end}{{{ONE}}}[{RATE}]))" for end in ("sum", "count"))
    return f"{top} / {bottom}"


OVERVIEW = (
    Row(
        "Now",
        (
            figure("Deployments", "Of the chosen namespaces.", f"sum(recsys_rollout_state{{{ALL}}})"),
            figure(
                "Rollouts under way",
                "In the states First, Canary, Held, TakenBack and Reverting.",
                f'sum(recsys_rollout_state{{{ALL}, state!~"Stable|Waiting"}})',
            ),
            figure(
                "Held",
                "Canaries that something keeps from going on.",
                f"sum(recsys_rollout_held{{{ALL}}}) or vector(0)",
                bad=1,
            ),
            figure(
                "Degraded",
                "A critical alert is about what serves, and there is nothing to go back to.",
                f'count(recsys_deployment_ready{{{ALL}, reason="Degraded"}}) or vector(0)',
                bad=1,
            ),
            figure(
                "Taken back within a day",
                "Versions, whatever the cause.",
                f"sum(increase(recsys_rollbacks_total{{{ALL}}}[24h])) or vector(0)",
                bad=1,
            ),
            figure("Operators", "Processes that Prometheus sees.", "count(recsys_queue_length) or vector(0)"),
        ),
    ),
    Row(
        "Rollouts",
        (
            Panel(
                "Every Deployment",
                "The reason of its condition Ready; the value is 1 where it does what its spec asks for.",
                (Query(f"max by (namespace, deployment, reason) (recsys_deployment_ready{{{ALL}}})"),),
                type="table",
                width=12,
            ),
            Panel(
                "States",
                "How many Deployments are in each state.",
                (Query(f"sum by (state) (recsys_rollout_state{{{ALL}}})", "{{state}}"),),
                width=12,
                stacked=True,
            ),
            Panel(
                "What holds canaries",
                "By the reason of the condition Ready.",
                (Query(f"sum by (reason) (recsys_rollout_held{{{ALL}}})", "{{reason}}"),),
                stacked=True,
            ),
            Panel(
                "Rollbacks",
                "Within an hour each, by cause.",
                (Query(f"sum by (cause) (increase(recsys_rollbacks_total{{{ALL}}}[1h]))", "{{cause}}"),),
                stacked=True,
            ),
            Panel(
                "How long rollouts take",
                "Half of them, and 95 of 100, of those that ended within a week, by verdict.",
                (
                    Query(
                        duration(0.5),
                        "{{verdict}} p50",
                    ),
                    Query(
                        duration(0.95),
                        "{{verdict}} p95",
                    ),
                ),
                unit="s",
            ),
        ),
    ),
    Row(
        "Operator",
        (
            Panel(
                "Reconciles",
                "A second, by kind and outcome.",
                (Query(f"sum by (kind, outcome) (rate(recsys_reconciles_total[{RATE}]))", "{{kind}} {{outcome}}"),),
                unit="ops",
            ),
            Panel(
                "How long a reconcile takes",
                "99 of 100, by kind.",
                (
                    Query(
                        "histogram_quantile(0.99, sum by (kind, le) "
                        f"(rate(recsys_reconcile_duration_seconds_bucket[{RATE}])))",
                        "{{kind}}",
                    ),
                ),
                unit="s",
            ),
            Panel(
                "Errors and queue",
                "Reconciles that failed within 5 minutes, and objects that wait.",
                (
                    Query("sum by (kind) (increase(recsys_reconcile_errors_total[5m]))", "failed: {{kind}}"),
                    Query("sum(recsys_queue_length)", "waiting"),
                ),
            ),
            Panel(
                "Alerts taken in",
                "Within 5 minutes, by what became of them.",
                (Query("sum by (outcome) (increase(recsys_alerts_received_total[5m]))", "{{outcome}}"),),
                stacked=True,
            ),
            Panel(
                "Alerts refused",
                "Within 5 minutes, by reason.",
                (Query("sum by (reason) (increase(recsys_alerts_rejected_total[5m]))", "{{reason}}"),),
                stacked=True,
            ),
            Panel(
                "Notifications",
                "Within an hour by target and outcome, and those that wait.",
                (
                    Query(
                        "sum by (target, outcome) (increase(recsys_notifications_total[1h]))", "{{target}} {{outcome}}"
                    ),
                    Query("max by (target) (recsys_notifications_waiting)", "{{target}} waiting"),
                ),
            ),
        ),
    ),
)

DEPLOYMENT = (
    Row(
        "Now",
        (
            figure("State", "Of the rollout.", f"max by (state) (recsys_rollout_state{{{ONE}}}) == 1", "{{state}}"),
            figure(
                "Ready",
                "The reason of the condition Ready, and whether all is as the spec asks.",
                f"max by (reason) (recsys_deployment_ready{{{ONE}}})",
                "{{reason}}",
            ),
            figure(
                "Weights",
                "Percent of the requests.",
                f"max by (role, version) (recsys_rollout_weight{{{ONE}}})",
                "{{role}} v{{version}}",
                unit="percent",
            ),
            figure("Step", "Steps that are done.", f"max by (version) (recsys_rollout_step{{{ONE}}})", "v{{version}}"),
            figure("Steps", "In spec.strategy.", f"max(recsys_rollout_steps{{{ONE}}})"),
            figure(
                "Since the last rollback",
                "Nothing where there was none among the newest rollouts.",
                f"time() - max(recsys_last_rollback_timestamp_seconds{{{ONE}}})",
                unit="s",
            ),
        ),
    ),
    Row(
        "Versions",
        (
            Panel(
                "Weights",
                "Percent of the requests that the operator gives to each version.",
                (Query(f"max by (role, version) (recsys_rollout_weight{{{ONE}}})", "v{{version}} {{role}}"),),
                unit="percent",
                stacked=True,
            ),
            Panel(
                "Requests",
                "A second, by version, as the pods count them.",
                (Query(f"sum by (version) (rate(recsys_requests_total{{{ONE}}}[{RATE}]))", "v{{version}}"),),
                unit="reqps",
            ),
            Panel(
                "Errors",
                "Share of the answers that are 5xx.",
                (Query(share("recsys_request_errors_total", "recsys_requests_total"), "v{{version}}"),),
                unit="percentunit",
            ),
            Panel("p99", "By version.", (Query(quantile(0.99, "version"), "v{{version}}"),), unit="s"),
            Panel(
                "p50 and p90",
                "By version.",
                (
                    Query(quantile(0.5, "version"), "v{{version}} p50"),
                    Query(quantile(0.9, "version"), "v{{version}} p90"),
                ),
                unit="s",
            ),
            Panel(
                "p99 of each pod",
                "One slow pod is its node; all slow is the model.",
                (Query(quantile(0.99, "version, pod"), "v{{version}} {{pod}}"),),
                unit="s",
            ),
            Panel(
                "Empty answers and fallbacks",
                "Share of the requests.",
                (
                    Query(share("recsys_empty_answers_total", "recsys_requests_total"), "v{{version}} empty"),
                    Query(share("recsys_fallback_total", "recsys_requests_total"), "v{{version}} popular items"),
                ),
                unit="percentunit",
            ),
            Panel(
                "Unknown items",
                "Share of the ids that are asked for: the vocabulary gets old.",
                (Query(share("recsys_unknown_items_total", "recsys_items_asked_total"), "v{{version}}"),),
                unit="percentunit",
            ),
            Panel(
                "Scores",
                "Half of the scores of an answer's first items are below this.",
                (
                    Query(
                        f"histogram_quantile(0.5, sum by (version, le) (rate(recsys_score_bucket{{{ONE}}}[{RATE}])))",
                        "v{{version}}",
                    ),
                ),
            ),
            Panel(
                "Waiting for the model",
                "Requests, of all pods of a version.",
                (Query(f"sum by (version) (recsys_pending_requests{{{ONE}}})", "v{{version}}"),),
            ),
            Panel(
                "Answers by status",
                "A second.",
                (
                    Query(
                        f"sum by (version, code) (rate(recsys_requests_total{{{ONE}}}[{RATE}]))",
                        "v{{version}} {{code}}",
                    ),
                ),
                unit="reqps",
            ),
            Panel(
                "Pods",
                "That Prometheus sees, by version.",
                (Query(f"count by (version) (recsys_build_info{{{ONE}}})", "v{{version}}"),),
            ),
        ),
    ),
    Row(
        "Rollouts and rollbacks",
        (
            Panel(
                "What holds the canary",
                "By the reason of the condition Ready.",
                (Query(f"max by (reason, version) (recsys_rollout_held{{{ONE}}})", "v{{version}} {{reason}}"),),
                stacked=True,
            ),
            Panel(
                "Held time",
                "Seconds within an hour, by reason.",
                (Query(f"sum by (reason) (increase(recsys_rollout_held_seconds_total{{{ONE}}}[1h]))", "{{reason}}"),),
                unit="s",
                stacked=True,
            ),
            Panel(
                "Rollbacks",
                "Within a day, by cause.",
                (Query(f"sum by (cause) (increase(recsys_rollbacks_total{{{ONE}}}[1d]))", "{{cause}}"),),
                stacked=True,
            ),
        ),
    ),
    Row(
        "Analysis of the canary",
        (
            Panel(
                "Canary and stable",
                "What each metric was at its last look.",
                (Query(f"max by (metric, arm, version) (recsys_analysis_value{{{ONE}}})", "{{metric}} {{arm}}"),),
            ),
            Panel(
                "Phases",
                "Failed takes the canary back; Inconclusive and Error hold it.",
                (Query(f"max by (metric, phase) (recsys_analysis_phase{{{ONE}}})", "{{metric}} {{phase}}"),),
                stacked=True,
            ),
            Panel(
                "Samples",
                "How much of the canary the last look was based on.",
                (Query(f"max by (metric, version) (recsys_analysis_samples{{{ONE}}})", "{{metric}}"),),
            ),
        ),
    ),
    Row(
        "Shadow",
        (
            Panel(
                "Copied requests",
                "A second: compared by the shadow, and lost on the way by reason.",
                (
                    Query(f"sum(rate(recsys_shadow_sent_total{{{ONE}}}[{RATE}]))", "compared"),
                    Query(f"sum by (reason) (rate(recsys_shadow_lost_total{{{ONE}}}[{RATE}]))", "lost: {{reason}}"),
                ),
                unit="reqps",
            ),
            Panel(
                "Agreement with stable",
                "Means: common items, rank-biased overlap, order of the common items.",
                (
                    Query(mean("recsys_shadow_overlap"), "v{{version}} overlap"),
                    Query(mean("recsys_shadow_rank_biased_overlap"), "v{{version}} rank-biased overlap"),
                    Query(mean("recsys_shadow_kendall_concordance"), "v{{version}} concordance"),
                ),
                unit="percentunit",
            ),
            Panel(
                "Failures of the shadow",
                "Share of the compared requests that stable answered and the shadow could not.",
                (Query(share("recsys_shadow_failures_total", "recsys_shadow_samples_total"), "v{{version}}"),),
                unit="percentunit",
            ),
        ),
    ),
)
