"""TLS before the embedded Postgres, whose build has none: answers a client's SSLRequest and hands on what is inside.

The other end of the client's TLS is then a real server's certificate and a real Postgres. Who asks for no TLS is refused, as
`hostssl` in pg_hba.conf would.
"""

import asyncio
import ssl
import struct
import threading
from types import TracebackType
from typing import Self

from tests.services.certificates import Issued

SSL_REQUEST = struct.pack(">ii", 8, 80877103)
"""Source: PostgreSQL documentation, Message Formats."""


class TlsFront:
    """Listens on `port` (loopback) and hands on to `target`. A context manager; runs in a thread of its own."""

    def __init__(self, target: tuple[str, int], issued: Issued) -> None:
        self._target = target
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(issued.certificate, issued.key)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._handed: set[asyncio.Task[None]] = set()
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._accept, "127.0.0.1", 0)

    async def _close(self) -> None:
        self._server.close()
        for task in self._handed:
            task.cancel()
        await asyncio.gather(*self._handed, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._handed.add(task)
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client is gone, does not trust us, or the test is over
        finally:
            self._handed.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.readexactly(8) != SSL_REQUEST:
            return
        writer.write(b"S")
        await writer.start_tls(self._context)
        inside, server = await asyncio.open_connection(*self._target)
        try:
            await asyncio.wait(
                [asyncio.create_task(_pump(reader, server)), asyncio.create_task(_pump(inside, writer))],
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            server.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Hand on until either end is over."""
    try:
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    except OSError:
        return
    finally:
        sink.close()
