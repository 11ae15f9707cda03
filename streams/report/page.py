"""The impact assessment as one HTML file: light, no script, no font, no address to load from; prints on A4 and Letter."""

from collections.abc import Iterator, Sequence
from html import escape

from alerts.words import lasting, several
from monitor.policies import SCORING_RATE
from streams.audit.rulings import judged
from streams.audit.sections import number, span, words
from streams.drawing.paper import document, heads, sentence, table
from streams.report.card import card
from streams.report.chart import Lanes, chart
from streams.report.findings import (
    Applied,
    Assessment,
    Total,
    Watched,
    What,
)
from streams.report.incident import convincing_seconds, incident
from streams.report.mechanism import moment, name
from streams.report.moments import compared, moments_table

STYLE = """
.facts { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1.2rem; margin: .6rem 0; }
.facts dt { color: var(--soft); } .facts dd { margin: 0; }
.incident { border: 1px solid var(--line); border-left: 4px solid #b34700; border-radius: 4px; padding: .6rem 1rem .8rem; margin: 1rem 0; }
.incident h3 { margin-top: 0; } .incident.ticket { border-left-color: #e69f00; }
h4 { font-size: .92rem; margin: .9rem 0 .1rem; } ul { margin: .2rem 0; padding-left: 1.2rem; max-width: 52rem; }
.lead { font-size: 1.05rem; max-width: 52rem; }
"""


def page(found: Assessment) -> str:
    """The whole file."""
    return document(f"Impact assessment: {found.model}", _body(found), STYLE)


def _body(found: Assessment) -> Iterator[str]:
    period = found.period
    yield f"<h1>Impact assessment: {escape(found.model)}</h1>"
    yield (
        f'<p class="soft">{moment(period.start)} to {moment(period.end)}, as it was known at {moment(period.as_of)}.'
        f" Made by fairdrift{'' if found.program == '0' else ' ' + escape(found.program)}, {moment(found.made_at)}.</p>"
    )
    yield from _summary(found)
    yield from _watch(found)
    yield from _parity(found)
    yield from _incidents(found)
    yield from _done(found)
    yield from _totals(found)
    yield from _policies(found)
    yield from card(found)
    yield from _basis(found)
    yield (
        "<footer>Every figure is one of the SQL views as of the stated time, or a sum of them that names its windows. Intervals are"
        " 95%, and those of a comparison of several groups hold for all of them together. A rate without a denominator is undefined,"
        " never 0; numbers of few people are withheld. What this shows is disparity between groups; what is fair, or lawful, it does"
        " not say.</footer>"
    )


# --- what happened, in a few sentences


def _summary(found: Assessment) -> Iterator[str]:
    yield "<h2>In short</h2>"
    for text in summary(found):
        yield f'<p class="lead">{escape(text)}</p>'


def summary(found: Assessment) -> Iterator[str]:
    """What somebody who reads nothing else should know."""
    pages = [one for one in found.incidents if one.severity == "page"]
    others = len(found.incidents) - len(pages)
    if not found.incidents:
        yield "Nothing fired in this period."
    else:
        paged = several(len(pages), "page") if pages else "No page"
        beside = f" and {several(others, 'ticket')}" if others else ""
        yield f"{paged}{beside} in this period."
    for one in pages:
        end = "is still firing" if one.lasted is None else f"lasted {lasting(one.lasted.total_seconds())}"
        seconds = convincing_seconds(one.payload)
        counts = "" if seconds is None else f" on the counts of the {lasting(seconds)} before"
        routed = f" The route was set to {one.routes[0].after}." if one.routes else ""
        yield f"{one.payload.get('summary', one.rule)}; fired {moment(one.fired)}{counts}, {end}.{routed}"
    for watched in found.watched:
        yield _standing(watched)
    if not found.watched:
        yield "No rule with a bound looks at this model: nothing here was judged."


def _standing(watched: Watched) -> str:
    of = f"{words(watched.what.metric)} {watched.what.aggregate}".strip()
    over = f"{of} by {', '.join(watched.what.attributes)}"
    gap = watched.last.gap if watched.last is not None else None
    if gap is None or watched.last is None:
        return f"{sentence(over)[:-1]}: nothing was measured in this period, so that nothing can be said."
    if gap.figure.value is None:
        return f"{sentence(over)[:-1]} is {gap.figure.state} at the end of the period."
    beyond = (watched.minimum is not None and gap.figure.value < watched.minimum) or (
        watched.maximum is not None and gap.figure.value > watched.maximum
    )
    return (
        f"At the end of the period the {over} is {number(gap.figure.value)} ({span(gap.figure.low, gap.figure.high)}), {name(gap.lower)} lowest,"
        f" {name(gap.higher)} highest: {'outside' if beyond else 'inside'} the bound of {bound(watched)}."
    )


