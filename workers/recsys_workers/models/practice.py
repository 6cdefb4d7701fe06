"""The hyperparameters of the training loop, which every architecture has. No torch in here."""

from dataclasses import replace

from recsys_workers.models.declaration import OFF, ON, Choice, Hyperparameter, Rule, keeping_weights

PRACTICE: tuple[Hyperparameter | Choice, ...] = keeping_weights(
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
        "stepsPerEpoch",
        "integer",
        "0",
        0,
        1000000,
        "An epoch ends after so many steps, of samples drawn anew from all of them, so that a model of much data is "
        "validated before it saw all of it. 0: an epoch has every sample once.",
    ),
    Hyperparameter(
        "checkpointEvery", "integer", "1", 1, 10000, "Epochs between two checkpoints; the model is validated at each."
    ),
    Choice(
        "optimizer",
        ("AdamW", "Adam", "SGD"),
        "AdamW (Loshchilov and Hutter, 2019, arXiv 1711.05101), Adam (Kingma and Ba, 2015, arXiv 1412.6980), or "
        "stochastic gradient descent with momentum.",
    ),
    Hyperparameter("momentum", "number", "0.9", 0.0, 0.999, "Momentum of SGD; only with the optimizer SGD."),
    Choice(
        "schedule",
        ("WarmUpLinear", "WarmUpCosine", "Constant"),
        "What the learning rate does after warm-up: fall to 2 % in a line, fall to 2 % along a cosine, or stay.",
    ),
    Hyperparameter(
        "warmUpShare",
        "number",
        "0.05",
        0.0,
        0.9,
        "Share of the training in which the learning rate rises to its value, with every schedule; 0: none.",
    ),
    Hyperparameter(
        "gradientClip",
        "number",
        "0",
        0.0,
        1000.0,
        "Largest norm of all gradients together; longer ones are shortened to it. 0: off.",
    ),
    Hyperparameter(
        "patience",
        "integer",
        "0",
        0,
        10000,
        "The training ends after so many validations in a row without a better NDCG@10. 0: off.",
    ),
    Hyperparameter(
        "averageDecay",
        "number",
        "0",
        0.0,
        0.99999,
        "Decay, a step, of an exponential moving average of the weights, which is what is validated and exported. "
        "0: off.",
    ),
    Hyperparameter(
        "tokenDropout",
        "number",
        "0",
        0.0,
        0.9,
        "Probability that an item of a training history is left out, so that the others close ranks. 0: off.",
    ),
    Hyperparameter(
        "maskProbability",
        "number",
        "0",
        0.0,
        0.9,
        "Probability that an item of a training history is hidden while its place stays; never the oldest one. 0: off.",
    ),
    Hyperparameter(
        "cropShare",
        "number",
        "0",
        0.0,
        0.9,
        "A training history loses its oldest items, a random share of it up to this one. 0: off.",
    ),
    Hyperparameter(
        "reorderShare",
        "number",
        "0",
        0.0,
        1.0,
        "Share of a training history whose items, a random stretch of it, are shuffled. 0: off.",
    ),
    Choice(
        "precision",
        ("Float32", "BFloat16"),
        "BFloat16: mixed precision by torch.autocast. Refused where the trainer sees no CUDA device.",
    ),
    Choice(
        "compile",
        (OFF, ON),
        "On: the loss by torch.compile. Refused where the trainer sees no CUDA device, or has no Triton.",
    ),
)
"""Source of the augmentations: CL4SRec (Xie et al., 2022, arXiv 2010.14395)."""

SET_PRACTICE = tuple(one for one in PRACTICE if one.name not in {"maskProbability", "cropShare", "reorderShare"})
"""For models to which a history is a set: hiding an item is what tokenDropout does, and order means nothing."""

AUGMENTATION = frozenset({"tokenDropout", "maskProbability", "cropShare", "reorderShare"})
"""Those that change histories."""

ROW_PRACTICE: tuple[Hyperparameter | Choice, ...] = tuple(
    replace(parameter, meaning=parameter.meaning.replace("NDCG@10", "LogLoss (Regression: RMSE)"))
    for parameter in PRACTICE
    if parameter.name not in AUGMENTATION
)
"""What a model of single rows has of it."""

PRACTICE_RULES = (Rule("momentum", "only with", "optimizer", "SGD"),)
