"""What a Deployment's status says: what serves, what is tried, what happened."""

from typing import Literal, get_args

from pydantic import Field

from recsys_operator.api.analysis_status import Counters, MetricStatus
from recsys_operator.api.common import Condition
from recsys_operator.api.schema import Digest, Model, Text, Time, listing

CommandName = Literal["promote", "promote-full", "pause", "resume", "abort", "retry", "undo", "unblock"]
COMMANDS: tuple[CommandName, ...] = get_args(CommandName)
"""The annotations `recsys.dev/<command>` that are carried out."""


class Revision(Model):
    """One thing that can be rolled out: version digest + server image + pod template."""

    version: int = Field(ge=1, description="Number of the version.")
    digest: Digest = Field(description="Its digest.")
    uri: str = Field(max_length=1024, description="Where its artifact is.")
    revision: str = Field(max_length=64, description="Hash of digest, server image and pod template.")
    image: str = Field(max_length=1024, description="Server image.")


class StableStatus(Revision):
    """The revision that serves."""

    weight: int = Field(0, ge=0, le=100, description="Its share of the requests, in percent.")
    ready_replicas: int = Field(0, ge=0, description="Pods that are ready.")
    since: Time | None = Field(None, description="When it became stable.")


class Abort(Model):
    """Why a canary is being taken back."""

    verdict: Literal["RolledBack", "Superseded", "Aborted"] = Field(description="What the history will say.")
    cause: str = Field(max_length=64, description="One CamelCase word.")
    message: Text = Field(description="A sentence.")
    time: Time = Field(description="When it was decided.")


class CanaryStatus(Revision):
    """The revision that is being tried."""

    weight: int = Field(0, ge=0, le=100, description="Its share of the requests, in percent.")
    step: int = Field(0, ge=0, description="Index of the step under way; the number of steps when all are done.")
    step_start_time: Time | None = Field(None, description="When that step began.")
    start_time: Time = Field(description="When the rollout began.")
    first_weight_time: Time | None = Field(None, description="When it first got requests.")
    stable_replicas: int = Field(0, ge=0, description="Pods that stable had when the rollout began.")
    testers_time: Time | None = Field(None, description="When testers were first sent to it.")
    waiting_since: Time | None = Field(
        None, description="Since when it waits for its pods or for the gateway, and nothing holds it."
    )
    waited_seconds: int = Field(0, ge=0, description="How long it waited before, since its last progress.")
    well_since: Time | None = Field(None, description="At a bake: since when all has been well.")
    held_since: Time | None = Field(None, description="Since when a pause, a command or an alert holds it.")
    held_seconds: int = Field(0, ge=0, description="How long it was held before.")
    ready_replicas: int = Field(0, ge=0, description="Pods that are ready.")
    held: bool = Field(False, description="The command pause holds it where it is, until resume or promote.")
    skip_steps: bool = Field(
        False,
        description="It takes no steps (any more): by the command promote-full, or because only its pods were edited.",
    )
    reverting: bool = Field(False, description="This is the way back to an earlier version: no steps, all at once.")
    cause: str | None = Field(None, max_length=64, description="Why a way back was taken.")
    message: Text | None = Field(None, description="The same as a sentence.")
    abort: Abort | None = Field(None, description="Set once it is being taken back.")
    analysis: tuple[MetricStatus, ...] = Field(
        (),
        max_length=20,
        json_schema_extra=listing("map", keys=("name",)),
        description="What became of each metric, in the background and of the step under way.",
    )
    counters: Counters | None = Field(None, description="The pods' counters as they were judged last.")


class PreviousStatus(Revision):
    """The revision that served before, still warm."""

    ready_replicas: int = Field(0, ge=0, description="Pods that are ready.")
    warm_until: Time = Field(description="Until when its pods are kept.")


class BlockedRevision(Model):
    """One revision of a version that is not tried again."""

    revision: str = Field(max_length=64, description="Its hash.")
    image: str = Field(max_length=1024, description="Its server image.")


