"""People whose decisions weigh, and their sums by the batch definition, with weights and without."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import Phase
from hypothesis import strategies as st

from monitor.assess import Assessment, Plan, assess
from monitor.comparisons import COMPARING, Aggregate, DisparitySpec, Method
from monitor.grouping import CellInfo
from monitor.metrics import registry
from monitor.sums import DECISIONS, LABELS, WEIGHTED_DECISIONS, WEIGHTED_LABELS, Ints, Layout
from tests.acceptance.definition import decision_sums, label_sums, weighted
from tests.acceptance.parsing import Event
from tests.monitor.population import Person

EXAMPLES = int(os.environ.get("FAIRDRIFT_EXAMPLES", "1"))
QUICK = (Phase.explicit, Phase.reuse, Phase.generate)
UNIT = 1e-6
LARGEST = 2**31 - 1

WEIGHING = tuple(name for name, one in registry().items() if one.weighs)
GAPS = tuple(DisparitySpec(a, m) for a in COMPARING for m in (Method.BETWEEN_GROUPS, Method.TO_OVERALL))
MEANS = (DisparitySpec(Aggregate.INDEX, Method.BETWEEN_GROUPS),)


@dataclass(frozen=True)
class Weighed:
    """Somebody, how much it counts, in millionths, and the value that came true, in cents."""

    person: Person
    weight: int
    outcome: int | None = None


AMOUNTS = st.none() | st.sampled_from([-LARGEST, 0, LARGEST]) | st.integers(-LARGEST, LARGEST)

PEOPLE = st.lists(
    st.builds(
        Weighed,
        st.builds(
            Person,
            groups=st.sampled_from([{"sex": s, "age": a} for s in ("F", "M", "X") for a in ("old", "young")]),
            decision=st.booleans(),
            label=st.booleans(),
            score=st.none() | st.integers(0, 1_000_000),
            value=AMOUNTS,
        ),
        st.one_of(st.sampled_from([1, 10**6, LARGEST]), st.integers(1, LARGEST)),
        AMOUNTS,
    ),
    min_size=1,
    max_size=40,
)


def matrices(people: Sequence[Weighed]) -> tuple[list[CellInfo], Ints, Ints]:
    """The cells in order of appearance, and their weighted sums."""
    return _matrices(people, WEIGHTED_DECISIONS, WEIGHTED_LABELS)


def plain(people: Sequence[Weighed]) -> tuple[list[CellInfo], Ints, Ints]:
    """The same where each counts as one."""
    return _matrices([replace(one, weight=0) for one in people], DECISIONS, LABELS)


def _matrices(people: Sequence[Weighed], made: Layout, came: Layout) -> tuple[list[CellInfo], Ints, Ints]:
    keys = list(dict.fromkeys(_key(one.person) for one in people))
    first = [next(one.person for one in people if _key(one.person) == key) for key in keys]
    cells = [
        CellInfo(hash(key), one.version, one.arm, one.groups, one.stratum) for key, one in zip(keys, first, strict=True)
    ]
    decisions, labels = made.zeros(len(cells)), came.zeros(len(cells))
    for one in people:
        at = keys.index(_key(one.person))
        for layout, sums, raised in zip((made, came), (decisions, labels), _raised(one), strict=True):
            for slot, n in raised.items():
                sums[at, layout.index(slot)] += n
    return cells, decisions, labels


def _raised(one: Weighed) -> tuple[Mapping[str, int], Mapping[str, int]]:
    who = one.person
    made = Event(("i",), "m", "i", 0, decision=who.decision, score=who.score, value=who.value, weight=one.weight)
    came = replace(made, decision=who.label, score=None, value=one.outcome, weight=None)
    decided, labelled = decision_sums(made), label_sums(made, came)
    return (weighted(made, decided), weighted(made, labelled)) if one.weight else (decided, labelled)


def _key(person: Person) -> str:
    return repr((person.version, person.arm, sorted(person.groups.items()), sorted(person.stratum.items())))


def assessed(people: Sequence[Weighed], names: Sequence[str] = WEIGHING, **more: Any) -> Assessment:
    """The metrics of weights, of sex and of age and sex together."""
    plan = Plan("m", ((), ("sex",), ("age", "sex")), tuple(names), GAPS + MEANS, weight_unit=UNIT)
    return assess(*matrices(people), replace(plan, **more))


def ordered(value: float, low: float | None, high: float | None) -> bool:
    """Whether an interval holds its value."""
    slack = 1e-12 + 1e-9 * float(np.abs(value))
    return (low is None or low <= value + slack) and (high is None or high >= value - slack)
