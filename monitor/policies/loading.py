"""Reading policies: YAML to frozen types, with every mistake told. The files of this folder are read once.

A file has what its versions share at the top, and `versions`, each with what it adds: its dates, its status, its criteria.
Every scalar is read as text and then as what the field wants, so that `0.05` is one twentieth and not a float near it.
"""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from monitor.errors import MonitorError
from monitor.metrics import names
from monitor.policies.policy import Policy

SCORING_RATE = "scoring_rate"


class PolicyError(MonitorError):
    """A policy that does not exist, or a file of one that has mistakes."""


_ADAPTER = TypeAdapter(Policy)


@cache
def registry() -> Mapping[str, tuple[Policy, ...]]:
    """Every shipped policy by id: its versions, the oldest first."""
    found: dict[str, tuple[Policy, ...]] = {}
    for file in sorted(resources.files(__package__).iterdir(), key=lambda one: one.name):
        if file.name.endswith(".yaml"):
            versions = parse(file.read_text(encoding="utf-8"), file.name)
            found[versions[0].id] = versions
    return MappingProxyType(dict(sorted(found.items())))


def versions(name: str) -> tuple[Policy, ...]:
    """The versions of a policy; PolicyError lists what there is."""
    if name not in registry():
        raise PolicyError(f"there is no policy {name!r}; there are {', '.join(registry())}")
    return registry()[name]


def parse(text: str, source: str) -> tuple[Policy, ...]:
    """The versions in a text of YAML, the oldest first; PolicyError with every mistake."""
    try:
        raw = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - texts only: no object is made of it
    except yaml.YAMLError as error:
        raise PolicyError(f"{source} is no YAML: {error}") from None
    if not isinstance(raw, dict):
        raise PolicyError(f"{source} is no mapping: a policy starts with `id:`")
    shared = {key: value for key, value in raw.items() if key != "versions"}
    each = raw.get("versions", [{}])
    if not isinstance(each, list) or not each or not all(isinstance(one, dict) for one in each):
        raise PolicyError(f"{source}: `versions` is a list, each with what differs from the others")
    found = [_version({**shared, **one}, f"{source}, version {at}") for at, one in enumerate(each, 1)]
    _check(found, source)
    return tuple(found)


def _version(raw: Mapping[str, Any], where: str) -> Policy:
    try:
        found = _ADAPTER.validate_python(raw)
    except ValidationError as error:
        told = [f"{'.'.join(str(part) for part in one['loc']) or 'policy'}: {_words(one)}" for one in error.errors()]
        raise PolicyError("\n  ".join([f"{where} has {len(told)} mistake{'s' * (len(told) > 1)}:", *told])) from None
    unknown = [c.metric for c in found.criteria if c.metric not in names() and c.metric != SCORING_RATE]
    if unknown:
        known = ", ".join(sorted({*names().values(), SCORING_RATE}))
        raise PolicyError(f"{where}: there is no metric {', '.join(unknown)}; there are {known}")
    return found


def _words(error: Any) -> str:
    if error["type"] == "unexpected_keyword_argument":
        return "unknown key"
    if error["type"] == "missing":
        return "is missing"
    return str(error["msg"]).removeprefix("Value error, ").replace("Input should be", "must be")


def _check(found: list[Policy], source: str) -> None:
    """Versions follow each other without overlap."""
    for before, after in pairwise(found):
        if before.effective_to is None or after.effective_from is None or after.effective_from <= before.effective_to:
            raise PolicyError(
                f"{source}: the version from {after.effective_from} overlaps the one before it, to {before.effective_to}"
            )
