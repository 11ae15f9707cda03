"""A producer of demo decisions: clients of deploy/demo apply at a steady rate, and repay or not a while later.

    python producer.py credit_default.csv.gz kafka:9092 --rate 20 --delay 60 --seed 1

It writes what any model server would: a prediction when it decides, keyed by its id, and the outcome when it is known.
"""

import argparse
import csv
import gzip
import heapq
import json
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kafka import KafkaProducer

MODEL, VERSION = "credit-limit", "2026-11-01"
SEX = {"1": "male", "2": "female"}
EDUCATION = {"1": "graduate school", "2": "university", "3": "high school"}


def clients(path: Path) -> list[dict[str, str]]:
    """The rows of the file."""
    with gzip.open(path, "rt", newline="") as file:
        return list(csv.DictReader(file))


def decided(row: dict[str, str], id: str, now: float) -> dict[str, Any]:
    """A prediction: the score is the share of the last six months that were paid in time, the limit follows from it."""
    late = sum(int(row[f"pay_{month}"]) > 0 for month in (0, 2, 3, 4, 5, 6))
    score = 1 - late / 6
    return {
        "id": id, "model": MODEL, "version": VERSION, "time": stamp(now), "decision": score >= 0.5, "score": round(score, 3),
        "value": float(row["limit_bal"]) * score, "arm": "live",
        "attributes": {"sex": SEX.get(row["sex"]), "age": int(row["age"]), "education": EDUCATION.get(row["education"])},
    }  # fmt: skip


def stamp(seconds: float) -> str:
    """RFC 3339 with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def events(rows: list[dict[str, str]], rate: float, delay: float, seed: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """(topic, event) for ever: `rate` predictions a second, each outcome `delay` seconds later on average."""
    draw, waiting, number = random.Random(seed), list[tuple[float, str, bool]](), 0
    while True:
        now = time.time()
        while waiting and waiting[0][0] <= now:
            _, id, repaid = heapq.heappop(waiting)
            yield "outcomes", {"id": id, "model": MODEL, "time": stamp(now), "label": repaid}
        row, id = draw.choice(rows), f"{seed}-{int(now)}-{number}"
        number += 1
        yield "predictions", decided(row, id, now)
        heapq.heappush(waiting, (now + draw.expovariate(1 / delay), id, row["default_next_month"] == "0"))
        time.sleep(1 / rate)


def main() -> None:
    """Produce until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("bootstrap", help="host:port of Kafka")
    parser.add_argument("--rate", type=float, default=20.0, help="decisions a second")
    parser.add_argument("--delay", type=float, default=60.0, help="seconds to the outcome, on average")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    given = parser.parse_args()
    producer = KafkaProducer(bootstrap_servers=given.bootstrap, acks="all", linger_ms=20)
    try:
        for topic, event in events(clients(given.file), given.rate, given.delay, given.seed):
            producer.send(topic, key=event["id"].encode(), value=json.dumps(event).encode())
    except KeyboardInterrupt:
        pass
    finally:
        producer.close()


if __name__ == "__main__":
    main()
