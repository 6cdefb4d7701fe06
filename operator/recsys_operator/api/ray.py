"""How Ray runs a TrainingRun: `spec.ray`."""

from typing import Annotated

from pydantic import Field

from recsys_operator.api.schema import Model, Quantity, Rule

EXTENDED_RESOURCE = (
    r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
)
ExtendedResource = Annotated[str, Field(min_length=3, max_length=128, pattern=EXTENDED_RESOURCE)]


class WorkerResources(Model):
    """What one Ray worker gets."""

    CEL = (
        Rule(
            "!has(self.sharedMemory) || !isQuantity(string(self.sharedMemory)) || !isQuantity(string(self.memory)) || "
            "quantity(string(self.sharedMemory)).isLessThan(quantity(string(self.memory)))",
            "ray.resourcesPerWorker.sharedMemory must be less than memory: what is in it counts as memory",
        ),
        Rule(
            "!self.gpuResource.startsWith('requests.') && !self.gpuResource.contains('kubernetes.io/')",
            "ray.resourcesPerWorker.gpuResource must be an extended resource, such as nvidia.com/gpu",
        ),
    )

    cpu: Quantity = Field("1", description="CPU, such as 1 or 500m.")
    memory: Quantity = Field("4Gi", description="Memory, such as 4Gi.")
    gpu: int = Field(
        0,
        ge=0,
        le=1,
        description="How many GPUs: none, or one, as one process trains. It trains on CUDA where the pod sees a device, "
        "else on the CPU.",
    )
    gpu_resource: ExtendedResource = Field("nvidia.com/gpu", description="The extended resource that is one GPU.")
    shared_memory: Quantity | None = Field(
        None,
        description="Size of /dev/shm, such as 1Gi; as large as memory when absent. What is in it counts as memory.",
    )
    ephemeral_storage: Quantity | None = Field(
        None,
        description="Space for /tmp and logs on the node's disk, such as 10Gi; a pod that uses more is evicted. Without "
        "a limit when absent.",
    )


MOST_WORKERS = 64


class Ray(Model):
    """How Ray runs."""

    CEL = (
        Rule(
            "has(self.minWorkers) == has(self.maxWorkers)",
            "ray.minWorkers and ray.maxWorkers belong together: set both, or ray.workers for a fixed number",
        ),
        Rule(
            "!has(self.workers) || !(has(self.minWorkers) || has(self.maxWorkers))",
            "ray.workers is a fixed number of workers: leave it out beside ray.minWorkers and ray.maxWorkers",
        ),
        Rule(
            "!has(self.minWorkers) || !has(self.maxWorkers) || self.minWorkers <= self.maxWorkers",
            "ray.minWorkers must be at most ray.maxWorkers",
        ),
    )

    workers: int | None = Field(
        None,
        ge=1,
        le=MOST_WORKERS,
        description="How many pods train together, each on its part of every batch; the batches stay as large as "
        "batchSize says. More than one needs KubeRay, and a store and data that all of them can mount. One when absent.",
    )
    min_workers: int | None = Field(
        None,
        ge=1,
        le=MOST_WORKERS,
        description="Instead of workers: with how few pods the training begins, and goes on when others are lost.",
    )
    max_workers: int | None = Field(
        None,
        ge=2,
        le=MOST_WORKERS,
        description="Instead of workers: how many pods are asked for. One that comes later joins at the next checkpoint; "
        "one that is lost costs the work since the last checkpoint, and no attempt. In a queue the run begins with all.",
    )
    resources_per_worker: WorkerResources = Field(description="What each worker's pod gets, as request and as limit.")

    @property
    def most(self) -> int:
        """How many pods are asked for."""
        return self.max_workers or self.workers or 1

    @property
    def least(self) -> int:
        """With how few it trains."""
        return self.min_workers or self.most