def bound(watched: Watched) -> str:
    """`at least 0.8`."""
    ends = (("at least", watched.minimum), ("at most", watched.maximum))
    return " and ".join(f"{word} {end:g}" for word, end in ends if end is not None)


# --- what was watched


def _watch(found: Assessment) -> Iterator[str]:
    yield "<h2>What was watched</h2>"
    rows = []
    for attribute, groups in found.attributes.items():
        reference = f", compared with {found.references[attribute]}" if attribute in found.references else ""
        rows.append(_fact(attribute, f"{', '.join(groups)}{reference}"))
    if found.factors:
        rows.append(_fact("factors", f"{', '.join(found.factors)}: shown beside every gap, never instead of it"))
    if found.labels == "favourable_only":
        rows.append(
            _fact("labels", "only favourable decisions ever get one; what needs the label of the refused is undefined")
        )
    rows.append(_fact("withheld", f"numbers of fewer than {found.display_min} people"))
    yield f'<dl class="facts">{"".join(rows)}</dl>'
    if not found.watched:
        return
    yield table(
        heads(("rule", ""), ("looks at", ""), ("over", ""), ("bound", ""), ("window", "n"), ("tells", "")),
        [
            f"<tr><td>{escape(one.rule)}</td><td>{escape(_looked_at(one.what))}</td><td>{escape(', '.join(one.what.attributes))}</td>"
            f"<td>{bound(one)}</td><td class='n'>{lasting(one.what.window_seconds)}</td><td>{escape(one.severity)}</td></tr>"
            for one in found.watched
        ],
    )
    yield (
        f'<p class="soft">A page needs evidence, so that chance alone is expected to make at most {found.budget} in 30 days, over everything that is'
        " watched, however often it is looked at.</p>"
    )


def _looked_at(what: What) -> str:
    return f"{words(what.metric)} {what.aggregate} {what.method.replace('_', ' ')}".strip()


# --- parity over the period


def _parity(found: Assessment) -> Iterator[str]:
    yield "<h2>Parity over the period</h2>"
    if not found.watched:
        yield "<p>No rule with a bound looks at this model; its groups are further down.</p>"
        return
    if any(_drawn(watched) for watched in found.watched):
        yield (
            '<p class="soft">Blue: the comparison over the rule’s window, with its 95% interval as a band. Grey dots: the same within strata'
            " of the factors. Dashed: the bound. Purple: evidence against the bound, and what a page needs. Below: the warning and the alert"
            " (darker), the route, and the versions that decided; the route’s changes are listed further down.</p>"
        )
    lanes = Lanes(found.incidents, found.routes, found.versions)
    for watched in found.watched:
        yield f"<h3>{escape(watched.rule)}: {escape(_looked_at(watched.what))} by {escape(', '.join(watched.what.attributes))}</h3>"
        if _drawn(watched):
            yield chart(watched, found.period, lanes)
        else:
            yield '<p class="soft">Nothing was measured in this period, so that there is no picture.</p>'
        moments = [one for one in (watched.first, watched.last) if one is not None]
        if moments:
            yield moments_table(moments, compared(watched.what))


def _drawn(watched: Watched) -> bool:
    return any(value is not None for one in watched.lines for value in one.values)


# --- incidents


def _incidents(found: Assessment) -> Iterator[str]:
    yield "<h2>Incidents</h2>"
    if not found.incidents:
        yield "<p>Nothing fired.</p>"
    for one in found.incidents:
        yield from incident(one)


# --- what was done, totals, policies, the basis


def _done(found: Assessment) -> Iterator[str]:
    yield "<h2>What was done about the route</h2>"
    if not found.routes:
        yield "<p>It was live all the time.</p>"
        return
    rows = [
        f"<tr><td>{moment(step.at)}</td><td>{step.before} → {step.after}{'' if step.percent is None else f' {step.percent:g}%'}</td>"
        f"<td>{escape(step.by)}</td><td>{escape(step.reason)}</td></tr>"
        for step in found.routes
    ]
    yield table(heads(("when", ""), ("route", ""), ("by", ""), ("why", "")), rows)


