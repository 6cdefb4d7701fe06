"""The optimizer and the learning rate of each step."""

import math
from collections.abc import Iterable

from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from recsys_workers.models.hyperparameters import Hyperparameters

FINAL = 0.02
"""Share of the learning rate that a falling schedule leaves at the end."""


def build(parameters: Iterable[nn.Parameter], hyperparameters: Hyperparameters) -> Optimizer:
    """The optimizer that the hyperparameters name."""
    rate, decay = hyperparameters.number("learningRate"), hyperparameters.number("weightDecay")
    match hyperparameters.choice("optimizer"):
        case "SGD":
            momentum = hyperparameters.number("momentum")
            return SGD(parameters, lr=rate, momentum=momentum, weight_decay=decay, foreach=True)
        case "Adam":
            return Adam(parameters, lr=rate, weight_decay=decay, foreach=True)
        case _:
            return AdamW(parameters, lr=rate, weight_decay=decay, foreach=True)


def rate(hyperparameters: Hyperparameters, done: float) -> float:
    """The learning rate after the share `done` of all epochs."""
    share = hyperparameters.number("warmUpShare")
    return hyperparameters.number("learningRate") * factor(hyperparameters.choice("schedule"), share, done)


def factor(schedule: str, warm_up: float, done: float) -> float:
    """The schedule's share of the learning rate: it rises in a line during `warm_up`, then does what its name says.

    The cosine is that of SGDR (Loshchilov and Hutter, 2017, arXiv 1608.03983) without restarts.
    """
    rising = (done + 1e-3) / warm_up if warm_up else 1.0
    if schedule == "Constant":
        return min(1.0, rising)
    if schedule == "WarmUpCosine":
        fallen = max(0.0, (done - warm_up) / (1 - warm_up))
        return min(rising, FINAL + (1 - FINAL) * (1 + math.cos(math.pi * fallen)) / 2)
    return min(1.0, rising, max(FINAL, (1 - done) / (1 - warm_up)))


def set_rate(optimizer: Optimizer, rate: float) -> None:
    """Give all parameters this learning rate for the next step."""
    for group in optimizer.param_groups:
        group["lr"] = rate
