"""The metrics. This folder is the registry: every module in it that defines `METRICS` is found and listed.

A new metric is one new file here; no table, no import and no migration changes. The contract suite
(tests/contracts/test_metrics.py) runs over everything that is found.
"""

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType

from monitor.metric import GroupMetric, MetricError


@cache
def registry() -> Mapping[str, GroupMetric]:
    """Every metric by its name, in alphabetical order."""
    found: dict[str, GroupMetric] = {}
    for module in pkgutil.iter_modules(__path__):
        for metric in importlib.import_module(f"{__name__}.{module.name}").METRICS:
            if metric.name in found:
                raise MetricError(f"two metrics are named {metric.name!r}; the second is in {module.name}.py")
            found[metric.name] = metric
    return MappingProxyType(dict(sorted(found.items())))


@cache
def names() -> Mapping[str, str]:
    """Every name and alias that a configuration may use, with the metric's own name."""
    own = {name: name for name in registry()}
    for metric in registry().values():
        for alias in metric.aliases:
            if own.setdefault(alias, metric.name) != metric.name:
                raise MetricError(f"{alias!r} names both {own[alias]!r} and {metric.name!r}")
    return MappingProxyType(own)


def metric(name: str) -> GroupMetric:
    """The metric of a name or alias; MetricError lists what there is."""
    if name not in names():
        raise MetricError(f"there is no metric {name!r}; there are {', '.join(registry())}")
    return registry()[names()[name]]


def metrics(chosen: Iterable[str]) -> tuple[GroupMetric, ...]:
    """The metrics of these names or aliases, each once, in the given order."""
    return tuple(dict.fromkeys(metric(name) for name in chosen))
