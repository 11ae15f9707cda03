"""What happened in the year: models, their people, versions, and the times when one group fared worse. Pure, seeded.

Decisions of each of the fifty cells are drawn for each window by itself, so that groups and intersections of one window add
up exactly; neighbouring windows do not share their decisions, as they would in life.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from monitor.windows import DAY, HOUR

Ints = NDArray[np.int64]

END = int(datetime(2026, 11, 1, 12, tzinfo=UTC).timestamp() * 1000)
"""The present, in ms."""
START = END - 365 * DAY
ATTRIBUTES = {
    "age": ("under 30", "30 to 44", "45 to 59", "60 to 74", "75 and over"),
    "ethnicity": ("a", "b", "c", "d", "e"),
    "sex": ("female", "male"),
}
SHARES = {"age": (0.2, 0.32, 0.28, 0.16, 0.04), "ethnicity": (0.5, 0.22, 0.16, 0.1, 0.02), "sex": (0.48, 0.52)}
NAMES = (
    "credit-limit", "hiring-screen", "motor-premium", "tenant-check", "triage", "fraud-hold", "college-offer", "loan-price",
    "benefit-claim", "ad-delivery",
)  # fmt: skip
EVENTS_AN_HOUR = 400
BOUND = 0.8
RULE = "selection-parity"
DROP = 0.7
"""Women's rate during an incident, of what it is otherwise."""

Groups = tuple[tuple[str, str], ...]
CELLS: tuple[Groups, ...] = tuple(
    tuple(zip(ATTRIBUTES, values, strict=True)) for values in product(*ATTRIBUTES.values())
)
SETS: tuple[tuple[str, ...], ...] = tuple(names for depth in range(3) for names in combinations(ATTRIBUTES, depth))


@dataclass(frozen=True, slots=True)
class Incident:
    """A time when women fared worse; `resolved` None if it still fires. All in ms."""

    began: int
    fired: int
    resolved: int | None

    @property
    def ended(self) -> int:
        """Until when decisions were affected."""
        return END if self.resolved is None else self.resolved - 2 * HOUR


@dataclass(frozen=True, slots=True)
class Model:
    """One model: its rate of favourable decisions, (version, since when) and incidents."""

    name: str
    number: int
    rate: float
    versions: tuple[tuple[str, int], ...]
    incidents: tuple[Incident, ...]

    def rates(self, ends: Ints) -> NDArray[np.float64]:
        """Ends x cells: the probability of a favourable decision."""
        spread = np.random.default_rng(self.number).uniform(0.97, 1.03, len(CELLS))
        season = 1 + 0.03 * np.sin(2 * np.pi * (ends - START) / (90 * DAY) + self.number)
        rates = self.rate * season[:, None] * spread[None, :]
        women = np.array([dict(cell)["sex"] == "female" for cell in CELLS])
        hit = np.zeros(len(ends), dtype=bool)
        for incident in self.incidents:
            hit |= (ends > incident.began) & (ends <= incident.ended)
        rates[np.ix_(hit, women)] *= DROP
        return rates


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """Decisions and favourable ones of each group of each window: ends x groups."""

    ends: Ints
    n: Ints
    favourable: Ints


@dataclass(frozen=True, slots=True)
class Layout:
    """Every group of every attribute set, and which cells it holds."""

    groups: tuple[tuple[tuple[str, ...], Groups], ...] = field(default_factory=lambda: tuple(_groups()))

    def members(self) -> Ints:
        """Groups x cells: 1 where the cell belongs to the group."""
        return np.array([[set(group) <= set(cell) for cell in CELLS] for _, group in self.groups], dtype=np.int64)

    def of(self, names: tuple[str, ...]) -> list[int]:
        """The numbers of the groups of an attribute set."""
        return [number for number, (found, _) in enumerate(self.groups) if found == names]


def _groups() -> list[tuple[tuple[str, ...], Groups]]:
    return [
        (names, tuple(zip(names, values, strict=True)))
        for names in SETS
        for values in product(*(ATTRIBUTES[name] for name in names))
    ]


LAYOUT = Layout()
MEMBERS = LAYOUT.members()
WEIGHTS = np.array([np.prod([SHARES[name][ATTRIBUTES[name].index(group)] for name, group in cell]) for cell in CELLS])


def models(count: int = len(NAMES)) -> tuple[Model, ...]:
    """The models. The first one's newest incident still fires; the second's was resolved three days ago."""
    return tuple(_model(number, name) for number, name in enumerate(NAMES[:count]))


def _model(number: int, name: str) -> Model:
    random = np.random.default_rng(1000 + number)
    days = np.sort(random.choice(np.arange(20, 340), size=3, replace=False))
    incidents = [_incident(START + int(day) * DAY + 9 * HOUR, int(random.integers(1, 4))) for day in days]
    if number == 0:
        incidents.append(Incident(END - 20 * HOUR, END - 14 * HOUR, None))
    if number == 1:
        incidents.append(_incident(END - 5 * DAY, 2))
    released = [START, *(START + int(day) * DAY for day in random.integers(60, 330, size=2)), incidents[-1].began]
    versions = tuple((f"{number}.{at}", when) for at, when in enumerate(sorted(set(released))))
    return Model(name, number, float(random.uniform(0.35, 0.6)), versions, tuple(incidents))


def _incident(began: int, days: int) -> Incident:
    return Incident(began, began + 6 * HOUR, began + days * DAY)


def draw(model: Model, ends: Ints, window_ms: int, stream: int) -> Drawn:
    """Decisions in windows of this length; `stream` names the random numbers, so that each caller has its own."""
    random = np.random.default_rng([model.number, window_ms // 1000, stream])
    expected = EVENTS_AN_HOUR * (window_ms / HOUR) * WEIGHTS
    n = random.poisson(np.broadcast_to(expected, (len(ends), len(CELLS))))
    favourable = random.binomial(n, np.clip(model.rates(ends), 0, 1))
    return Drawn(ends, n @ MEMBERS.T, favourable @ MEMBERS.T)
