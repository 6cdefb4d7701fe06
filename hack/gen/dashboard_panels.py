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


CHOSEN = 'namespace=~"$namespace"'
ALL = f"{{{CHOSEN}}}"
ONE = '{namespace="$namespace", deployment="$deployment"}'


def figure(
    title: str, about: str, expr: str, legend: str = "", *, unit: str = "short", bad: float | None = None
) -> Panel:
    """A number; where its series have names, those are shown instead."""
    return Panel(title, about, (Query(expr, legend),), unit, "stat", 4, 4, names=bool(legend), bad_from=bad)


def graph(
    title: str, about: str, series: dict[str, str], *, unit: str = "short", stacked: bool = False, width: int = 8
) -> Panel:
    """Curves over time: PromQL by its legend."""
    queries = tuple(Query(expr, legend) for legend, expr in series.items())
    return Panel(title, about, queries, unit, width=width, stacked=stacked)


def newest(metric: str, by: str) -> str:
    """A gauge of one Deployment, which every replica of the operator exports."""
    return f"max by ({by}) ({metric}{ONE})"


def rate(metric: str, by: str = "version", of: str = ONE) -> str:
    """A counter's increase a second, of all pods."""
    return f"sum by ({by}) (rate({metric}{of}[$__rate_interval]))"


def grown(metric: str, by: str, span: str, of: str = "") -> str:
    """A counter's increase within a span."""
    return f"sum by ({by}) (increase({metric}{of}[{span}]))"


def quantile(share: float, buckets: str) -> str:
    """A quantile of a histogram, from the rate or increase of its buckets by `le`."""
    return f"histogram_quantile({share}, {buckets})"


def latency(share: float, by: str = "version") -> str:
    """A latency quantile of the pods of one Deployment."""
    return quantile(share, rate("recsys_request_duration_seconds_bucket", f"{by}, le"))


def ratio(part: str, whole: str) -> str:
    """One rate over another, by version."""
    return f"{rate(part)} / {rate(whole)}"


def mean(histogram: str) -> str:
    """The mean of what a histogram of the shadow has seen, by version."""
    return ratio(f"{histogram}_sum", f"{histogram}_count")


DURATIONS = grown("recsys_rollout_duration_seconds_bucket", "verdict, le", "7d", ALL)

