# `make help` lists what there is to do. The two that do everything: `make demo` and `make test`.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
export RECSYS_BEGAN := $(or $(RECSYS_BEGAN),$(shell date +%s))

##@ The two commands

.PHONY: demo test
demo: prepare up images install ## The main job on a local cluster: train, gate, serve, canary, alert, rollback
	hack/demo/run.sh

test: export RECSYS_AHEAD := yes
test: lint test-unit cluster-bins test-chart test-integration test-e2e ## Lint, unit, integration and the e2e main job (35 minutes; 50 or more when nothing is cached)

##@ Parts of the cluster

.PHONY: prepare cluster-bins up down cluster-check images install
prepare: ## Compile the cluster's binaries and build the images, side by side
	hack/cluster/prepare.sh

cluster-bins: ## Build or download the cluster's binaries that are missing (10 to 15 minutes when all are)
	hack/cluster/packages.sh
	hack/cluster/bins.sh > /dev/null

up: ## Start the local cluster, or check the one that KUBECONFIG names (CLUSTER=current)
	hack/cluster/up.sh

down: ## Stop the local cluster and remove what it left behind
	hack/cluster/down.sh

cluster-check: ## Check volumes, names, weights and drains on the local cluster that is up (half a minute)
	hack/cluster/check.sh

images: ## Build the three images that changed, and load them into the cluster that is up
	hack/images.sh

install: ## Install the Helm chart, its alert rules and the Alertmanager route
	hack/demo/install.sh

##@ Parts of the tests

.PHONY: lint lint-shell test-unit test-chart test-integration test-e2e test-full golden
lint: lint-shell ## ruff, mypy --strict, import contracts, generated files that are stale
	hack/test.sh lint

lint-shell: ## shellcheck
	hack/test.sh lint-shell

test-unit: ## No cluster, about a minute
	hack/test.sh unit

test-chart: ## helm lint, golden templates, kubeconform, alert rules
	hack/test.sh chart

test-integration: ## A real kube-apiserver and etcd, the real operator and server processes
	hack/test.sh integration

test-e2e: prepare up images install ## The main job on the local cluster
	hack/test.sh e2e

test-full: test ## All of it, with what takes longer
	hack/test.sh full

golden: ## Write the golden manifests, charts and curves anew: read the diff before you commit it
	hack/test.sh golden

##@ Benchmarks

.PHONY: bench-rollback bench-overhead bench-shadow bench-analysis bench-tabular bench-training bench-recbole bench-scale soak
bench-rollback: prepare up images install ## 100 rollbacks under load, beside Argo Rollouts and Flagger (about an hour)
	hack/bench.sh rollback

bench-overhead: prepare up images install ## From kubectl apply to Succeeded without the training, by where each second goes (5 minutes)
	hack/bench.sh overhead

bench-shadow: ## Latency of a server whose requests are copied to a shadow that is healthy, hangs or is dead (5 minutes)
	hack/bench.sh shadow

bench-analysis: ## How often an analysis takes an equal canary back, and how surely it finds a worse one (a quarter of an hour)
	hack/bench.sh analysis

bench-tabular: ## Rows of which nobody can tell more than 85 %, beside a plain torch loop, three seeds (10 minutes)
	hack/bench.sh tabular

bench-training: ## Every architecture on amazon-beauty (RECSYS_BEAUTY=FOLDER), three seeds, beside the papers' figures (hours)
	hack/bench.sh training

bench-recbole: ## How soon SASRec is as good as RecBole's after 5 epochs, on amazon-beauty (RECSYS_BEAUTY=FOLDER; an hour)
	hack/bench.sh recbole

bench-scale: ## A run on 10 million generated events in a pod of 2 GiB: memory and seconds of each stage (10 to 30 minutes)
	hack/bench.sh scale

soak: prepare up images install ## Half an hour of random rollouts, restarts, evictions and alerts under load
	hack/bench.sh soak

##@ Files that are generated

.PHONY: generate lock lock-check
generate: ## CRDs, references, the schemas of hyperparameters and the chart's copies, from the Python types
	hack/test.sh generate

lock: ## Pin Python packages in requirements/ from pyproject.toml
	hack/lock.sh

lock-check: ## Fail when a lock file does not follow from pyproject.toml
	hack/lock.sh --check

.PHONY: help
help: ## This list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
