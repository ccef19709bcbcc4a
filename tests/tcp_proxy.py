"""A TCP proxy for tests between Kafka's clients and one listener of the real broker: it loses, delays, cuts and holds what
passes.

The broker advertises the proxy's port on that listener, so its clients know no other way. What is done to them begins with the
next bytes. A connection that a mode has silenced stays dead for good, as after a firewall that forgot it: only connections made
after `heal` work again. Everything runs in one thread of its own and ends with `close`.
"""

import asyncio
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from tests.submitted import wait_until

PRODUCE, LIST_OFFSETS, METADATA, OFFSET_FETCH = 0, 2, 3, 9
INIT_PRODUCER_ID, ADD_OFFSETS_TO_TXN, END_TXN, TXN_OFFSET_COMMIT = 22, 25, 26, 28
"""Numbers of Kafka's requests: the first two bytes of each."""

SECONDS = 20
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
GONE = (ConnectionError, asyncio.IncompleteReadError, OSError)


@dataclass(eq=False)
class Link:
    """A client's connection and the broker's behind it; silent upwards means that requests are swallowed."""

    client: asyncio.StreamWriter
    broker: asyncio.StreamWriter
    silent_up: bool = False
    silent_down: bool = False
    swallowed: asyncio.Event = field(default_factory=asyncio.Event)

    def end(self, *, reset: bool) -> None:
        for writer in (self.client, self.broker):
            if reset:
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            writer.transport.abort()


@dataclass
class Cut:
    """Reset the connection at the nth request of one kind: before the broker has it, or while its answer is on the way."""

    request: int
    nth: int
    broker_gets_it: bool
    seen: int = 0

    def is_due(self, request: int) -> bool:
        self.seen += request == self.request
        return request == self.request and self.seen == self.nth


@dataclass
class Lie:
    """Once: answer a request with this error, 0 for success, whatever becomes of it at the broker, which may never get it."""

    request: int
    error: int
    broker_gets_it: bool


