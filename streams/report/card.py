"""The fairness section of a model card, to be copied into one. Headings after Mitchell et al., "Model Cards for Model
Reporting" (2019): factors, metrics, evaluation data, quantitative analyses, caveats."""

from collections.abc import Iterator
from html import escape

from streams.audit.sections import number, span, words
from streams.drawing.paper import heads, table
from streams.report.findings import Assessment, Watched
from streams.report.mechanism import moment, name


def card(found: Assessment) -> Iterator[str]:
    """The section as HTML."""
    yield "<h2>Model card: fairness</h2>"
    for title, text in sections(found):
        yield f"<h4>{escape(title)}</h4><p>{escape(text)}</p>"
    rows = [row for watched in found.watched for row in _rows(watched)]
    if rows:
        yield "<h4>Quantitative analyses</h4>"
        yield table(heads(("metric", ""), ("group", ""), ("value", "n"), ("95% interval", "n"), ("n", "n")), rows)


def sections(found: Assessment) -> Iterator[tuple[str, str]]:
    """Title and text of each part."""
    groups = "; ".join(f"{attribute} ({', '.join(names)})" for attribute, names in found.attributes.items())
    controls = f" Legitimate factors controlled for: {', '.join(found.factors)}." if found.factors else ""
    yield "Factors", f"Groups: {groups}. A missing value is the group unknown, which is counted and shown.{controls}"
    looked = dict.fromkeys(
        f"{words(one.what.metric)} ({one.what.aggregate or 'of each group'})" for one in found.watched
    )
    judged = f"{', '.join(looked)}. Alerts are decided by sequential evidence, budgeted at {found.budget} in 30 days."
    yield "Metrics", judged if looked else "None is judged by a rule."
    versions = dict.fromkeys(one.version for one in found.versions)
    counted = max((each[0].n or 0 for one in found.totals for names, each in one.sets.items() if not names), default=0)
    many = f", {counted:,} counted in whole windows" if counted else ""
    data = (
        f"Decisions in production from {moment(found.period.start)} to {moment(found.period.end)}{many}; versions"
        f" {', '.join(versions) or 'not known'}."
    )
    yield "Evaluation data", data
    fired = len([one for one in found.incidents if one.severity == "page"])
    labels = " Labels exist only for favourable decisions." if found.labels == "favourable_only" else ""
    caveats = (
        f"Pages in the period: {fired}. Disparity is not by itself unfairness, and its absence here is none elsewhere: groups that are"
        f" not recorded are not seen.{labels} Numbers of fewer than {found.display_min} people are withheld."
    )
    yield "Caveats", caveats


def _rows(watched: Watched) -> Iterator[str]:
    if watched.last is None:
        return
    metric = words(watched.what.metric)
    for one in watched.last.groups:
        figure = one.figure
        value = figure.state if figure.value is None else number(figure.value)
        yield _row(metric, name(one.groups), value, (span(figure.low, figure.high), figure.n))
    gap = watched.last.gap
    if gap is not None:
        value = gap.figure.state if gap.figure.value is None else number(gap.figure.value)
        sides = f"{name(gap.lower)} lowest, {name(gap.higher)} highest" if gap.lower and gap.higher else ""
        yield _row(
            f"{metric} {watched.what.aggregate}", sides, value, (span(gap.figure.low, gap.figure.high), gap.figure.n)
        )


def _row(metric: str, group: str, value: str, rest: tuple[str, int | None]) -> str:
    n = "" if rest[1] is None else f"{rest[1]:,}"
    return (
        f"<tr><td>{escape(metric)}</td><td>{escape(group)}</td><td class='n'>{escape(value)}</td>"
        f"<td class='n soft'>{escape(rest[0])}</td><td class='n'>{n}</td></tr>"
    )
