"""The options of `fairdrift audit`, by what they are about, and what they mean."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from streams.audit.asking import FIELDS, Wishes, name_of
from streams.audit.reading import AuditError
from streams.replay import from_text

Several = list[str] | None


@dataclass(frozen=True, slots=True)
class Columns:
    """What the columns are"""

    decision: Annotated[str, typer.Option(metavar="COLUMN", help="Favourable or not (default: `decision`).")] = ""
    score: Annotated[str, typer.Option(metavar="COLUMN", help="A score (default: `score`).")] = ""
    value: Annotated[str, typer.Option(metavar="COLUMN", help="An amount (default: `value`).")] = ""
    label: Annotated[str, typer.Option(metavar="COLUMN", help="What came true (default: `label`).")] = ""
    outcome: Annotated[str, typer.Option(metavar="COLUMN", help="The amount that came true (default: `outcome`).")] = ""
    time: Annotated[str, typer.Option(metavar="COLUMN", help="When it was decided (default: `time`).")] = ""
    favourable: Annotated[Several, typer.Option(metavar="VALUE", help="Decisions that are good for the person.")] = None
    positive: Annotated[Several, typer.Option(metavar="VALUE", help="Labels that are positive.")] = None
    weights: Annotated[str, typer.Option(metavar="COLUMN", help="How much each row counts (default: as one).")] = ""
    classes: Annotated[
        Several, typer.Option(metavar="VALUE", help="A label whose rates are shown against every other's.")
    ] = None
    cut: Annotated[float | None, typer.Option(help="A score of at least this is favourable, without a decision.")] = (
        None
    )
    favourable_only: Annotated[bool, typer.Option("--favourable-only", help="Only the favoured have labels.")] = False
    null: Annotated[Several, typer.Option(metavar="TEXT", help="What else than an empty cell is null, such as NA.")] = (
        None
    )
    delimiter: Annotated[str, typer.Option(help="Of a CSV, where it is not found by itself.")] = ""
    time_format: Annotated[str, typer.Option(help="How times are written if not in RFC 3339, such as %d.%m.%Y")] = ""


@dataclass(frozen=True, slots=True)
class Groups:
    """Groups of people"""

    attribute: Annotated[Several, typer.Option(metavar="[NAME=]COLUMN", help="A protected attribute.")] = None
    factor: Annotated[Several, typer.Option(metavar="[NAME=]COLUMN", help="A legitimate factor to control for.")] = None
    reference: Annotated[Several, typer.Option(metavar="NAME=GROUP", help="What to compare groups with.")] = None
    bins: Annotated[Several, typer.Option(metavar="NAME=25,40", help="Edges of an attribute's bins.")] = None
    meaning: Annotated[Several, typer.Option(metavar="NAME=GROUP:RAW,...", help="What an attribute's codes mean.")] = (
        None
    )
    intersections: Annotated[
        int, typer.Option(min=0, max=8, help="Most attributes together (default: 2).", show_default=False)
    ] = 0
    config: Annotated[
        Path | None, typer.Option("--config", envvar="FAIRDRIFT_CONFIG", help="Take attributes from it.")
    ] = None
    model: Annotated[str, typer.Option(help="The model of the configuration (default: its only one).")] = ""


@dataclass(frozen=True, slots=True)
class Measures:
    """What is computed"""

    metric: Annotated[Several, typer.Option(help="A metric (default: the best known); `all` for all.")] = None
    display_min: Annotated[int, typer.Option(min=0, help="Withhold the numbers of smaller groups.")] = 0
    min_n: Annotated[int, typer.Option(min=1, help="Groups of fewer take no part in differences and ratios.")] = 30
    proxies: Annotated[bool, typer.Option("--proxies/--no-proxies", help="Which columns tell the group.")] = True


@dataclass(frozen=True, slots=True)
class Judging:
    """Policies"""

    gate: Annotated[Several, typer.Option(metavar="POLICY", help="Judge, and let the exit code say the answer.")] = None
    policy: Annotated[Several, typer.Option(help="Judge, for the report only.")] = None
    on: Annotated[str, typer.Option(metavar="DAY", help="Judge rows without a time by the policies of this day.")] = ""
    exclude: Annotated[Several, typer.Option(metavar="NAME=GROUP:WHY", help="Why a small group is left out.")] = None
    list_policies: Annotated[bool, typer.Option("--list-policies", help="Say what policies there are, and stop.")] = (
        False
    )


@dataclass(frozen=True, slots=True)
class Output:
    """What comes of it"""

    report: Annotated[list[Path] | None, typer.Option(metavar="FILE", help="Write .html or .json.")] = None
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
    propose: Annotated[bool, typer.Option("--propose", help="Print a models section for this data, and stop.")] = False
    store_baseline: Annotated[str, typer.Option(metavar="MODEL", help="Store as this model's baseline.")] = ""


def wished(file: Path, columns: Columns, groups: Groups, measures: Measures) -> Wishes:
    """What the options ask of the file; AuditError for one that cannot be read."""
    if columns.classes and not columns.favourable and groups.config is None:
        raise AuditError("--classes needs --favourable VALUE: which of the labels are good for the person")
    chosen = {name: getattr(columns, name) for name in FIELDS}
    return Wishes(
        columns={name: column for name, column in chosen.items() if column},
        attributes=pairs(groups.attribute, "--attribute", named=False),
        factors=pairs(groups.factor, "--factor", named=False),
        bins={name: _edges(name, text) for name, text in pairs(groups.bins, "--bins").items()},
        values={name: _meanings(name, text) for name, text in pairs(groups.meaning, "--meaning").items()},
        references=pairs(groups.reference, "--reference"),
        favourable=_scalars(columns.favourable),
        positive=_scalars(columns.positive),
        cut=columns.cut,
        intersections=groups.intersections,
        favourable_only=columns.favourable_only,
        weights=columns.weights,
        classes=_scalars(columns.classes),
        time_format=columns.time_format,
        display_min=measures.display_min,
        name=groups.model or name_of(file.name.partition(".")[0]),
    )


def pairs(given: Several, option: str, *, named: bool = True) -> dict[str, str]:
    """`NAME=VALUE` of a repeated option; without `named` a bare value is its own name."""
    found: dict[str, str] = {}
    for one in given or ():
        name, equals, rest = one.partition("=")
        if named and not equals:
            raise AuditError(f"{option} {one}: write NAME=VALUE")
        if name in found:
            how = ": write it in one, with commas" if option in ("--bins", "--meaning") else ""
            raise AuditError(f"{option} {name} is given twice{how}")
        found[name if equals else name_of(name)] = rest if equals else name
    return found


def _edges(name: str, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise AuditError(f"--bins {name}={text}: write numbers, as in {name}=25,40,60") from None


def _meanings(name: str, text: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for part in text.split(","):
        group, colon, raw = part.partition(":")
        if not colon or not group:
            raise AuditError(f"--meaning {name}={text}: write group:value, as in {name}=male:1,female:2")
        found[group] = (*found.get(group, ()), raw)
    return found


def _scalars(given: Several) -> tuple[bool | int | float | str, ...]:
    return tuple(value for value in (from_text(text) for text in given or ()) if value is not None)


def day(text: str) -> date:
    """The day that is written, or today."""
    if not text:
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise AuditError(f"--on {text}: write a day, as in 2026-07-20") from None


def justified(text: str) -> tuple[tuple[tuple[str, str], ...], str]:
    """`race=Native:why`, or `race=Native,sex=F:why` for an intersection."""
    groups, colon, why = text.partition(":")
    parts = [part.partition("=") for part in groups.split(",")]
    if not colon or not why.strip() or not all(equals and value for _, equals, value in parts):
        raise AuditError(f"--exclude {text}: write the group and why, as in 'race=Native:fifteen people'")
    return tuple(sorted((name.strip(), value.strip()) for name, _, value in parts)), why.strip()
