"""What is written of windows that are over: revisions after late events, and outcome metrics as labels come in.

Not urgent, and done in a transaction of its own: a page does not wait for it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from monitor.config import ModelConfig
from monitor.metric import Needs
from monitor.sections import text_of
from monitor.windows import HOUR
from streams.folding import Fold
from streams.maturing import HISTOGRAMS, REVISION, WEIGHTED, Maturing, Series, of_classes
from streams.measuring import Measuring
from streams.points import Points
from streams.rounds import Mark, Round
from streams.watching import Watched

AT_ONCE = 256
"""So many windows are computed before their points go to the database."""

_Parts = tuple[tuple[Series, tuple[Needs, ...]], ...]

COUNTING: _Parts = (
    (REVISION, ("label", "both", "label_score", "error")),
    *((one, tuple(one.bases)) for one in HISTOGRAMS),
)
"""What is computed afterwards, and the metrics of which needs it is for."""

WEIGHING: _Parts = tuple(
    zip(
        WEIGHTED,
        (("decision", "score", "value"), ("label", "both", "error", "label_score"), ("label", "error", "label_score")),
        strict=True,
    )
)
"""The same of a model that weighs its decisions."""


class Reviser:
    """Revises the stored points of one model."""

    def __init__(self, of: Watched, points: Points, measuring: Measuring) -> None:
        self._points, self._version = points, of.config_version
        self._after: list[After] = []
        weighted = of.model.weight_unit is not None
        for series, needs in WEIGHING if weighted else COUNTING:
            self._add(of.model, series, measuring.afterwards(*needs))
        for series in of_classes([text_of(name) for name in of.model.classes], weighted=weighted):
            part = measuring.afterwards("decision", "label")
            self._add(of.model, series, None if part is None else replace(part, asked=frozenset()))

    def _add(self, model: ModelConfig, series: Series, part: Measuring | None) -> None:
        if part is not None:
            part = replace(part, plan=replace(part.plan, weight_unit=model.weight_unit))
            self._after.append(After(series, Maturing(model, series, part.needs), part))

    def revise(self, this: Round, fold: Fold, starts: Iterable[int], began: int) -> None:
        """Compute the stored points again whose windows hold one of the panes that start at `starts`."""
        assert fold.end is not None
        for window in fold.windows:
            ends = {end for start in starts for end in window.ends_over(start, fold.end) if end > began}
            exact = sorted(end for end in ends if fold.exact(window, end))
            for part in _parts(exact):
                frames = list(fold.replayed(window, part, this.positions.lost))
                points = [point for one in fold.measuring.measure(frames) for point in one.points()]
                this.written += self._points.revise(this.connection, points, self._version)

    def has_matured(self, this: Round) -> bool:
        """Whether a clock has moved since what is computed afterwards was computed."""
        return any(self._due(this, after) is not None for after in self._after)

    def mature(self, this: Round) -> None:
        """What is computed of windows that have come of age."""
        for after in self._after:
            found = self._due(this, after)
            if found is None:
                continue
            start, reached = found
            now = after.maturing.limit(start.end, reached)
            frames = after.maturing.frames(this.snapshot, (start.end, now), start.began, this.positions.lost)
            for part in frames:
                points = [point for one in after.measuring.measure(part) for point in one.points()]
                this.written += self._points.revise(this.connection, points, self._version)
            this.move(after.series.mark, this.marks.get(after.series.mark), replace(start, end=now))
            this.behind |= now < reached

    def _due(self, this: Round, after: "After") -> tuple[Mark, int] | None:
        """From where on there is something to do, and how far the clock has come; None if there is nothing."""
        mark = this.marks.get(after.series.mark)
        if after.series is REVISION and "label" in after.measuring.needs:
            reached, decided = (this.marks.get(basis) for basis in ("outcome", "decision"))
            if reached is None or (mark is not None and mark.end >= reached.end):
                return None
            began = min(m.began for m in (reached, decided) if m is not None)
            return mark or Mark(began, began, {}), reached.end
        clock = this.clock(after.series.topics)
        closed = clock.closed(HOUR)
        if closed is not None and this.drained and clock.time is not None:
            closed = -(-clock.time // HOUR) * HOUR
        if closed is None or (mark is not None and mark.end >= closed):
            return None
        if mark is not None:
            return mark, closed
        firsts = [this.snapshot.first(basis) for basis in after.maturing.bases]
        known = [first for first in firsts if first is not None]
        return (Mark(min(known), min(known), {}), closed) if known and min(known) < closed else None


@dataclass(frozen=True, slots=True)
class After:
    """Something that is computed when windows are over, and what is measured of them."""

    series: Series
    maturing: Maturing
    measuring: Measuring


def _parts(ends: Sequence[int], size: int = AT_ONCE) -> Iterator[Sequence[int]]:
    return (ends[first : first + size] for first in range(0, len(ends), size))
