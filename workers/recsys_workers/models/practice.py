"""The hyperparameters of the training loop, which every architecture has. No torch in here."""

from dataclasses import replace

from recsys_workers.models.declaration import Choice, Hyperparameter, Rule

SEQUENCES: tuple[Hyperparameter | Choice, ...] = (
    Hyperparameter("maxLength", "integer", "50", 2, 1024, "How many of the latest interactions the model looks at."),
    Hyperparameter(
        "inputLength",
        "integer",
        "50",
        2,
        4096,
        "Length that the exported graph pads every history to; the scores do not depend on it, the cost does. "
        "Default: maxLength.",
    ),
)
"""What a model that reads histories has, with `SEQUENCE_RULES` and `SEQUENCE_SAME_AS`."""

SEQUENCE_RULES = (Rule("inputLength", "at least", "maxLength"),)
SEQUENCE_SAME_AS = (("inputLength", "maxLength"),)

PRACTICE: tuple[Hyperparameter | Choice, ...] = (
    Hyperparameter("learningRate", "number", "0.001", 1e-9, 1.0, "Step size of the optimizer after warm-up."),
    Hyperparameter(
        "weightDecay",
        "number",
        "0.0",
        0.0,
        1.0,
        "Weight decay: decoupled with AdamW, added to the gradient with Adam and SGD.",
    ),
    Hyperparameter("batchSize", "integer", "64", 1, 4096, "Samples per optimizer step."),
    Hyperparameter("epochs", "integer", "20", 1, 10000, "Passes over the training interactions."),
    Hyperparameter(
        "checkpointEvery", "integer", "1", 1, 10000, "Epochs between two checkpoints; the model is validated at each."
    ),
)

PRACTICE_RULES: tuple[Rule, ...] = ()


def practice(**defaults: str) -> tuple[Hyperparameter | Choice, ...]:
    """PRACTICE with other defaults for an architecture whose authors name them; numbers only."""
    return tuple(
        replace(parameter, default=defaults[parameter.name])
        if isinstance(parameter, Hyperparameter) and parameter.name in defaults
        else parameter
        for parameter in PRACTICE
    )
