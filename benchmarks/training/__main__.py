"""Each architecture on amazon-beauty with seeds 1 to 3, beside the papers' figures: `make bench-training`.

The data are not ours to ship: `--data` (or RECSYS_BEAUTY) names the folder with sequences.txt and
item_attributes.json, or one with other data in the same files, whose results are shown and not kept. Those of
amazon-beauty are written to benchmarks/results/training.jsonl as they come, unless options are others or code is not
committed; what is there already is not trained again, and what was killed goes on from its last epoch. Test figures are
read only with a configuration that is committed; a trial (`--set`, `--epochs`) shows validation alone, and
configurations are chosen by that.

A configuration with `"ensemble": NAME` trains nothing: it is the mean of what the seeds of NAME score, in one graph.
Their weights stay in the state folder; a seed whose weights are not there is trained again, and not recorded again.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import keep, recorded
from benchmarks.training import beauty, ensemble, report
from benchmarks.training.configuration import FILE, SEEDS, THREADS, configurations, told
from benchmarks.training.run import Job, forget, kept, result_of, run
from benchmarks.training.verdict import verdict

from recsys_workers.models.hyperparameters import check

STATE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "recsys-operator" / "bench-training"
DECIDING = ("benchmarks/training", "workers/recsys_workers")
"""What decides the figures: it is committed before test is read."""


def main() -> int:
    """Exit code 0, also when there are no data to run on."""
    given = arguments()
    if given.data is None or not all((given.data / name).exists() for name in beauty.FILES):
        print(
            f"bench-training is skipped: it needs the folder with amazon-beauty's {' and '.join(beauty.FILES)}, by "
            f"--data FOLDER or RECSYS_BEAUTY, and found {given.data}."
        )
        return 0
    read_test, why_not = _may_read_test(given)
    data = beauty.read(given.data, given.users)
    sample = is_sample(given, data.digest)
    print(report.protocol(data.digest, given.data.name))
    print(f"{data.users} users, {data.n_items} items, {data.interactions} interactions; sequences.txt is {data.digest}")
    print(f"commit {recorded.provenance()['commit']}, {given.threads} thread{'s' if given.threads > 1 else ''}")
    print("Validation and test are read." if read_test else f"Test is not read: {why_not}")
    cannot = "the options or the data are others than those of the benchmark." if sample else keep.refusal()
    print(f"Nothing is recorded: {cannot}\n" if cannot else "", flush=True)
    done = [] if sample else recorded.lines(FILE)

    def shown(same: Callable[[Mapping[str, Any]], bool], made: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The recorded result, or one that is made and recorded now."""
        before = [result for result in done if same(result) and ("test" in result or not read_test)]
        if before:
            return before[-1]
        result = made()
        if not sample:
            keep.result(FILE, {**result, "fingerprint": recorded.fingerprint(told(result))})
        return result

    results = []
    for name in given.only:
        jobs = list(_jobs(name, given, data))
        trained = partial(_trained, read_test=read_test)
        if "ensemble" not in configurations()[name]:
            results += [shown(partial(result_of, job), partial(trained, job)) for job in jobs]
            continue
        if len(jobs) < 2:
            print(f"{name} is left out: an ensemble needs two seeds, and this run has {given.seed}.")
            continue
        made = partial(_together, name, jobs, trained, read_test=read_test)
        results.append(shown(partial(ensemble.result_of, name, jobs), made))
    print("\n" + report.table(results))
    if not sample:
        print(f"\nOf what is recorded in {FILE.name}:\n{verdict(recorded.lines(FILE))}")
    return 0


def is_sample(given: argparse.Namespace, digest: str) -> bool:
    """Whether options or data are others than those of the benchmark: nothing is recorded of such a run."""
    options = given.users is not None or given.epochs is not None or bool(given.set) or given.threads != THREADS
    return options or digest != report.BEAUTY


def _trained(job: Job, *, read_test: bool) -> dict[str, Any]:
    result = run(job, STATE, partial(_say, job), read_test=read_test)
    if read_test and not keep.refusal():  # else it goes on from here, once the figures can be recorded
        forget(job, STATE)
    return result


def _together(
    name: str, jobs: Sequence[Job], trained: Callable[[Job], dict[str, Any]], *, read_test: bool
) -> dict[str, Any]:
    """The result of an ensemble, for which members are trained whose weights are gone."""
    for job in jobs:
        if not kept(job, STATE):
            _say(job, f"its weights are not in {STATE}, and {name} needs them: it is trained again")
            _say(job, f"{trained(job)['validation']['NDCG@10']:.5f} is its validation NDCG@10")
    print(f"{name}: ranking by the mean of {len(jobs)} seeds", flush=True)
    return ensemble.ranked(name, jobs, STATE, read_test=read_test)


def _say(job: Job, text: str) -> None:
    print(f"{job.name}, seed {job.seed}: {text}", flush=True)


def arguments() -> argparse.Namespace:
    """The command line."""
    names = list(configurations())
    folder = os.environ.get("RECSYS_BEAUTY")
    parser = argparse.ArgumentParser(prog="bench-training", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(folder) if folder else None, help="has sequences.txt")
    parser.add_argument("--only", choices=names, action="append", help="one configuration; may be repeated")
    parser.add_argument("--seed", type=int, action="append", help=f"one seed; may be repeated (default: {SEEDS})")
    parser.add_argument("--threads", type=int, default=THREADS, help=f"other than {THREADS}: nothing is recorded")
    parser.add_argument("--users", type=int, help="the first so many users; nothing is recorded")
    parser.add_argument("--epochs", type=int, help="other than configured; nothing is recorded")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a trial; nothing is recorded")
    given = parser.parse_args()
    given.only = given.only or names
    given.seed = given.seed or list(SEEDS)
    return given


def _jobs(name: str, given: argparse.Namespace, data: beauty.Beauty) -> Iterator[Job]:
    """The seeds of a configuration; of an ensemble those of the one that it is made of."""
    name = configurations()[name].get("ensemble", name)
    entry = configurations()[name]
    other = dict(pair.split("=", 1) for pair in given.set)
    if given.epochs is not None:
        other["epochs"] = str(given.epochs)
    hyperparameters = check(entry["architecture"], {**entry["hyperparameters"], **other})
    for seed in given.seed:
        attributes = bool(entry.get("attributes"))
        yield Job(name, entry["architecture"], hyperparameters, seed, data, given.threads, attributes)


def _may_read_test(given: argparse.Namespace) -> tuple[bool, str]:
    if given.set or given.epochs is not None:
        return False, "this is a trial, and validation chooses."
    changed = keep.changed(*DECIDING)
    if not changed:
        return True, ""
    return False, f"commit what decides the figures first; changed are {', '.join(changed)}."


if __name__ == "__main__":
    sys.exit(main())
