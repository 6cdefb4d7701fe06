"""RecBole's side of one turn, in RecBole's own virtual environment: `python -m benchmarks.recbole.rival FOLDER EPOCH`.

It trains the next epoch by RecBole's trainer, with its evaluation of the validation items, and keeps the whole state;
then it ranks all items by RecBole's scores and writes the best, so that the other process computes every metric. An
epoch that is kept already is only ranked. Nothing of the project is imported here.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from recbole.config import Config  # type: ignore[import-not-found]
from recbole.data import create_dataset, data_preparation  # type: ignore[import-not-found]
from recbole.utils import get_model, get_trainer, init_seed  # type: ignore[import-not-found]

SETTINGS, TRUTH, STATE, BEST = "settings.json", "truth.npz", "recbole.pt", "recbole-{}.npz"


def main() -> None:
    """Train up to the epoch that is asked for, one at most."""
    folder, wanted = Path(sys.argv[1]).resolve(), int(sys.argv[2])
    del sys.argv[1:]  # RecBole reads them as settings of its own.
    settings = json.loads((folder / SETTINGS).read_text())
    torch.set_num_threads(settings["threads"])
    config = Config(model="SASRec", dataset="beauty", config_dict={**settings["recbole"], "data_path": str(folder)})
    init_seed(config["seed"], config["reproducibility"])
    dataset = create_dataset(config)
    train, *held_out = data_preparation(config, dataset)
    init_seed(config["seed"], config["reproducibility"])
    model = get_model(config["model"])(config, train.dataset).to(config["device"])
    trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, model)
    epochs: list[dict[str, Any]] = []
    if (folder / STATE).exists():
        kept = torch.load(folder / STATE, weights_only=True)
        epochs = kept["epochs"]
        model.load_state_dict(kept["model"])
        trainer.optimizer.load_state_dict(kept["optimizer"])
        train.generator.set_state(kept["order"])
        torch.set_rng_state(kept["random"])
    if len(epochs) < wanted:
        epochs.append(_epoch(trainer, train, held_out[0], len(epochs)))
        state = {
            "epochs": epochs,
            "model": model.state_dict(),
            "optimizer": trainer.optimizer.state_dict(),
            "order": train.generator.get_state(),
            "random": torch.get_rng_state(),
        }
        torch.save(state, folder / f"{STATE}.partial")
        (folder / f"{STATE}.partial").replace(folder / STATE)
    ranked = Ranked(model, dataset, dict(np.load(folder / TRUTH)), settings["best"])
    validation, test = held_out
    for name, part, data in (("validation", "validation", validation), ("test", "test", test), ("own", "", validation)):
        items, scores = ranked.best(data, part)
        np.savez(folder / BEST.format(name), items=items, scores=scores)
    print(json.dumps(epochs[wanted - 1]))


def _epoch(trainer: Any, train: Any, validation: Any, done: int) -> dict[str, Any]:
    began = _now()
    loss = trainer._train_epoch(train, done)
    trained = _now()
    trainer.eval_collector.data_collect(train)
    own = trainer.evaluate(validation, load_best_model=False)
    ended = _now()
    return {
        "epoch": done + 1,
        "loss": loss / len(train),
        "targets": len(train._dataset),
        "training": _between(began, trained),
        "evaluation": _between(trained, ended),
        "own": {name: float(value) for name, value in own.items()},
    }


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _between(began: tuple[float, float], ended: tuple[float, float]) -> dict[str, float]:
    return {"clock": ended[0] - began[0], "processor": ended[1] - began[1]}


class Ranked:
    """All items ranked by a model, in the numbers of users and items of `truth`, which stand in RecBole's file too."""

    def __init__(self, model: Any, dataset: Any, truth: Any, count: int) -> None:
        self.model, self.dataset, self.truth = model, dataset, truth
        self.n_items = int(truth["items"])
        self.count = min(count, self.n_items)
        numbers = [dataset.token2id("item_id", str(item)) for item in range(1, self.n_items + 1)]
        self.numbers = torch.tensor(numbers)  # RecBole has numbers of its own.

    def best(self, data: Any, part: str) -> tuple[Any, Any]:
        """The best items of each user and their scores, [users, count]; without those of the part's history.

        Without a part the items of the history are ranked too, as RecBole itself does.
        """
        users = len(self.truth["testStarts"])
        items = np.zeros((users, self.count), dtype=np.int32)
        scores = np.zeros(items.shape, dtype=np.float32)
        self.model.eval()
        with torch.no_grad():
            for interaction, *_ in data:
                found = self.model.full_sort_predict(interaction).view(len(interaction), -1)[:, self.numbers]
                rows = [int(name) for name in self.dataset.id2token("user_id", interaction["user_id"])]
                if part:
                    self._exclude(found, rows, part)
                top = found.topk(self.count, dim=1)
                items[rows], scores[rows] = top.indices.numpy() + 1, top.values.numpy()
        return items, scores

    def _exclude(self, found: torch.Tensor, rows: list[int], part: str) -> None:
        flat, starts, ends = (self.truth[f"{part}{name}"] for name in ("Flat", "Starts", "Ends"))
        for place, row in enumerate(rows):
            found[place, torch.from_numpy(flat[starts[row] : ends[row]].astype(np.int64)) - 1] = -torch.inf


if __name__ == "__main__":
    main()
