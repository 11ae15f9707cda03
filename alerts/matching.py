"""Matchers of labels, as Alertmanager writes them: `severity="page"`, `model=~"credit-.*"`, with `!=` and `!~`.

A label that is missing is empty. Expressions match the whole value. Their language is RE2 (google-re2), which is Go's and
so Alertmanager's, and which takes linear time whatever somebody with a token writes into a silence.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

import re2

from alerts.errors import UnreadableMatcher

Labels = Mapping[str, str]

LONGEST = 4096
"""Characters of a matcher."""

_QUIET = re2.Options()
_QUIET.log_errors = False

_SHAPE = re2.compile(r'\s*([A-Za-z_][A-Za-z0-9_.-]*)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*"|[^"\s,{}]*)\s*')
_ESCAPE = re2.compile(r"\\(.)")


class Operator(StrEnum):
    """How the value of a label is compared."""

    EQUAL = "="
    NOT_EQUAL = "!="
    LIKE = "=~"
    NOT_LIKE = "!~"


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on one label; UnreadableMatcher for an expression that RE2 does not take."""

    name: str
    operator: Operator
    value: str

    def __post_init__(self) -> None:
        if self.operator in (Operator.LIKE, Operator.NOT_LIKE):
            _compiled(self.value)

    def __call__(self, labels: Labels) -> bool:
        """Whether an alert with these labels meets the condition."""
        given = labels.get(self.name, "")
        if self.operator is Operator.EQUAL:
            return given == self.value
        if self.operator is Operator.NOT_EQUAL:
            return given != self.value
        found = _compiled(self.value).fullmatch(given) is not None
        return found is (self.operator is Operator.LIKE)

    def __str__(self) -> str:
        escaped = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.name}{self.operator}"{escaped}"'

    @classmethod
    def parse(cls, text: str) -> "Matcher":
        """From its written form, quoted or not; UnreadableMatcher for anything else."""
        found = _SHAPE.fullmatch(text) if len(text) <= LONGEST else None
        if found is None:
            raise UnreadableMatcher(text[:100], 'write it as name="value", name!="value", name=~"expression" or !~')
        name, operator, value = found.groups()
        if value.startswith('"'):
            value = _ESCAPE.sub(lambda e: "\n" if e.group(1) == "n" else e.group(1), value[1:-1])
        return cls(name, Operator(operator), value)


Matchers = tuple[Matcher, ...]


def matches(matchers: Iterable[Matcher], labels: Labels) -> bool:
    """Whether every matcher is met; none are met by everything."""
    return all(matcher(labels) for matcher in matchers)


def equal_to(wanted: Labels) -> Matchers:
    """The matchers of a plain mapping: each label has that value."""
    return tuple(Matcher(name, Operator.EQUAL, value) for name, value in wanted.items())


@lru_cache(maxsize=1024)
def _compiled(expression: str) -> Any:
    try:
        return re2.compile(expression, _QUIET)
    except re2.error as error:
        said = error.args[0]
        why = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
        raise UnreadableMatcher(expression[:100], f"it is no expression of RE2: {why}") from None
