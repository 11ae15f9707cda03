"""What must happen, in which order, and the account of it in words and numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Any

from streams.demo.bank import Tally
from streams.demo.policy import MISTAKE
from streams.demo.timeline import Timeline, span


class Chapter(StrEnum):
    """The chapters of the story, in their only right order."""

    DEPLOYED = "deployed"
    FIRED = "fired"
    PAGED = "paged"
    SIGNALLED = "rollback signalled"
    SWITCHED = "traffic switched"
    RECOVERED = "parity recovered"
    RESOLVED = "resolved"
    STOOD_DOWN = "told that it is over"
    SHADOWED = "repaired version in shadow"
    CANARY = "canary of 1%"
    WIDENED = "canary of 25%"
    RESTORED = "live again"


MEANING = {
    Chapter.DEPLOYED: "the version with the mistake was deployed",
    Chapter.FIRED: "the alert fired",
    Chapter.PAGED: "the webhook arrived with a valid signature",
    Chapter.SIGNALLED: "the router read the rollback signal on the control topic",
    Chapter.SWITCHED: "the first application was decided by the fallback",
    Chapter.RECOVERED: "the ratio over twelve hours was inside the bound",
    Chapter.RESOLVED: "the alert resolved",
    Chapter.STOOD_DOWN: "the webhook about the end arrived with a valid signature",
    Chapter.SHADOWED: "the repaired version scored in shadow",
    Chapter.CANARY: "the plan let it decide 1% of the applications",
    Chapter.WIDENED: "the plan let it decide 25%",
    Chapter.RESTORED: "the plan let it decide all of them",
}


@dataclass(frozen=True, slots=True)
class Moment:
    """A chapter that happened: the simulated time (ms), and what to say about it."""

    chapter: Chapter
    at_ms: int
    words: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """The end of the demo. `missing` is empty if everything happened once and in the right order."""

    complete: bool
    missing: tuple[str, ...]
    moments: dict[str, str]
    hours_to_page: float | None
    hours_to_switch: float | None
    hours_to_resolve: float | None
    decided_between: int
    women_between: int
    women_lowered: int
    mean_shortfall: int
    decided: int
    shadowed: int
    canaried: int
    predictions_counted: int
    seconds_to_webhook: float | None
    repaid: dict[str, float]
    sentences: tuple[str, ...]

    def json(self) -> dict[str, Any]:
        """The account as plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted on the way: by the bank (`tallies`, by version and sex), by fairdrift, and by the clock on the wall."""

    tallies: Mapping[tuple[str, str], Tally]
    predictions_counted: int
    seconds_to_webhook: float | None = None
    repaid: Mapping[str, float] = field(default_factory=dict)
    arms: Mapping[str, int] = field(default_factory=dict)


def missing(moments: Sequence[Moment]) -> tuple[str, ...]:
    """What did not happen, happened more than once, or came before what must precede it, a sentence each; empty if the story is right."""
    faults = []
    for chapter, meaning in MEANING.items():
        times = sum(moment.chapter is chapter for moment in moments)
        if times == 0:
            faults.append(f"missing: {meaning}")
        elif times > 1:
            faults.append(f"happened {times} times: {meaning}")
    order = list(Chapter)
    for earlier, later in pairwise(moments):
        if order.index(later.chapter) < order.index(earlier.chapter) or later.at_ms < earlier.at_ms:
            faults.append(f"out of order: {MEANING[later.chapter]}, after {MEANING[earlier.chapter]}")
    return tuple(faults)


def account(moments: Sequence[Moment], counts: Counts, timeline: Timeline) -> Account:
    """The account of the moments, in the order in which they were observed."""
    at = {moment.chapter: moment.at_ms for moment in moments}
    faults = missing(moments)
    women, men = (counts.tallies.get(("limits-2", sex), Tally()) for sex in ("female", "male"))
    figures = {
        "decided_between": women.decided + men.decided,
        "women_between": women.decided,
        "women_lowered": women.approved,
        "mean_shortfall": round(women.shortfall / women.approved) if women.approved else 0,
        "decided": sum(tally.decided for tally in counts.tallies.values()),
        "shadowed": counts.arms.get("shadow", 0),
        "canaried": counts.arms.get("canary", 0),
        "predictions_counted": counts.predictions_counted,
    }
    return Account(
        complete=not faults,
        missing=faults,
        moments={moment.chapter.value: timeline.words(moment.at_ms) for moment in moments},
        hours_to_page=_hours(at, Chapter.FIRED),
        hours_to_switch=_hours(at, Chapter.SWITCHED),
        hours_to_resolve=_hours(at, Chapter.RESOLVED),
        seconds_to_webhook=counts.seconds_to_webhook,
        repaid=dict(counts.repaid),
        sentences=(*_sentences(at, figures, counts.seconds_to_webhook, timeline), *_ending(figures, counts.repaid)),
        **figures,
    )


def _hours(at: Mapping[Chapter, int], chapter: Chapter) -> float | None:
    if chapter not in at or Chapter.DEPLOYED not in at:
        return None
    return round((at[chapter] - at[Chapter.DEPLOYED]) / 3_600_000, 2)


def _sentences(
    at: Mapping[Chapter, int], figures: Mapping[str, int], seconds: float | None, timeline: Timeline
) -> list[str]:
    """One sentence for each part of the story that happened."""
    deployed = at.get(Chapter.DEPLOYED)
    if deployed is None:
        return ["No faulty version was deployed."]
    said = [
        f"On {timeline.words(deployed)}, limits-2 was deployed: women got {1 - MISTAKE:.0%} lower limits at the same repayment history."
    ]
    if Chapter.FIRED in at:
        wall = (
            f" (the signed webhook arrived {seconds:.1f} real seconds after the events that showed it were sent)"
            if seconds
            else ""
        )
        said.append(
            f"The page came {span(at[Chapter.FIRED] - deployed)} later, on {timeline.words(at[Chapter.FIRED])}{wall}."
        )
    if Chapter.SWITCHED in at:
        said.append(
            f"The router obeyed the rollback signal on {timeline.words(at[Chapter.SWITCHED])}. Until then limits-2 had decided on "
            f"{figures['decided_between']:,} people, {figures['women_between']:,} of them women; {figures['women_lowered']:,} women were "
            f"approved, with limits NT$ {figures['mean_shortfall']:,} lower on average than under limits-1."
        )
    if Chapter.RECOVERED in at:
        said.append(
            f"After that the ratio over twelve hours was inside the bound on {timeline.words(at[Chapter.RECOVERED])}."
        )
    if Chapter.RESOLVED in at:
        said.append(
            f"The alert resolved on {timeline.words(at[Chapter.RESOLVED])}, {span(at[Chapter.RESOLVED] - deployed)} after the deployment."
        )
    if Chapter.SHADOWED in at:
        said.append(
            f"The repaired limits-3 scored in shadow from {timeline.words(at[Chapter.SHADOWED])}: {figures['shadowed']:,} applications,"
            " none decided by it."
        )
    if Chapter.RESTORED in at:
        said.append(
            f"The canary plan gave it 1% on {timeline.words(at.get(Chapter.CANARY, deployed))} and 25% on"
            f" {timeline.words(at.get(Chapter.WIDENED, deployed))}, {figures['canaried']:,} decisions, all the while inside the bound;"
            f" since {timeline.words(at[Chapter.RESTORED])} it decides everything."
        )
    return said


def _ending(figures: Mapping[str, int], repaid: Mapping[str, float]) -> list[str]:
    said = []
    if {"female", "male"} <= repaid.keys():
        said.append(
            f"Of those approved, {repaid['female']:.1%} of the women and {repaid['male']:.1%} of the men repaid, by the outcomes of the last week."
        )
    shadowed = f", {figures['shadowed']:,} more scored in shadow" if figures["shadowed"] else ""
    made = (
        f"Decisions made: {figures['decided']:,}{shadowed}; counted by fairdrift: {figures['predictions_counted']:,}."
    )
    return [*said, made]
