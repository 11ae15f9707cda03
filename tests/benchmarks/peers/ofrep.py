"""Asks a flag of `fairdrift serve` at a steady rate, in a process of its own.

Open loop: every request has its time beforehand, and its latency runs from that time to the last byte of the answer, so
that a slow answer also counts for those that had to wait behind it. Connections are kept; another is opened when all
are busy.
"""

import argparse
import asyncio
import contextlib
import json
import os
import time
from collections import deque
from typing import cast

import uvloop


class Connection(asyncio.Protocol):
    """One kept connection, one request at a time."""

    def __init__(self, load: "Load") -> None:
        self.load, self.due, self.seen, self.busy = load, 0.0, b"", False
        self.transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.WriteTransport", transport)  # uvloop's own class inherits from none

    def ask(self, due: float, request: bytes) -> None:
        self.due, self.seen, self.busy = due, b"", True
        assert self.transport is not None
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.seen += data
        head, end, body = self.seen.partition(b"\r\n\r\n")
        if not end:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(body) >= length:
            self.busy = False
            self.load.answered(self, head.startswith(b"HTTP/1.1 200"))

    def connection_lost(self, exc: Exception | None) -> None:
        self.load.lost(self)


class Load:
    """The requests, and how long they took."""

    def __init__(self, port: int, token: str, model: str) -> None:
        self.port, self.head = (
            port,
            (
                f"POST /ofrep/v1/evaluate/flags/{model} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\n"
                "content-type: application/json\r\ncontent-length: "
            ),
        )
        self.free: deque[Connection] = deque()
        self.waiting: deque[tuple[float, bytes]] = deque()
        self.took: list[float] = []
        self.opened = self.failed = 0
        self.cpu = 0.0
        self.asked, self.done = -1, asyncio.Event()

    def request(self, number: int) -> bytes:
        """With a targeting key of its own, as routers ask."""
        body = json.dumps({"context": {"targetingKey": f"client-{number}"}})
        return f"{self.head}{len(body)}\r\n\r\n{body}".encode()

    async def run(self, rate: int, seconds: float) -> None:
        """At `rate` a second."""
        loop = asyncio.get_running_loop()
        for _ in range(8):
            await self._open()
        count = int(rate * seconds)
        requests = [self.request(number) for number in range(count)]  # beforehand: it is the answers that are measured
        began, spent = time.perf_counter() + 0.05, time.process_time()
        for number in range(count):
            due = began + number / rate
            if (pause := due - time.perf_counter()) > 0.0005:
                await asyncio.sleep(pause)
            if not self.free and self.opened < 200:
                loop.create_task(self._open())  # noqa: RUF006 - it reports to `free`
            self.waiting.append((due, requests[number]))
            self._send()
        self.asked = count
        self._end()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.done.wait(), 10)
        self.cpu = time.process_time() - spent

    async def _open(self) -> None:
        self.opened += 1
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: Connection(self), "127.0.0.1", self.port
        )
        self.free.append(connection)
        self._send()

    def _send(self) -> None:
        while self.free and self.waiting:
            self.free.pop().ask(*self.waiting.popleft())

    def lost(self, connection: Connection) -> None:
        """The server closed it: when it had been idle for long, or in the middle, which is a failure."""
        self.opened -= 1
        if connection.busy:
            self.failed += 1
            self._end()
        elif connection in self.free:
            self.free.remove(connection)

    def answered(self, connection: Connection, good: bool) -> None:
        if good:
            self.took.append(time.perf_counter() - connection.due)
        else:
            self.failed += 1
        self.free.append(connection)
        self._send()
        self._end()

    def _end(self) -> None:
        if len(self.took) + self.failed == self.asked:
            self.done.set()


def ahead() -> None:
    """Ask with priority where that is allowed: a router does not share the processor of what it asks, and what it waited for
    its own turn would be counted as the answer's."""
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, -15)


def main() -> None:
    """Report as one line of JSON; milliseconds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("token")
    parser.add_argument("model")
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=10.0)
    chosen = parser.parse_args()
    ahead()
    load = Load(chosen.port, chosen.token, chosen.model)
    began = time.perf_counter()
    uvloop.run(load.run(chosen.rate, chosen.seconds))
    took = sorted(load.took)
    missing = int(chosen.rate * chosen.seconds) - len(took)
    report: dict[str, float] = {"events": len(took), "failed": missing, "connections": load.opened}
    shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999}
    report |= {name: took[min(len(took) - 1, int(len(took) * share))] * 1000 for name, share in shares.items()}
    report |= {"longest": took[-1] * 1000, "rate": len(took) / (time.perf_counter() - began)}
    report["cpu"] = load.cpu / max(len(took), 1) * 1e6
    print(json.dumps(report))


if __name__ == "__main__":
    main()
