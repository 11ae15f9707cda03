"""What every rule has whatever its type: its name, its patience, how it is labelled, and who is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from alerts.config import RuleConfig
from alerts.states import Patience


class Severity(StrEnum):
    """How much of a person's attention a firing alert asks for."""

    PAGE = "page"
    """Wake somebody."""
    TICKET = "ticket"
    """Look at it in working hours."""
    INFO = "info"
    """For the record."""


@dataclass(frozen=True, slots=True)
class RollbackPolicy:
    """What a rule may do to the model's route when it fires.

    Off unless a rule has one; `dry_run` only says what it would do.
    """

    to: str = "fallback"
    percent: float | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """The part of a rule that has nothing to do with how it judges."""

    name: str
    model: str
    patience: Patience = field(default_factory=Patience)
    severity: str = Severity.PAGE
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    receivers: tuple[str, ...] = ()
    rollback: RollbackPolicy | None = None


def policy_of(config: RuleConfig, model: str) -> Policy:
    """The policy of a configured rule, for one model."""
    wanted = config.rollback
    return Policy(
        name=config.name,
        model=model,
        patience=Patience(config.for_, config.keep_firing_for),
        severity=config.severity,
        labels=dict(config.labels),
        annotations=dict(config.annotations),
        receivers=config.receivers,
        rollback=None if wanted is None else RollbackPolicy(wanted.to, wanted.percent, wanted.dry_run),
    )
