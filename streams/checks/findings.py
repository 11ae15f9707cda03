"""What a check found."""

from dataclasses import asdict, dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is. Only a failure makes `fairdrift check` exit with 1."""

    OK = "ok"
    UNKNOWN = "unknown"
    """It could not be looked at."""
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Finding:
    """Where, what is so, and what to do about it (empty for what is well)."""

    level: Level
    where: str
    what: str
    remedy: str = ""

    def as_dict(self) -> dict[str, str]:
        """For `--json`."""
        return {name: str(value) for name, value in asdict(self).items()}


def ok(where: str, what: str) -> Finding:
    """All is well."""
    return Finding(Level.OK, where, what)


def unknown(where: str, what: str, remedy: str = "") -> Finding:
    """It could not be looked at."""
    return Finding(Level.UNKNOWN, where, what, remedy)


def warning(where: str, what: str, remedy: str) -> Finding:
    """It works, but not as well as it should."""
    return Finding(Level.WARNING, where, what, remedy)


def failure(where: str, what: str, remedy: str) -> Finding:
    """It does not work, or not for long."""
    return Finding(Level.FAILURE, where, what, remedy)
