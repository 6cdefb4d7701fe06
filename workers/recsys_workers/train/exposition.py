"""The metrics of a run's pod, for Prometheus: what status.progress says, and the seconds of each stage."""

import logging
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from recsys_workers.train.mlflow import DROPPED
from recsys_workers.train.readings import Reading, Readings
from recsys_workers.train.run_config import RunConfig

LOGGER = logging.getLogger(__name__)
PORT = "RECSYS_METRICS_PORT"
"""Variable with the port, which spec.metricsPort of the TrainingRun says; absent where none is to be served."""
STAGES = ("Loading", "Training", "Exporting", "Evaluating", "Publishing")
LABELS = ("namespace", "run", "model")
GAUGES: Mapping[str, tuple[str, str]] = {
    "percent": ("recsys_training_percent", "How much of the run is done, in percent"),
    "epoch": ("recsys_training_epoch", "Finished epochs"),
    "epochs": ("recsys_training_epochs", "Epochs in all"),
    "step": ("recsys_training_step", "Steps of the optimizer, those of earlier attempts included"),
    "loss": ("recsys_training_loss", "Mean training loss of the last finished epoch; of the steps so far in the first"),
    "targetsPerSecond": ("recsys_training_targets_per_second", "Targets (of Tabular: rows) learned from a second"),
    "workers": ("recsys_training_workers", "How many workers train, where several may"),
    "etaSeconds": ("recsys_training_eta_seconds", "Estimate of the seconds until the last epoch ends"),
}
"""Fields of status.progress: the name of each metric, and its meaning. A field that is absent has no series."""


class TrainingCollector(Collector):
    """What one run's pod exports; read anew for each scrape."""

    def __init__(self, namespace: str, run: str, model: str, readings: Readings) -> None:
        self.labels = (namespace, run, model)
        self.readings = readings

    def describe(self) -> Iterator[Metric]:
        """Every metric, without values."""
        yield from self._families(Reading())

    def collect(self) -> Iterator[Metric]:
        """Every metric that has a value now."""
        yield from (family for family in self._families(self.readings.now()) if family.samples)

    def _families(self, reading: Reading) -> Iterator[Metric]:
        progress = reading.progress
        for field, (name, meaning) in GAUGES.items():
            gauge = GaugeMetricFamily(name, meaning, labels=LABELS)
            if field in progress:
                gauge.add_metric(self.labels, float(progress[field]))
            yield gauge
        yield from self._validation(progress.get("validation"))
        yield from self._trials(progress.get("tuning"))
        stage = GaugeMetricFamily(
            "recsys_training_stage", "1 for the stage that runs, else 0", labels=(*LABELS, "stage")
        )
        seconds = CounterMetricFamily(
            "recsys_training_stage_seconds", "How long this pod has been in each stage", labels=(*LABELS, "stage")
        )
        for name in STAGES if progress else ():
            stage.add_metric((*self.labels, name), float(name == progress["stage"]))
            seconds.add_metric((*self.labels, name), reading.seconds.get(name, 0.0))
        dropped = CounterMetricFamily(
            "recsys_training_mlflow_dropped", "Calls that MLflow did not get, where it is asked for", labels=LABELS
        )
        if DROPPED in reading.counts:
            dropped.add_metric(self.labels, reading.counts[DROPPED])
        yield from (stage, seconds, dropped)

    def _validation(self, told: Mapping[str, Any] | None) -> Iterator[Metric]:
        labels = (*LABELS, "metric")
        last = GaugeMetricFamily("recsys_training_validation", "What the last validation found", labels=labels)
        best = GaugeMetricFamily(
            "recsys_training_validation_best",
            "The best that a validation found, by the metric that chooses the epoch",
            labels=labels,
        )
        if told is not None:
            last.add_metric((*self.labels, told["metric"]), float(told["value"]))
            for other in told.get("metrics", ()):
                last.add_metric((*self.labels, other["name"]), float(other["value"]))
            best.add_metric((*self.labels, told["metric"]), float(told["best"]))
        yield from (last, best)

    def _trials(self, told: Mapping[str, Any] | None) -> Iterator[Metric]:
        trials = GaugeMetricFamily("recsys_training_trials", "Trials of spec.tuning in all", labels=LABELS)
        ended = GaugeMetricFamily(
            "recsys_training_trials_ended", "Trials of spec.tuning that have ended", labels=LABELS
        )
        if told is not None:
            trials.add_metric(self.labels, float(told["trials"]))
            ended.add_metric(self.labels, float(told["ended"]))
        yield from (trials, ended)


def serve(config: RunConfig, environ: Mapping[str, str] = os.environ) -> Readings | None:
    """Serve /metrics for as long as the process lives, where the variable PORT says so; what is to be noted for it.

    A port that cannot be had is told in the log, and the run goes on without.
    """
    port = int(environ.get(PORT) or 0)
    if not port:
        return None
    readings = Readings(Path(tempfile.mkdtemp(prefix="recsys-")) / "reading.json")
    registry = CollectorRegistry()
    registry.register(TrainingCollector(config.namespace, config.name, config.model, readings))
    try:
        start_http_server(port, registry=registry)
    except OSError as error:
        LOGGER.warning("no metrics are served on port %d: %s", port, error)
        return None
    return readings
