"""Ctrl-C while the demo talks to Kafka: what was begun is finished, then the demo ends."""

import asyncio
import signal

import pytest

from streams.demo.publisher import uninterrupted


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_is_put_off_until_what_was_begun_is_finished(sent: signal.Signals) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    done = []

    async def talk() -> None:
        signal.raise_signal(sent)
        await asyncio.sleep(0)
        done.append("all of it")

    with pytest.raises(KeyboardInterrupt), uninterrupted():
        asyncio.run(talk())
    assert done == ["all of it"]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_without_an_interrupt_nothing_happens_and_errors_are_told() -> None:
    with uninterrupted():
        pass
    with pytest.raises(OSError, match="refused"), uninterrupted():
        raise OSError("refused")
