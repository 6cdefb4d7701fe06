"""Deployments, models and pods, as far as people want to know of them."""

from dataclasses import dataclass

from recsys_cli.fields import Json


@dataclass(frozen=True, slots=True)
class Ready:
    """The summary condition."""

    status: str = "Unknown"
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Served:
    """A version that has pods: stable, canary or previous."""

    role: str
    version: int
    revision: str
    digest: str
    weight: int
    ready: int
    since: str | None
    until: str | None


@dataclass(frozen=True, slots=True)
class Abort:
    """Why a canary is being taken back."""

    verdict: str
    cause: str
    message: str
    time: str


@dataclass(frozen=True, slots=True)
class Analysis:
    """What one analysis of the canary found. Values are as the operator wrote them."""

    name: str
    phase: str
    value: str
    stable: str
    threshold: str
    samples: str
    message: str
    step: int | None
    """Number of the step that it belongs to; None in the background."""


@dataclass(frozen=True, slots=True)
class Canary:
    """What is particular about a canary."""

    step: int
    step_start: str | None
    start: str | None
    held: bool
    skips_steps: bool
    well_since: str | None
    """At a bake: since when all has been well."""
    waiting_since: str | None
    """Since when it waits for its pods or the gateway."""
    waited: int
    """Seconds that it waited before that."""
    reverting: bool
    abort: Abort | None
    analysis: tuple[Analysis, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """A version that is not tried again."""

    version: int
    digest: str
    revision: str
    """Empty where the version is blocked as a whole."""
    cause: str
    message: str
    time: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A rollout that is over."""

    before: int | None
    version: int
    verdict: str
    cause: str
    message: str
    start: str
    end: str
    held: int
    """Seconds in which something held it."""


@dataclass(frozen=True, slots=True)
class Command:
    """What became of a command annotation."""

    name: str
    argument: str
    outcome: str
    message: str
    time: str


@dataclass(frozen=True, slots=True)
class Rollout:
    """A Deployment of recsys.dev."""

    namespace: str
    name: str
    generation: int
    observed_generation: int
    created: str | None
    model: str
    pin: int | None
    follow: str
    replicas: int | None
    """Pods of a version; None where an autoscaler decides."""
    canary_follows: bool
    """Whether the canary's pods are as many as its weight needs, and not all of `replicas`."""
    deadline: int | None
    """Seconds that a canary may wait for pods or gateway."""
    paused: bool
    steps: tuple[Json, ...]
    ready: Ready
    stable: Served | None
    tried: Served | None
    canary: Canary | None
    previous: Served | None
    blocked: tuple[Block, ...]
    history: tuple[Ended, ...]
    commands: tuple[Command, ...]
    url: str

    @property
    def place(self) -> str:
        """The object's name within sentences."""
        return f"Deployment {self.namespace}/{self.name}"

    def command(self, verb: str) -> str:
        """The plugin's command about this object, to be pasted whatever the namespace of the reader's context is."""
        return f"kubectl recsys {verb} {self.name} -n {self.namespace}"

    @property
    def current(self) -> bool:
        """Whether the status is about the spec as it is now."""
        return self.observed_generation >= self.generation

    def wanted(self, role: str) -> int | None:
        """How many pods a version of this role has when it has them all; None where that cannot be told from here."""
        return None if role == "canary" and self.canary_follows else self.replicas

    def block_of(self, version: int) -> Block | None:
        """The block of a version."""
        return next((block for block in self.blocked if block.version == version), None)


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a model."""

    number: int
    verdict: str
    run: str
    digest: str


@dataclass(frozen=True, slots=True)
class Model:
    """A RecModel."""

    name: str
    ready: Ready
    champion: int | None
    champion_from: str
    versions: tuple[Version, ...]

    @property
    def newest(self) -> Version | None:
        """The version with the highest number, whatever its verdict."""
        return max(self.versions, key=lambda version: version.number, default=None)

    def version(self, number: int) -> Version | None:
        """The version of this number."""
        return next((version for version in self.versions if version.number == number), None)


@dataclass(frozen=True, slots=True)
class Pod:
    """A server's pod."""

    name: str
    version: int
    revision: str
    ready: bool
    state: str
    restarts: int
    created: str | None
