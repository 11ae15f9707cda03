"""An audit as one HTML file that needs nothing else: no script, no font, no address to load from."""

from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby

from monitor.assess import DisparityPoint, GroupPoint
from monitor.estimates import State
from monitor.metrics import metric
from streams.audit.charts import Axis, axis_of, whisker
from streams.audit.printing import described
from streams.audit.proxies import Proxy
from streams.audit.rulings import ruling
from streams.audit.run import Audit
from streams.audit.sections import (
    SKEW_WORDS,
    Measure,
    Section,
    detectable_words,
    driving,
    headed,
    listed_values,
    number,
    sections,
    sides_words,
    span,
    within_words,
    words,
)
from streams.audit.skews import Skew
from streams.drawing.paper import document, heads, sentence, table

SKEW_HEADS = ("labelled", "CI", "DPL", "interval", "KL", "JS", "LP", "TVD", "KS", "CDDL")


def page(audit: Audit) -> str:
    """The whole page."""
    title = f"Audit of {audit.source}"
    return document(title, _body(audit))


def _body(audit: Audit) -> Iterator[str]:
    yield f"<h1>Audit of {escape(audit.source)}</h1>"
    yield f'<p class="soft">{escape(described(audit))}; model {escape(audit.model.name)}</p>'
    if audit.notes:
        notes = "".join(f"<p>{escape(sentence(note))}</p>" for note in audit.notes)
        yield f'<div class="note">{notes}</div>'
    for one in audit.rulings:
        yield from ruling(one, audit.model.display_min)
    found = sections(audit.shown, audit.model)
    for section in found:
        yield from _section(section)
    for name, assessment in audit.of_classes:
        yield f"<h2>{escape(name)}, against every other class</h2>"
        for section in sections(assessment.published(), audit.model):
            yield from _section(section)
    if audit.skews:
        yield f"<h2>Labels in the data</h2><p class='soft'>{escape(SKEW_WORDS)}</p>"
        yield _skews(audit.skews)
    if audit.proxies:
        yield from _proxies(audit.proxies)
    yield (
        "<footer>Intervals are 95%: Wilson for rates, Student for means, Newcombe and Miettinen-Nurminen for differences and"
        " ratios, simultaneous over the groups that are compared. A rate without a denominator is undefined, never 0. What"
        " this shows is disparity between groups; what is fair, or lawful, it does not say. Made by fairdrift.</footer>"
    )


# --- metrics


def _section(section: Section) -> Iterator[str]:
    heading = escape(headed(section.attribute_set))
    many = len(section.attribute_set) > 1
    yield (
        f"<details{' open' if len(section.members) <= 24 else ''}><summary>{heading}</summary>"
        if many
        else f"<h2>{heading}</h2>"
    )
    for measure in section.measures:
        yield f'<h3 title="{escape(metric(measure.metric).definition)}">{escape(words(measure.metric))}</h3>'
        if any(measure.points):
            yield _measure(section, measure)
        for aggregate, gaps in driving(measure):
            for gap in gaps:
                told = (detectable_words(gap), within_words(measure, gap))
                beside = "".join(f"<br><span class='soft'>{escape(one)}</span>" for one in told if one)
                yield f'<p class="gap">{escape(aggregate.value)}: {_gap(gap)}{beside}</p>'
    if many:
        yield "</details>"


def _measure(section: Section, measure: Measure) -> str:
    axis = axis_of([point.estimate for point in measure.points if point is not None])
    rows = [
        f"<tr><td>{escape(listed_values(member.values))}</td><td class='n'>{'withheld' if member.n is None else f'{member.n:,}'}</td>"
        f"{_point(point, axis)}</tr>"
        for member, point in zip(section.members, measure.points, strict=True)
    ]
    head = heads(
        ("group", ""), ("people", "n"), (axis.title, "chart"), ("value", "n"), ("interval", "n"), ("of n", "n")
    )
    return table(head, rows)


def _point(point: GroupPoint | None, axis: Axis) -> str:
    if point is None:
        return "<td colspan='4'></td>"
    one = point.estimate
    if one.state is not State.MEASURED or one.value is None:
        why = f"{one.state.value}: {one.reason}" if one.reason else one.state.value
        return f"<td colspan='4' class='soft'>{escape(why)}</td>"
    return (
        f"<td class='chart'>{whisker(axis, one.value, one.low, one.high)}</td><td class='n'>{number(one.value)}</td>"
        f"<td class='n soft'>{escape(span(one.low, one.high))}</td><td class='n soft'>{one.n:,}</td>"
    )


def _gap(gap: DisparityPoint) -> str:
    one = gap.estimate
    if one.state is not State.MEASURED or one.value is None:
        return f"<span class='soft'>{escape(f'{one.state.value}: {one.reason}')}</span>"
    sides = f", {sides_words(gap)}"
    interval = span(one.low, one.high)
    shown = f" <span class='soft'>({escape(interval)})</span>" if interval else ""
    return f"<b>{number(one.value)}</b>{shown}{escape(sides)}"


# --- labels and proxies


def _skews(skews: Sequence[Skew]) -> str:
    head = heads(("against the rest", ""), *((name, "n") for name in SKEW_HEADS))
    rows = []
    for one in skews:
        f = one.found
        cells = (
            f"{f.n:,}",
            _maybe(f.class_imbalance),
            _maybe(f.difference),
            span(f.difference_low, f.difference_high),
            *map(
                _maybe,
                (
                    f.kullback_leibler, f.jensen_shannon, f.lp_norm, f.total_variation, f.kolmogorov_smirnov,
                    f.conditional_disparity,
                ),
            ),
        )  # fmt: skip
        numbers = "".join(f"<td class='n'>{escape(cell)}</td>" for cell in cells)
        rows.append(f"<tr><td>{escape(f'{one.attribute}: {one.group}')}</td>{numbers}</tr>")
    return table(head, rows)


def _maybe(value: float | None) -> str:
    return "–" if value is None else number(value)


def _proxies(found: Sequence[Proxy]) -> Iterator[str]:
    yield "<h2>Which columns tell the group</h2>"
    yield (
        "<p class='soft'>Cramér's V, bias-corrected: 0 tells nothing, 1 tells all. A model that may not see an attribute can"
        " still act on it through a column that tells it. Numbers are cut into tenths.</p>"
    )
    head = heads(("column", ""), ("Cramér's V", "chart"), ("V", "n"), ("interval", "n"), ("bits", "n"), ("interval", "n"),
                  ("of what there is to know", "n"))  # fmt: skip
    for attribute, each in groupby(found, key=lambda one: one.attribute):
        yield f"<h3>{escape(attribute)}</h3>"
        yield table(head, [f"<tr><td>{escape(one.column)}</td>{_proxy(one)}</tr>" for one in each])


def _proxy(one: Proxy) -> str:
    if one.found is None:
        return f"<td colspan='6' class='soft'>{escape(one.reason)}</td>"
    v, bits = one.found.cramers_v, one.found.information
    return (
        f"<td class='chart'>{whisker(Axis(0.0, 1.0), v.value, v.low, v.high)}</td><td class='n'>{v.value:.3f}</td>"
        f"<td class='n soft'>{v.low:.3f} to {v.high:.3f}</td><td class='n'>{bits.value:.4f}</td>"
        f"<td class='n soft'>{bits.low:.4f} to {bits.high:.4f}</td><td class='n'>{one.found.told:.1%}</td>"
    )