def _totals(found: Assessment) -> Iterator[str]:
    yield "<h2>Groups over the whole period</h2>"
    if not found.totals:
        yield "<p>No whole windows lie in this period, so that nothing can be summed.</p>"
        return
    for totals in found.totals:
        left = (
            f"; {lasting(totals.missing.total_seconds())} of the period lie in no such window" if totals.missing else ""
        )
        yield f"<h3>{escape(words(totals.metric))}</h3>"
        told = f"Summed over {several(len(totals.windows), 'window')} side by side"
        if totals.metric == SCORING_RATE:
            told = "The share above the median of everybody in the whole period, from the histograms of scores"
        weighed = (
            " Value: weights over weights. Counted: people. No interval, since how many weigh alike is not kept."
            if found.weighted
            else ""
        )
        yield f'<p class="soft">{told}, {moment(totals.since)} to {moment(totals.until)}{left}.{weighed}</p>'
        rows = [row for names, each in totals.sets.items() for row in _total_rows(names, each, weighted=found.weighted)]
        top = [("weight", "n"), ("of weight", "n")] if found.weighted else [("numerator", "n")]
        yield table(heads(("", ""), ("counted", "n"), *top, ("value", "n"), ("interval", "n")), rows)


def _total_rows(names: Sequence[str], each: Sequence[Total], *, weighted: bool) -> Iterator[str]:
    for one in each:
        label = escape(name(one.groups)) if names else "<b>everybody</b>"
        if one.n is None:
            yield f"<tr><td>{label}</td><td colspan='{5 if weighted else 4}' class='soft n'>withheld: too few people in one of the windows</td></tr>"
            continue
        value = "<span class='soft'>undefined</span>" if one.value is None else f"<b>{number(one.value)}</b>"
        sums = [one.numerator or 0.0, one.denominator or 0.0] if weighted else [one.numerator or 0.0]
        top = "".join(f"<td class='n'>{number(total) if weighted else f'{total:,.0f}'}</td>" for total in sums)
        yield (
            f"<tr><td>{label}</td><td class='n'>{one.n:,}</td>{top}<td class='n'>{value}</td>"
            f"<td class='n soft'>{escape(span(one.low, one.high))}</td></tr>"
        )


def _policies(found: Assessment) -> Iterator[str]:
    for one in found.applied:
        yield f"<h2>{escape(one.heading or one.name)}</h2>"
        yield from _applied(one, found.display_min)


def _applied(one: Applied, display_min: int) -> Iterator[str]:
    if one.judgement is None:
        yield f"<p>There is no table: {escape(one.reason)}.</p>"
        return
    policy = one.judgement.policy
    ends = "" if policy.effective_to is None else f" to {policy.effective_to}"
    yield (
        f"<p>{escape(policy.title)}, in force since {policy.effective_from or 'always'}{ends}; answer:"
        f" <b>{escape(one.judgement.answer.value)}</b>. From the sums above.</p>"
    )
    yield from judged(one.judgement, display_min)


def _basis(found: Assessment) -> Iterator[str]:
    yield "<h2>What this rests on</h2>"
    versions = [
        f"<tr><td><code>{escape(one.version)}</code></td><td>{moment(one.first_used)}</td>"
        f"<td>{escape(', '.join(one.changed) or 'the first one known')}</td></tr>"
        for one in found.configurations
    ]
    if versions:
        yield table(heads(("configuration", ""), ("in force since", ""), ("sections that changed", "")), versions)
    else:
        yield "<p>Which configuration was in force is not recorded for this period.</p>"
    served = [
        f"<tr><td>{escape(one.version)}</td><td>{escape(one.arm)}</td><td>{moment(one.first)}</td><td>{moment(one.last)}</td></tr>"
        for one in found.versions
    ]
    if served:
        yield table(heads(("model version", ""), ("arm", ""), ("in windows from", ""), ("to", "")), served)
    policies = [
        f"<tr><td>{escape(one.judgement.policy.id)}</td><td>{one.judgement.policy.effective_from or ''}</td>"
        f"<td>{escape(one.judgement.policy.status.source)}, {one.judgement.policy.status.date}</td></tr>"
        for one in found.applied
        if one.judgement is not None
    ]
    if policies:
        yield table(heads(("policy", ""), ("version of", ""), ("source", "")), policies)
    yield (
        "<p>To look a figure up: <code>select * from fairness_disparity_as_of('"
        f"{found.period.as_of.isoformat()}') where model = '{escape(found.model)}'</code>; likewise <code>fairness_group_as_of</code>,"
        " <code>fairness_evidence_as_of</code>, <code>alert_history_as_of</code>, <code>control_history_as_of</code>.</p>"
    )


def _fact(label: str, text: str) -> str:
    return f"<dt>{escape(label)}</dt><dd>{escape(text)}</dd>"
