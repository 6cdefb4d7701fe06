"""Every benchmark whose results are kept."""

from benchmarks.analysis.configuration import ANALYSIS
from benchmarks.overhead.configuration import OVERHEAD
from benchmarks.recbole.configuration import RECBOLE
from benchmarks.rollback.configuration import ROLLBACK
from benchmarks.scale.configuration import SCALE
from benchmarks.shadow.configuration import SHADOW
from benchmarks.tabular.configuration import TABULAR
from benchmarks.training.configuration import TRAINING

BENCHMARKS = {
    "rollback": ROLLBACK,
    "overhead": OVERHEAD,
    "shadow": SHADOW,
    "analysis": ANALYSIS,
    "tabular": TABULAR,
    "training": TRAINING,
    "recbole": RECBOLE,
    "scale": SCALE,
}
