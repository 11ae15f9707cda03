"""How long reading takes, step by step, without Kafka: `python -m tests.benchmarks.reader`."""

import random
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import msgspec

from monitor.cells import Cells
from monitor.config import ModelConfig
from monitor.reader import Reader
from monitor.times import format_time
from streams.hashing import IdHasher

NOON = 1_795_262_400_000
CHUNKS = (100, 1_000, 4_000)


@dataclass(slots=True)
class Record:
    """What aiokafka hands over."""

    offset: int
    value: bytes
    timestamp: int = NOON
    partition: int = 0
    headers: tuple[tuple[str, bytes], ...] = ()


def prediction(rng: random.Random, model: str = "credit-limit") -> bytes:
    """About 270 bytes of JSON with three attributes."""
    event = {
        "id": str(uuid.UUID(int=rng.getrandbits(128))),
        "model": model,
        "version": "2026-11-01",
        "time": format_time(NOON - rng.randrange(3_600_000)),
        "decision": rng.random() < 0.5,
        "score": round(rng.random(), 4),
        "value": float(rng.randrange(100_000)),
        "attributes": {
            "sex": rng.choice("FM"),
            "age": rng.randrange(18, 80),
            "ethnicity": rng.choice(["a", "b", None]),
        },
        "arm": "live",
    }
    return msgspec.json.encode(event)


def outcome(rng: random.Random) -> bytes:
    """An outcome with a label."""
    id = str(uuid.UUID(int=rng.getrandbits(128)))
    return msgspec.json.encode(
        {"id": id, "model": "credit-limit", "time": format_time(NOON), "label": rng.random() < 0.5}
    )


def best(action: Callable[[], object], count: int, rounds: int = 15) -> float:
    """Microseconds per event, the best of some rounds."""
    fastest = float("inf")
    for _ in range(rounds):
        start = time.thread_time()
        action()
        fastest = min(fastest, time.thread_time() - start)
    return fastest / count * 1e6


def cases(size: int) -> dict[str, tuple[str, list[Record]]]:
    """Chunks of one size: name -> (method of the reader, records)."""
    rng = random.Random(size)
    plain = [Record(n, prediction(rng)) for n in range(size)]
    batches = [Record(n, b"[" + b",".join(r.value for r in plain[n : n + 50]) + b"]") for n in range(0, size, 50)]
    return {
        "plain": ("predictions", plain),
        "two models": (
            "predictions",
            [Record(n, prediction(rng, "other" if n % 2 else "credit-limit")) for n in range(size)],
        ),
        "one broken": ("predictions", [*plain[:-1], Record(size, b"{")]),
        "in arrays": ("predictions", batches),
        "outcomes": ("outcomes", [Record(n, outcome(rng)) for n in range(size)]),
    }


def main() -> None:
    """Print microseconds per event by size of chunk."""
    model = {"attributes": {"sex": ["F", "M"], "age": {"bins": [25, 40, 60]}, "ethnicity": ["a", "b"]}}
    models = [ModelConfig.model_validate({"name": name, **model}) for name in ("credit-limit", "other")]
    hasher = IdHasher(bytes(32))
    reader = Reader(models, hasher.hash_ids, Cells())
    for size in CHUNKS:
        chunks = cases(size)
        plain = chunks["plain"][1]
        ids = [msgspec.json.decode(record.value)["id"] for record in plain]
        took = {
            name: best(partial(getattr(reader, method), records), size) for name, (method, records) in chunks.items()
        }
        took["  decoding alone"] = best(partial(reader._predictions.decode, plain), size)
        took["  hashing alone"] = best(partial(hasher.hash_ids, "credit-limit", ids), size)
        print(f"chunk of {size}, {len(plain[0].value)} bytes: microseconds per event")
        for name, value in took.items():
            print(f"  {name:20s}{value:6.2f}")


if __name__ == "__main__":
    main()
