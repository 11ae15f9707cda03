"""The topics: there, alike, partitioned as the join needs it, and kept for long enough."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec
from kafka.errors import KafkaError

from alerts.words import several
from monitor.times import DAY, HOUR, format_duration
from streams.checks.findings import Finding, failure, ok, unknown, warning
from streams.partitions import partition_of
from streams.settings import Settings, Stream
from streams.topics import KafkaAway, Record, Topics, open_topics

WHERE = "kafka"
SAMPLE = 100
"""Records looked at in each partition: a wrong partitioner puts (N - 1) of N records elsewhere, so a few are enough."""


class _Id(msgspec.Struct):
    """What is read of an event: nothing but its id."""

    id: str


_ids = msgspec.json.Decoder(_Id | list[_Id])


def check(settings: Settings, streams: Sequence[Stream], known_parts: Mapping[str, int]) -> Iterator[Finding]:
    """Findings about every stream's topics, and our own. `known_parts`: as the database remembers them."""
    try:
        with open_topics(settings.kafka) as topics:
            yield ok(WHERE, f"Kafka answers at {', '.join(settings.kafka.bootstrap)}")
            for stream in streams:
                yield from _stream(settings, topics, stream, known_parts.get(stream.name))
            yield from _own_topics(settings, topics)
    except KafkaAway as error:
        yield failure(
            WHERE,
            str(error),
            "see the section kafka, and whether the broker runs and its advertised address is reachable",
        )
    except KafkaError as error:
        yield failure(WHERE, f"Kafka refused: {error}", "see the section kafka, and the rights of its user")


def _stream(settings: Settings, topics: Topics, stream: Stream, known: int | None) -> Iterator[Finding]:
    pair = (stream.predictions, stream.outcomes)
    counts = topics.partitions(pair)
    for topic in pair:
        if not counts[topic]:
            yield failure(
                topic,
                "the topic does not exist, or may not be seen",
                "create it, with as many partitions as its partner",
            )
    if not all(counts.values()):
        return
    if counts[pair[0]] != counts[pair[1]]:
        told = f"{pair[0]} has {counts[pair[0]]} partitions and {pair[1]} {counts[pair[1]]}: predictions and outcomes do not meet"
        yield failure(stream.name, told, "give both the same number, or set `repartition: true`")
        return
    parts = counts[pair[0]]
    if known is not None and known != parts:
        told = f"the topics have {parts} partitions now and had {known} when they were counted: ids have moved between them"
        yield failure(stream.name, told, "go on with new topics of the new size; fairdrift refuses to count these")
    yield ok(stream.name, f"both topics have {several(parts, 'partition')}")
    for topic in pair:
        yield from _retention(settings, topics, stream, topic)
        yield from placement(topic, topics.last(topic, SAMPLE), parts, stream)


def _retention(settings: Settings, topics: Topics, stream: Stream, topic: str) -> Iterator[Finding]:
    found = topics.settings(topic)
    if found.retention_ms is None and found.cleanup is None:
        yield unknown(
            topic, "the broker does not tell how long it keeps records", "see that it is longer than join_horizon"
        )
        return
    if found.cleanup is not None and "compact" in found.cleanup:
        yield warning(topic, "the topic is compacted: earlier records of an id vanish", "set cleanup.policy=delete")
    if found.retention_bytes is not None and found.retention_bytes >= 0:
        yield warning(
            topic, f"it is cut at {found.retention_bytes} bytes a partition, whatever its age", "set retention.bytes=-1"
        )
    needed = stream.terms.reach
    kept = found.retention_ms
    if kept is None or kept < 0 or kept >= needed:
        yield ok(
            topic,
            "it keeps records for ever"
            if kept is None or kept < 0
            else f"it keeps records for {format_duration(kept)}",
        )
        return
    told = f"it keeps records for {format_duration(kept)}, the join looks back {format_duration(needed)}"
    if settings.worker.checkpoint_dir is not None and kept >= DAY:
        yield warning(
            topic, f"{told}: a lost join store comes back from a checkpoint only", "set a longer retention.ms"
        )
    else:
        remedy = f"set retention.ms={needed + HOUR}, or worker.checkpoint_dir, or a shorter join_horizon"
        yield failure(topic, f"{told}: a lost join store cannot be rebuilt", remedy)


def placement(topic: str, records: Sequence[Record], parts: int, stream: Stream) -> Iterator[Finding]:
    """Whether ids lie where murmur2 puts them, so that a prediction and its outcome meet."""
    if stream.repartition:
        yield ok(topic, "ids are re-keyed through a topic of our own")
        return
    mapped = any(model.mapping is not None for model in stream.models)
    sampled, wrong, keyless = 0, 0, 0
    example = ""
    for record in records:
        for key in _keys(record, mapped):
            sampled += 1
            expected = partition_of(key, parts)
            if expected != record.part:
                wrong += 1
                example = example or f"one of partition {record.part} belongs to {expected}"
        keyless += record.key is None
    if not sampled:
        yield unknown(
            topic, "there are no records yet whose partition could be checked", "check again when producers run"
        )
    elif wrong:
        told = f"{wrong} of {sampled} sampled ids are not where murmur2 of the id puts them ({example}): outcomes will not find them"
        remedy = "key by id with the Java clients' partitioner (librdkafka: partitioner=murmur2_random), or set `repartition: true`"
        yield failure(topic, told + (f"; {keyless} have no key" if keyless else ""), remedy)
    else:
        yield ok(topic, f"{sampled} sampled ids are in their partitions")


def _keys(record: Record, mapped: bool) -> list[bytes]:
    """The ids of a record: of the events in it if they are of the contract's form, else its key."""
    if record.value is not None and not mapped:
        try:
            found = _ids.decode(record.value)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return []
        return [each.id.encode() for each in (found if isinstance(found, list) else [found])]
    return [] if record.key is None else [record.key]


def _own_topics(settings: Settings, topics: Topics) -> Iterator[Finding]:
    names = (settings.kafka.control_topic, settings.kafka.dead_letter_topic)
    counts = topics.partitions(names)
    for name in names:
        if not counts[name]:
            yield unknown(name, "the topic does not exist yet", "a worker makes it at its start, if it may")
    control = settings.kafka.control_topic
    if counts[control]:
        cleanup = topics.settings(control).cleanup
        if cleanup is not None and "compact" not in cleanup:
            yield failure(
                control, "the topic is not compacted: routes would be forgotten", "set cleanup.policy=compact"
            )
