"""Hyperparameters that several architectures have. No torch in here."""

from dataclasses import replace

from recsys_workers.models.declaration import Choice, Hyperparameter, Rule, keeping_weights

WINDOWS, PREFIXES, SETS = "Windows", "Prefixes", "Sets"

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
        keeps_weights=True,
    ),
)
"""What a model that reads histories has, with `SEQUENCE_RULES` and `SEQUENCE_SAME_AS`."""

TRANSFORMER: tuple[Hyperparameter | Choice, ...] = (
    Hyperparameter("hiddenSize", "integer", "64", 4, 1024, "Width of the item embeddings and of every layer."),
    Hyperparameter("layers", "integer", "2", 1, 12, "Number of transformer blocks."),
    Hyperparameter("heads", "integer", "2", 1, 16, "Attention heads of each block; hiddenSize is a multiple of it."),
    *keeping_weights(
        Hyperparameter(
            "dropout", "number", "0.2", 0.0, 0.9, "Dropout of embeddings, attention and feed-forward layers."
        ),
    ),
)

SEQUENCE_RULES = (Rule("inputLength", "at least", "maxLength"),)
SEQUENCE_SAME_AS = (("inputLength", "maxLength"),)

SAMPLES = Choice(
    "samples",
    (WINDOWS, PREFIXES),
    "Windows: sequences are cut into windows of maxLength, and every position of one is a target. Prefixes: everything "
    "that came before an item is a sample with that one target; slower, and often better.",
    keeps_weights=True,
)


SET_SAMPLES = Choice(
    "samples",
    (PREFIXES, SETS),
    "Prefixes: everything that came before an item is a sample with that one target. Sets: each item that a user had "
    "is a target once an epoch, told from all others of the user, later ones too; for rows without a real order.",
    keeps_weights=True,
)
"""What an architecture of the task Retrieval offers instead of `SAMPLES`."""


def with_defaults(
    parameters: tuple[Hyperparameter | Choice, ...], **defaults: str
) -> tuple[Hyperparameter | Choice, ...]:
    """The parameters with other defaults, numbers only, for an architecture whose authors name them."""
    return tuple(
        replace(parameter, default=defaults[parameter.name])
        if isinstance(parameter, Hyperparameter) and parameter.name in defaults
        else parameter
        for parameter in parameters
    )
