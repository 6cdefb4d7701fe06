"""What a run took of the cluster's GPUs: `status.gpu` of a TrainingRun."""

from pydantic import Field

from recsys_operator.api.schema import Model, Time

MOST_SECONDS = 2**53 - 1
"""What every reader of JSON holds exactly."""


class GpuUse(Model):
    """GPU-seconds of all attempts. Written by the operator: when pods begin or end to hold GPUs, and every minute.

    Every ten seconds while such a pod is being deleted: nobody can ask it for its end once it is gone.
    """

    used_seconds: int = Field(
        ge=0,
        le=MOST_SECONDS,
        description="GPUs times the seconds for which pods of the run held them: from the node that a pod was given to "
        "its end, images and back-offs inside a pod included.",
    )
    lost_seconds: int = Field(
        ge=0,
        le=MOST_SECONDS,
        description="The part of usedSeconds whose work was done in vain: what the pods took since their last checkpoint, "
        "or since they began, whenever one of them ended before the run had its version.",
    )
    unsaved_seconds: int = Field(
        ge=0,
        le=MOST_SECONDS,
        description="The part of usedSeconds since the last checkpoint: what would be lost if a pod ended now.",
    )
    held: int = Field(ge=0, le=1024, description="GPUs that pods of the run hold.")
    until: Time = Field(description="The moment up to which this counts.")
