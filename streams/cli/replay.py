"""`fairdrift replay FILE`: the rows of a CSV or Parquet file as events."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from alerts.words import several
from monitor.config import ModelConfig
from monitor.times import DAY
from streams.config import load
from streams.publishing import KEEP, OWN, Destination, Publisher, batched, refusals
from streams.replay import Mapped, ReplayError, Scalar, Survey, described, from_text, messages, survey
from streams.settings import Settings
from streams.topics import Topics, open_topics

EXAMPLES = """
Decisions:  fairdrift replay clients.csv --set model=credit-limit --map id=client_id --time decided_at
--map decision=granted --attribute sex --attribute age --own-topics

Outcomes:   fairdrift replay paid.parquet --outcomes --set model=credit-limit --map id=client_id --time due
--map label=paid --own-topics
"""

PARTITIONS = 4
"""Of topics that are made where there is no live one to copy from."""

Several = list[str] | None


@dataclass(frozen=True, slots=True)
class Wishes:
    """Where to publish and how, as asked for."""

    topic: str
    own_topics: bool
    partitions: int
    batch: int
    skip: int
    force: bool


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.finished_speed or task.speed or 0:,.0f}/s")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("replay", epilog=EXAMPLES)(replay)


def replay(
    file: Annotated[Path, typer.Argument(help="A .csv (also .csv.gz) or .parquet file, sorted by time.")],
    config: Annotated[Path, typer.Option("--config", envvar="FAIRDRIFT_CONFIG", help="The configuration file.")] = Path(
        "fairdrift.yaml"
    ),
    outcomes: Annotated[
        bool, typer.Option("--outcomes", help="The rows are outcomes; else they are predictions.")
    ] = False,
    mapped: Annotated[
        Several, typer.Option("--map", metavar="FIELD=COLUMN", help="Field of the event from a column.")
    ] = None,
    time_column: Annotated[str, typer.Option("--time", metavar="COLUMN", help="Short for --map time=COLUMN.")] = "",
    constant: Annotated[
        Several, typer.Option("--set", metavar="FIELD=VALUE", help="Field with one value for all.")
    ] = None,
    attribute: Annotated[Several, typer.Option(metavar="[NAME=]COLUMN", help="A protected attribute.")] = None,
    factor: Annotated[Several, typer.Option(metavar="[NAME=]COLUMN", help="A legitimate factor.")] = None,
    null: Annotated[
        Several, typer.Option(metavar="TEXT", help="What else than an empty cell is null, such as NA.")
    ] = None,
    time_format: Annotated[str, typer.Option(help="How times are written if not in RFC 3339, such as %d.%m.%Y")] = "",
    topic: Annotated[str, typer.Option(help="Publish to this topic instead of the model's.")] = "",
    own_topics: Annotated[
        bool, typer.Option("--own-topics", help="Publish to topics made for history: NAME.replay.")
    ] = False,
    partitions: Annotated[
        int, typer.Option(min=0, help="Of topics that are made (default: as the live ones, or 4).")
    ] = 0,
    batch: Annotated[int, typer.Option(min=1, max=10_000, help="Events to a message; many are faster.")] = 1,
    skip: Annotated[int, typer.Option(min=0, help="Leave out the first rows: go on after an interruption.")] = 0,
    force: Annotated[bool, typer.Option("--force", help="Publish although fairdrift advises against it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON at the end.")] = False,
) -> None:
    """Publish the rows of a file as events, keyed by id, with the event's time as the record's.

    The whole file is read and checked before anything is published. Refuses to publish old events into topics that
    already hold newer ones: they would not be counted.
    """
    chosen = Mapped(
        "outcomes" if outcomes else "predictions",
        pairs(mapped, "--map") | ({"time": time_column} if time_column else {}),
        {name: _constant(name, value) for name, value in pairs(constant, "--set").items()},
        pairs(attribute, "--attribute", named=False),
        pairs(factor, "--factor", named=False),
        frozenset({"", *(null or ())}),
        time_format or None,
    )
    if not file.is_file():
        raise ReplayError(f"there is no file {file}")
    if problems := chosen.problems():
        raise ReplayError("\n  ".join(["this cannot be replayed yet:", *problems]))
    published = _replay(file, load(config), chosen, Wishes(topic, own_topics, partitions, batch, skip, force))
    if as_json:
        typer.echo(json.dumps(published))


def _replay(file: Path, settings: Settings, chosen: Mapped, wishes: Wishes) -> dict[str, object]:
    console = Console(stderr=True)
    found = survey(file, chosen)
    console.print(f"{file.name}: {described(found)}")
    model = _model(settings, chosen)
    with open_topics(settings.kafka) as topics:
        into = _destination(topics, model, chosen, wishes)
    max_lateness = model.max_lateness if model else DAY
    reasons = refusals(found, into, max_lateness, int(time.time() * 1000), going_on=wishes.skip > 0)
    for reason in reasons:
        console.print(
            f"{'against advice' if wishes.force else 'refused'}: {reason}", style="yellow" if wishes.force else "red"
        )
    if reasons and not wishes.force:
        raise typer.Exit(1)
    published = _publish(console, settings, into, (file, chosen, found, wishes))
    console.print(f"{several(published, 'event')} {'is' if published == 1 else 'are'} in {into.topic}")
    if wishes.own_topics and model is not None:
        live = model.topics
        pair = f"{{predictions: {live.predictions}{OWN}, outcomes: {live.outcomes}{OWN}}}"
        console.print(f"a model counts them with\n  topics: {pair}", highlight=False)
    return {"topic": into.topic, "partitions": into.partitions, "published": published}


def pairs(given: Sequence[str] | None, option: str, named: bool = True) -> dict[str, str]:
    """`NAME=VALUE` options as a mapping; without `named`, a bare VALUE names itself."""
    found: dict[str, str] = {}
    for each in given or ():
        name, sign, value = each.partition("=")
        if not sign and not named:
            value = name
        if not name or not value:
            raise ReplayError(f"{option} {each!r} is not {'' if named else '['}NAME={'' if named else ']'}COLUMN")
        if name in found:
            raise ReplayError(f"{option} {name} is given twice")
        found[name] = value
    return found


def _constant(name: str, value: str) -> Scalar:
    return value if name in ("model", "version", "arm") else from_text(value)


def _model(settings: Settings, chosen: Mapped) -> ModelConfig | None:
    """The model that all rows are about; None if a column says."""
    named = chosen.constants.get("model")
    if named is None:
        return None
    for model in settings.models:
        if model.name == named:
            return model
    raise ReplayError(f"no model {named} is configured; there are {', '.join(model.name for model in settings.models)}")


def _destination(topics: Topics, model: ModelConfig | None, chosen: Mapped, wishes: Wishes) -> Destination:
    """The topic to publish to, made if it is to be one for history."""
    live = "" if model is None else str(getattr(model.topics, chosen.kind))
    name = wishes.topic or live
    if not name:
        raise ReplayError("the rows say their model, so say the topic: --topic NAME")
    if wishes.own_topics:
        if model is None or wishes.topic:
            raise ReplayError(
                "--own-topics takes its names from the topics of one model: say --set model=NAME and no --topic"
            )
        both = [model.topics.predictions, model.topics.outcomes]
        counts = topics.partitions(both)
        made = wishes.partitions or max(counts.values()) or PARTITIONS
        topics.create([f"{topic}{OWN}" for topic in both], made, KEEP)
        name = f"{live}{OWN}"
    elif wishes.partitions:
        topics.create([name], wishes.partitions, KEEP)
    found = topics.partitions([name])[name]
    if not found:
        raise ReplayError(f"the topic {name} does not exist: say --own-topics, or --partitions N to have it made")
    return Destination(name, found, topics.newest(name), topics.settings(name))


def _publish(console: Console, settings: Settings, into: Destination, what: tuple[Path, Mapped, Survey, Wishes]) -> int:
    file, chosen, found, wishes = what
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    publisher = Publisher(settings.kafka, into.topic)
    sent = 0
    try:
        with Progress(*columns, console=console) as progress:
            task = progress.add_task(into.topic, total=max(0, found.rows - wishes.skip))

            def tell(events: int) -> None:
                nonlocal sent
                sent += events
                progress.advance(task, events)

            return publisher.publish(batched(messages(file, chosen, wishes.skip), into.partitions, wishes.batch), tell)
    except KeyboardInterrupt:
        more = (
            f"go on with --skip {wishes.skip + sent}" if wishes.batch == 1 else "start again: what is there counts once"
        )
        console.print(f"interrupted after {several(sent, 'event')}; {more}", style="yellow")
        raise
    finally:
        publisher.close()
