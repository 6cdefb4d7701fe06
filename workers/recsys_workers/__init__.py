"""The recsys-operator data plane: training, evaluation, export and serving."""

__version__ = "0.1.0"
