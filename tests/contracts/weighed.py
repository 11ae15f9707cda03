"""People whose decisions weigh, and their sums by the batch definition, with weights and without."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import Phase
from hypothesis import strategies as st

from monitor.assess import Assessment, Plan
from monitor.assess import assessed as of_sums
from monitor.comparisons import COMPARING, Aggregate, DisparitySpec, Method
from monitor.grouping import CellInfo, grouping
from monitor.metric import LAYOUTS_OF, WEIGHTED, Needs
from monitor.metrics import registry
from monitor.sums import Ints, Layout
from tests.acceptance.definition import (
    decision_sums,
    error_sums,
    label_score_sums,
    label_sums,
    weighted,
    weighted_error_sums,
    weighted_label_score_sums,
)
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


KINDS: tuple[Needs, ...] = ("decision", "label", "error", "label_score")


def matrices(people: Sequence[Weighed]) -> tuple[list[CellInfo], dict[Needs, Ints]]:
    """The cells in order of appearance, and their weighted sums."""
    return _matrices(people, {needs: WEIGHTED[needs] for needs in KINDS})


def plain(people: Sequence[Weighed], plan: Plan) -> Assessment:
    """What is made of them where each counts as one."""
    layouts = {needs: LAYOUTS_OF[needs] for needs in KINDS}
    cells, sums = _matrices([replace(one, weight=0) for one in people], layouts)
    return of_sums(grouping(cells, plan.shape()), sums, plan)


def _matrices(people: Sequence[Weighed], layouts: Mapping[Needs, Layout]) -> tuple[list[CellInfo], dict[Needs, Ints]]:
    keys = list(dict.fromkeys(_key(one.person) for one in people))
    first = [next(one.person for one in people if _key(one.person) == key) for key in keys]
    cells = [
        CellInfo(hash(key), one.version, one.arm, one.groups, one.stratum) for key, one in zip(keys, first, strict=True)
    ]
    sums = {needs: layout.zeros(len(cells)) for needs, layout in layouts.items()}
    for one in people:
        at = keys.index(_key(one.person))
        for needs, raised in zip(layouts, _raised(one), strict=True):
            for slot, n in raised.items():
                sums[needs][at, layouts[needs].index(slot)] += n
    return cells, sums


def _raised(one: Weighed) -> tuple[Mapping[str, int], ...]:
    who = one.person
    made = Event(("i",), "m", "i", 0, decision=who.decision, score=who.score, value=who.value, weight=one.weight)
    came = replace(made, decision=who.label, score=None, value=one.outcome, weight=None)
    decided, labelled = decision_sums(made), label_sums(made, came)
    if not one.weight:
        return decided, labelled, error_sums(made, came), label_score_sums(made, came)
    errors, scores = weighted_error_sums(made, came), weighted_label_score_sums(made, came)
    return weighted(made, decided), weighted(made, labelled), errors, scores


def _key(person: Person) -> str:
    return repr((person.version, person.arm, sorted(person.groups.items()), sorted(person.stratum.items())))


def assessed(people: Sequence[Weighed], names: Sequence[str] = WEIGHING, **more: Any) -> Assessment:
    """The metrics of weights, of sex and of age and sex together."""
    plan = Plan("m", ((), ("sex",), ("age", "sex")), tuple(names), GAPS + MEANS, weight_unit=UNIT)
    plan, (cells, sums) = replace(plan, **more), matrices(people)
    return of_sums(grouping(cells, plan.shape()), sums, plan)


def ordered(value: float, low: float | None, high: float | None) -> bool:
    """Whether an interval holds its value."""
    slack = 1e-12 + 1e-9 * float(np.abs(value))
    return (low is None or low <= value + slack) and (high is None or high >= value - slack)
