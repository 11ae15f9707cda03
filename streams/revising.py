"""What is written of windows that are over: revisions after late events, and outcome metrics as labels come in.

Not urgent, and done in a transaction of its own: a page does not wait for it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from streams.folding import Fold
from streams.maturing import Maturing
from streams.measuring import Measuring
from streams.points import Points
from streams.rounds import Mark, Round
from streams.watching import Watched

AT_ONCE = 256
"""So many windows are computed before their points go to the database."""


class Reviser:
    """Revises the stored points of one model."""

    def __init__(self, of: Watched, points: Points, labels: Measuring | None) -> None:
        self._points, self._version = points, of.config_version
        self._labels = labels
        self._maturing = Maturing(of.model)

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
        """Whether the clock of outcomes has moved since outcome metrics by decision time were computed."""
        mark, reached = this.marks.get("revision"), this.marks.get("outcome")
        return self._labels is not None and reached is not None and (mark is None or mark.end < reached.end)

    def mature(self, this: Round) -> None:
        """Outcome metrics by decision time, of the windows that have come of age."""
        if self._labels is None or not self.has_matured(this):
            return
        mark, reached, decided = (this.marks.get(basis) for basis in ("revision", "outcome", "decision"))
        assert reached is not None
        began = min(m.began for m in (reached, decided) if m is not None)
        start = mark or Mark(began, began, {})
        now = self._maturing.limit(start.end, reached.end)
        for frames in self._maturing.frames(this.snapshot, start.end, now, start.began):
            points = [point for one in self._labels.measure(frames) for point in one.points()]
            this.written += self._points.revise(this.connection, points, self._version)
        this.move("revision", mark, replace(start, end=now))
        this.behind |= now < reached.end


def _parts(ends: Sequence[int], size: int = AT_ONCE) -> Iterator[Sequence[int]]:
    return (ends[first : first + size] for first in range(0, len(ends), size))