OVERVIEW = (
    Row(
        "Now",
        (
            figure("Deployments", "Of the chosen namespaces.", f"sum(recsys_rollout_state{ALL})"),
            figure(
                "Rollouts under way",
                "In the states First, Canary, Held, TakenBack and Reverting.",
                f'sum(recsys_rollout_state{{{CHOSEN}, state!~"Stable|Waiting"}})',
            ),
            figure(
                "Held",
                "Canaries that something keeps from going on.",
                f"sum(recsys_rollout_held{ALL}) or vector(0)",
                bad=1,
            ),
            figure(
                "Degraded",
                "A critical alert is about what serves, and there is nothing to go back to.",
                f'count(recsys_deployment_ready{{{CHOSEN}, reason="Degraded"}}) or vector(0)',
                bad=1,
            ),
            figure(
                "Taken back within a day",
                "Versions, whatever the cause.",
                f"sum(increase(recsys_rollbacks_total{ALL}[24h])) or vector(0)",
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
                (Query(f"max by (namespace, deployment, reason) (recsys_deployment_ready{ALL})"),),
                type="table",
                width=12,
            ),
            graph(
                "States",
                "How many Deployments are in each state.",
                {"{{state}}": f"sum by (state) (recsys_rollout_state{ALL})"},
                width=12,
                stacked=True,
            ),
            graph(
                "What holds canaries",
                "By the reason of the condition Ready.",
                {"{{reason}}": f"sum by (reason) (recsys_rollout_held{ALL})"},
                stacked=True,
            ),
            graph(
                "Rollbacks",
                "Within an hour each, by cause.",
                {"{{cause}}": grown("recsys_rollbacks_total", "cause", "1h", ALL)},
                stacked=True,
            ),
            graph(
                "How long rollouts take",
                "Half of them, and 95 of 100, of those that ended within a week, by verdict.",
                {"{{verdict}} p50": quantile(0.5, DURATIONS), "{{verdict}} p95": quantile(0.95, DURATIONS)},
                unit="s",
            ),
        ),
    ),
    Row(
        "Operator",
        (
            graph(
                "Reconciles",
                "A second, by kind and outcome.",
                {"{{kind}} {{outcome}}": rate("recsys_reconciles_total", "kind, outcome", "")},
                unit="ops",
            ),
            graph(
                "How long a reconcile takes",
                "99 of 100, by kind.",
                {"{{kind}}": quantile(0.99, rate("recsys_reconcile_duration_seconds_bucket", "kind, le", ""))},
                unit="s",
            ),
            graph(
                "Errors and queue",
                "Reconciles that failed within 5 minutes, and objects that wait.",
                {
                    "failed: {{kind}}": grown("recsys_reconcile_errors_total", "kind", "5m"),
                    "waiting": "sum(recsys_queue_length)",
                },
            ),
            graph(
                "Alerts taken in",
                "Within 5 minutes, by what became of them.",
                {"{{outcome}}": grown("recsys_alerts_received_total", "outcome", "5m")},
                stacked=True,
            ),
            graph(
                "Alerts refused",
                "Within 5 minutes, by reason.",
                {"{{reason}}": grown("recsys_alerts_rejected_total", "reason", "5m")},
                stacked=True,
            ),
            graph(
                "Notifications",
                "Within an hour by target and outcome, and those that wait.",
                {
                    "{{target}} {{outcome}}": grown("recsys_notifications_total", "target, outcome", "1h"),
                    "{{target}} waiting": "max by (target) (recsys_notifications_waiting)",
                },
            ),
        ),
    ),
)

