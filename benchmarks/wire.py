"""The cost of a message: encoding, decoding, and a round trip to another process.

    python benchmarks/wire.py

For comparison the same number of bytes makes a round trip over a bare TCP connection whose processes wait in blocking
calls: nothing on this machine is faster.
"""

import asyncio
import logging
import socket
import subprocess
import sys
from collections.abc import Callable
from random import Random
from statistics import median, quantiles
from time import perf_counter
from timeit import Timer

from quorate.raft import AppendEntries, AppendEntriesReply, Entry, InstallSnapshot, NodeId, Snapshot
from quorate.raft_server.interfaces import PeerMessage, Spoken
from quorate.raft_server.messages import Forward, SignOfLife
from quorate.raft_server.wire import CODEC, decode, encode
from quorate.runtime.transport import TcpTransport

ROUND_TRIPS = 5_000
LOCAL = "127.0.0.1"
COMMAND = bytes(32)


def messages() -> dict[str, Spoken]:
    """Return the messages of a cluster under load, by name."""
    batch = tuple(Entry(7, COMMAND) for _ in range(256))
    return {
        "AppendEntries, 256 entries": AppendEntries(1, 2, 7, 1000, 7, batch, 900),
        "AppendEntries, 1 entry": AppendEntries(1, 2, 7, 1000, 7, batch[:1], 900),
        "AppendEntriesReply": AppendEntriesReply(2, 1, 7, success=True, match_index=1256),
        "Forward": Forward(12, write=True, payload=COMMAND),
        "InstallSnapshot, 16 MiB": InstallSnapshot(1, 2, 7, Snapshot(1000, 7, bytes(16 << 20))),
    }


def best_us(action: Callable[[], object]) -> float:
    """Return the microseconds of one call: the minimum of five rounds of some 50 ms."""
    timer = Timer(action)
    calls = max(1, timer.autorange()[0] // 4)
    return min(timer.repeat(5, calls)) / calls * 1e6


def row(name: str, round_trips_s: list[float]) -> str:
    """Return a line of the table."""
    return f"{name:<32}{median(round_trips_s) * 1e6:>10.0f}  {quantiles(round_trips_s, n=100)[-1] * 1e6:>10.0f}"


def bare_socket_s(size: int) -> list[float]:
    """Return the seconds of each round trip of `size` bytes to another process that echoes them."""
    with socket.create_server((LOCAL, 0)) as server:
        echo = [sys.executable, __file__, "bare", str(server.getsockname()[1]), str(size)]
        with subprocess.Popen(echo) as child, server.accept()[0] as connection:  # noqa: S603  # our own
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            trips = []
            for _ in range(ROUND_TRIPS):
                begin = perf_counter()
                connection.sendall(bytes(size))
                connection.recv(size, socket.MSG_WAITALL)
                trips.append(perf_counter() - begin)
            connection.shutdown(socket.SHUT_WR)
            child.wait()
    return trips


def answer_bare(port: int, size: int) -> None:
    """Serve as the other process of `bare_socket_s`."""
    with socket.create_connection((LOCAL, port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while data := connection.recv(size, socket.MSG_WAITALL):
            connection.sendall(data)


async def transports_s() -> list[float]:
    """Return the seconds of each round trip of a small message to a transport in another process."""
    addresses = {1: (LOCAL, 0), 2: (LOCAL, 0)}
    arrived = asyncio.Queue[None]()
    transport = TcpTransport(CODEC, 1, addresses, "bench", Random(1))  # noqa: S311  # jitter
    await transport.start(lambda _peer, _message: arrived.put_nowait(None), lambda _peer: None)
    command = [sys.executable, __file__, "transport", str(transport.address[1])]
    child = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None
    assert child.stdout is not None
    addresses[2] = (LOCAL, int(await child.stdout.readline()))
    while not transport.send(2, SignOfLife(1, reply=False)):  # noqa: ASYNC110  # only a benchmark waits for a connection
        await asyncio.sleep(0.01)
    await arrived.get()
    trips = []
    for _ in range(ROUND_TRIPS):
        begin = perf_counter()
        assert transport.send(2, SignOfLife(1, reply=False))
        await arrived.get()
        trips.append(perf_counter() - begin)
    child.stdin.close()
    await child.wait()
    await transport.close()
    return trips


async def answer_transport(port: int) -> None:
    """Serve as the other process of `transports_s`, until standard input ends."""
    transport = TcpTransport(CODEC, 2, {1: (LOCAL, port), 2: (LOCAL, 0)}, "bench", Random(2))  # noqa: S311  # jitter

    def answer(peer: NodeId, _: PeerMessage) -> None:
        transport.send(peer, SignOfLife(1, reply=True))

    await transport.start(answer, lambda _peer: None)
    while 1 not in transport.connected:  # noqa: ASYNC110  # as above
        await asyncio.sleep(0.01)
    print(transport.address[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await transport.close()


def main() -> None:
    """Print two tables or, in the other process, serve the other end."""
    logging.disable(logging.WARNING)
    match sys.argv[1:]:
        case ["bare", port, size]:
            answer_bare(int(port), int(size))
        case ["transport", port]:
            asyncio.run(answer_transport(int(port)))
        case _:
            print(f"{'one message':<32}{'bytes':>10}  {'encode µs':>10}  {'decode µs':>10}")
            for name, message in messages().items():
                payload = encode(message)
                times = best_us(lambda m=message: encode(m)), best_us(lambda p=payload: decode(p))
                print(f"{name:<32}{len(payload):>10,}  {times[0]:>10.2f}  {times[1]:>10.2f}")
            size = 4 + len(encode(SignOfLife(1, reply=False)))
            print(f"\n{f'{size} bytes there and back':<32}{'median µs':>10}  {'99th p. µs':>10}")
            print(row("two blocking sockets", bare_socket_s(size)))
            print(row("two transports", asyncio.run(transports_s())))


if __name__ == "__main__":
    main()