@dataclass
class TcpProxy:
    """Listens on `port` of the loopback address and forwards to `target`; see the methods for what it does meanwhile."""

    port: int
    target: int
    requests: Counter[int] = field(default_factory=Counter)
    held: list[bytes] = field(default_factory=list)
    cuts: int = 0
    lies: int = 0
    _lie: Lie | None = None
    _links: set[Link] = field(default_factory=set)
    _cut: Cut | None = None
    _holds: int | None = None
    _refuses: bool = False
    _silence: tuple[bool, bool] = (False, False)
    _delay_seconds: float = 0.0
    _piece: int = 65536

    def __post_init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._wait(asyncio.start_server(self._serve, "127.0.0.1", self.port))

    def heal(self) -> None:
        """Forward everything again; what was silenced stays silent, what is held back stays held."""

        def calm() -> None:
            self._cut, self._lie, self._holds, self._refuses, self._silence = None, None, None, False, (False, False)
            self._delay_seconds, self._piece = 0.0, 65536

        self._do(calm)

    def forget(self) -> None:
        """As at the beginning: healed, nothing counted and nothing held, no connection left."""
        self.heal()
        self._do(self._reset_links)
        self._do(self.requests.clear)
        self._do(self.held.clear)
        self._do(lambda: setattr(self, "cuts", 0))
        self._do(lambda: setattr(self, "lies", 0))

    def reset(self, *, refuse: bool = False) -> None:
        """Reset every connection; with `refuse` also every new one, until `heal`."""

        def strike() -> None:
            self._refuses = refuse
            self._reset_links()

        self._do(strike)

    def silence(self, *, up: bool, down: bool) -> None:
        """Swallow requests (up), answers (down) or both, without a word to either side."""

        def strike() -> None:
            self._silence = (up, down)
            for link in self._links:
                link.silent_up, link.silent_down = link.silent_up or up, link.silent_down or down

        self._do(strike)

    def slow(self, *, delay_seconds: float, piece: int = 65536) -> None:
        """Forward pieces of at most so many bytes, each after a pause."""

        def strike() -> None:
            self._delay_seconds, self._piece = delay_seconds, piece

        self._do(strike)

    def cut(self, request: int, nth: int, *, broker_gets_it: bool) -> None:
        """Once: reset the connection at the nth request of this kind; one that the broker does not get is in `held`."""
        self._do(lambda: setattr(self, "_cut", Cut(request, nth, broker_gets_it)))

    def lie(self, request: int, error: int, *, broker_gets_it: bool) -> None:
        """Once: answer a request of this kind with an error, 0 for success, whether the broker gets it or not; EndTxn only."""
        self._do(lambda: setattr(self, "_lie", Lie(request, error, broker_gets_it)))

    def hold(self, request: int) -> None:
        """Keep requests of this kind back, until `heal`; they are in `held` until `release`."""
        self._do(lambda: setattr(self, "_holds", request))

    def wait_for_held(self, seconds: float) -> None:
        wait_until(lambda: bool(self.held), "a request to hold back", seconds)

    def release(self) -> list[int]:
        """Send each EndTxn that was held back on a new connection, as packets that were long on the way; its error codes."""
        frames = list(self.held)
        self._do(self.held.clear)
        return [end_txn_error(frame, self._wait(self._ask(frame))) for frame in frames]

    def close(self) -> None:
        """End the listener, every connection and the thread."""
        self._wait(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(SECONDS)
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        self._reset_links()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(SECONDS)

    def _do(self, action: Callable[[], object]) -> None:
        async def act() -> None:
            action()

        self._wait(act())

    def _reset_links(self) -> None:
        for link in self._links:
            link.end(reset=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self._refuses:
                raise ConnectionRefusedError
            from_broker, to_broker = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            Link(writer, writer).end(reset=True)
            return
        link = Link(writer, to_broker, *self._silence)
        self._links.add(link)
        pumps = [asyncio.ensure_future(self._requests(reader, link)), asyncio.ensure_future(self._answers(from_broker, link))]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            link.end(reset=False)
            self._links.discard(link)

    async def _requests(self, reader: asyncio.StreamReader, link: Link) -> None:
        with suppress(*GONE):
            while True:
                await self._take(await _frame(reader), link)

    async def _take(self, frame: bytes, link: Link) -> None:
        request = int.from_bytes(frame[4:6])
        self.requests[request] += 1
        if self._lie and request == self._lie.request:
            await self._tell_lie(self._lie, frame, link)
            return
        cut = self._cut if self._cut and self._cut.is_due(request) else None
        if request == self._holds or (cut and not cut.broker_gets_it):
            self.held.append(frame)
        elif not link.silent_up:
            link.silent_down = link.silent_down or cut is not None
            await self._send(frame, link.broker)
        if cut is not None:
            await self._cut_off(cut, link)

    async def _tell_lie(self, lie: Lie, frame: bytes, link: Link) -> None:
        self._lie = None
        self.lies += 1
        # Without the broker: correlation id, throttle time, error.
        answer = await self._ask(frame) if lie.broker_gets_it else struct.pack(">i", 10) + frame[8:12] + bytes(6)
        start = _error_start(frame)
        await self._send(answer[:start] + struct.pack(">h", lie.error) + answer[start + 2 :], link.client)

    async def _cut_off(self, cut: Cut, link: Link) -> None:
        """The broker takes no request from a connection that is gone already: the reset comes after its answer."""
        self._cut = None
        self.cuts += 1
        if cut.broker_gets_it:
            await asyncio.wait_for(link.swallowed.wait(), SECONDS)
        link.end(reset=True)

    async def _answers(self, reader: asyncio.StreamReader, link: Link) -> None:
        with suppress(*GONE):
            while piece := await reader.read(65536):
                if link.silent_down:
                    link.swallowed.set()
                else:
                    await self._send(piece, link.client)

    async def _send(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        piece = self._piece
        for start in range(0, len(data), piece):
            await asyncio.sleep(self._delay_seconds)
            writer.write(data[start : start + piece])
            await writer.drain()

    async def _ask(self, frame: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.target)
        writer.write(frame)
        answer = await asyncio.wait_for(_frame(reader), SECONDS)
        writer.transport.abort()
        return answer


async def _frame(reader: asyncio.StreamReader) -> bytes:
    """One message of Kafka's protocol, with the four bytes that tell its length."""
    size = await reader.readexactly(4)
    return size + await reader.readexactly(int.from_bytes(size))


def end_txn_error(frame: bytes, answer: bytes) -> int:
    start = _error_start(frame)
    return int.from_bytes(answer[start : start + 2], signed=True)


def _error_start(frame: bytes) -> int:
    """Where EndTxn's answer has its error: behind length, correlation id and throttle time;
    from version 3 on a byte of tags stands among them.
    """
    return 13 if int.from_bytes(frame[6:8]) >= 3 else 12


@contextmanager
def proxy(port: int, target: int) -> Iterator[TcpProxy]:
    running = TcpProxy(port, target)
    try:
        yield running
    finally:
        running.close()