DEPLOYMENT = (
    Row(
        "Now",
        (
            figure("State", "Of the rollout.", f"{newest('recsys_rollout_state', 'state')} == 1", "{{state}}"),
            figure(
                "Ready",
                "The reason of the condition Ready, and whether all is as the spec asks.",
                newest("recsys_deployment_ready", "reason"),
                "{{reason}}",
            ),
            figure(
                "Weights",
                "Percent of the requests.",
                newest("recsys_rollout_weight", "role, version"),
                "{{role}} v{{version}}",
                unit="percent",
            ),
            figure("Step", "Steps that are done.", newest("recsys_rollout_step", "version"), "v{{version}}"),
            figure("Steps", "In spec.strategy.", f"max(recsys_rollout_steps{ONE})"),
            figure(
                "Since the last rollback",
                "Nothing where there was none among the newest rollouts.",
                f"time() - max(recsys_last_rollback_timestamp_seconds{ONE})",
                unit="s",
            ),
        ),
    ),
    Row(
        "Versions",
        (
            graph(
                "Weights",
                "Percent of the requests that the operator gives to each version.",
                {"v{{version}} {{role}}": newest("recsys_rollout_weight", "role, version")},
                unit="percent",
                stacked=True,
            ),
            graph(
                "Requests",
                "A second, by version, as the pods count them.",
                {"v{{version}}": rate("recsys_requests_total")},
                unit="reqps",
            ),
            graph(
                "Errors",
                "Share of the answers that are 5xx.",
                {"v{{version}}": ratio("recsys_request_errors_total", "recsys_requests_total")},
                unit="percentunit",
            ),
            graph("p99", "By version.", {"v{{version}}": latency(0.99)}, unit="s"),
            graph(
                "p50 and p90",
                "By version.",
                {"v{{version}} p50": latency(0.5), "v{{version}} p90": latency(0.9)},
                unit="s",
            ),
            graph(
                "p99 of each pod",
                "One slow pod is its node; all slow is the model.",
                {"v{{version}} {{pod}}": latency(0.99, "version, pod")},
                unit="s",
            ),
            graph(
                "Empty answers and fallbacks",
                "Share of the requests.",
                {
                    "v{{version}} empty": ratio("recsys_empty_answers_total", "recsys_requests_total"),
                    "v{{version}} popular items": ratio("recsys_fallback_total", "recsys_requests_total"),
                },
                unit="percentunit",
            ),
            graph(
                "Unknown items",
                "Share of the ids that are asked for: the vocabulary gets old.",
                {"v{{version}}": ratio("recsys_unknown_items_total", "recsys_items_asked_total")},
                unit="percentunit",
            ),
            graph(
                "Scores",
                "Half of the scores of an answer's first items are below this.",
                {"v{{version}}": quantile(0.5, rate("recsys_score_bucket", "version, le"))},
            ),
            graph(
                "Waiting for the model",
                "Requests, of all pods of a version.",
                {"v{{version}}": f"sum by (version) (recsys_pending_requests{ONE})"},
            ),
            graph(
                "Answers by status",
                "A second.",
                {"v{{version}} {{code}}": rate("recsys_requests_total", "version, code")},
                unit="reqps",
            ),
            graph(
                "Pods",
                "That Prometheus sees, by version.",
                {"v{{version}}": f"count by (version) (recsys_build_info{ONE})"},
            ),
        ),
    ),
    Row(
        "Rollouts and rollbacks",
        (
            graph(
                "What holds the canary",
                "By the reason of the condition Ready.",
                {"v{{version}} {{reason}}": newest("recsys_rollout_held", "reason, version")},
                stacked=True,
            ),
            graph(
                "Held time",
                "Seconds within an hour, by reason.",
                {"{{reason}}": grown("recsys_rollout_held_seconds_total", "reason", "1h", ONE)},
                unit="s",
                stacked=True,
            ),
            graph(
                "Rollbacks",
                "Within a day, by cause.",
                {"{{cause}}": grown("recsys_rollbacks_total", "cause", "1d", ONE)},
                stacked=True,
            ),
        ),
    ),
    Row(
        "Analysis of the canary",
        (
            graph(
                "Canary and stable",
                "What each metric was at its last look.",
                {"{{metric}} {{arm}}": newest("recsys_analysis_value", "metric, arm, version")},
            ),
            graph(
                "Phases",
                "Failed takes the canary back; Inconclusive and Error hold it.",
                {"{{metric}} {{phase}}": newest("recsys_analysis_phase", "metric, phase")},
                stacked=True,
            ),
            graph(
                "Samples",
                "How much of the canary the last look was based on.",
                {"{{metric}}": newest("recsys_analysis_samples", "metric, version")},
            ),
        ),
    ),
    Row(
        "Shadow",
        (
            graph(
                "Copied requests",
                "A second: compared by the shadow, and lost on the way by reason.",
                {
                    "compared": f"sum(rate(recsys_shadow_sent_total{ONE}[$__rate_interval]))",
                    "lost: {{reason}}": rate("recsys_shadow_lost_total", "reason"),
                },
                unit="reqps",
            ),
            graph(
                "Agreement with stable",
                "Means: common items, rank-biased overlap, order of the common items.",
                {
                    "v{{version}} overlap": mean("recsys_shadow_overlap"),
                    "v{{version}} rank-biased overlap": mean("recsys_shadow_rank_biased_overlap"),
                    "v{{version}} concordance": mean("recsys_shadow_kendall_concordance"),
                },
                unit="percentunit",
            ),
            graph(
                "Failures of the shadow",
                "Share of the compared requests that stable answered and the shadow could not.",
                {"v{{version}}": ratio("recsys_shadow_failures_total", "recsys_shadow_samples_total")},
                unit="percentunit",
            ),
        ),
    ),
)