class Block(Model):
    """A version that is not tried again."""

    version: int = Field(ge=1, description="Number of the version.")
    digest: Digest = Field(description="Its digest: the same bytes under another name are blocked too.")
    revision: str | None = Field(
        None,
        max_length=64,
        description="Set where only this revision is blocked: by its pods, its deadline or the command abort, or because "
        "stable has the same digest.",
    )
    image: str | None = Field(
        None,
        max_length=1024,
        description="Server image of that revision: an upgrade of the operator does not make another revision of it.",
    )
    other_revisions: tuple[BlockedRevision, ...] = Field(
        (),
        max_length=20,
        json_schema_extra=listing("map", keys=("revision",)),
        description="Earlier revisions of the same version that are blocked as well.",
    )
    cause: str = Field(max_length=64, description="One CamelCase word.")
    message: Text = Field(description="A sentence.")
    time: Time = Field(description="When it was blocked.")

    @property
    def revisions(self) -> tuple[BlockedRevision, ...]:
        """The revisions that are blocked; none where the version is blocked as a whole."""
        if self.revision is None:
            return ()
        return (BlockedRevision(revision=self.revision, image=self.image or ""), *self.other_revisions)


class HistoryEntry(Model):
    """One finished rollout."""

    from_version: int | None = Field(None, ge=1, alias="from", description="The version that served before.")
    to_version: int = Field(ge=1, alias="to", description="The version that was to serve.")
    verdict: Literal["Promoted", "RolledBack", "Superseded", "Aborted", "Reverted"] = Field(description="How it ended.")
    cause: str = Field(max_length=64, description="One CamelCase word.")
    message: Text = Field("", description="A sentence.")
    start_time: Time = Field(description="When it began.")
    end_time: Time = Field(description="When it ended.")
    held_seconds: int = Field(0, ge=0, description="How long a pause, a command or an alert held it.")


class AlertRecord(Model):
    """One alert that was acted on. It acts once, also after an unblock."""

    fingerprint: str = Field(max_length=64, description="Alertmanager's fingerprint of the alert's labels.")
    starts_at: Time = Field(description="When the alert began.")
    name: str = Field(max_length=253, description="The label alertname.")
    severity: str = Field(max_length=32, description="The label severity.")
    version: int | None = Field(None, ge=1, description="The version that it acted on.")
    action: Literal["RolledBack", "Reverted", "Frozen", "Degraded"] = Field(description="What it led to.")
    state: Literal["Firing", "Resolved"] = Field("Firing", description="What Alertmanager said last.")
    message: Text = Field("", description="The alert as a sentence.")
    time: Time = Field(description="When it was acted on.")


class CommandRecord(Model):
    """What became of a command annotation. The same value is not carried out again."""

    command: CommandName = Field(description="Which command.")
    argument: str = Field(max_length=128, description="The annotation's value.")
    outcome: Literal["Done", "Ignored"] = Field(description="What became of it.")
    message: Text = Field("", description="A sentence.")
    time: Time = Field(description="When.")


class DeploymentStatus(Model):
    """What serves, what is tried, what happened."""

    observed_generation: int | None = Field(None, ge=0, description="The generation of the spec that this is about.")
    conditions: tuple[Condition, ...] = Field(
        (), max_length=8, json_schema_extra=listing("map", keys=("type",)), description="Ready is the summary."
    )
    stable: StableStatus | None = Field(None, description="The revision that serves.")
    canary: CanaryStatus | None = Field(None, description="The revision that is being tried.")
    previous: PreviousStatus | None = Field(None, description="The revision that served before, still warm.")
    blocked: tuple[Block, ...] = Field(
        (),
        max_length=50,
        json_schema_extra=listing("map", keys=("digest",)),
        description="Versions that are not tried again.",
    )
    history: tuple[HistoryEntry, ...] = Field(
        (), max_length=20, json_schema_extra=listing("atomic"), description="Finished rollouts, oldest first."
    )
    alerts: tuple[AlertRecord, ...] = Field(
        (),
        max_length=50,
        json_schema_extra=listing("map", keys=("fingerprint", "startsAt")),
        description="Alerts that were acted on, oldest first.",
    )
    commands: tuple[CommandRecord, ...] = Field(
        (),
        max_length=8,
        json_schema_extra=listing("map", keys=("command",)),
        description="The last value of each command annotation, and what became of it.",
    )
    last_command: CommandRecord | None = Field(None, description="The newest of them.")
    url: str | None = Field(
        None, max_length=512, description="Where to send requests: the first host name without a wildcard."
    )
    replicas: int | None = Field(None, ge=0, description="Pods of stable.")
    selector: str | None = Field(None, max_length=1024, description="Label selector of stable's pods.")
