"""The lower bound for a replicated write on this machine: an fdatasync, a round trip, and both in three processes."""

import os
import socket
import statistics
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from select import select
from time import perf_counter

PAGE = bytes(4096)
PAGES = 500  # of a file that is overwritten again and again, like SQLite's write-ahead log
TRIPS = 1_000


@dataclass(frozen=True, slots=True)
class Floor:
    """Medians in seconds of one fdatasync of 4 KiB, one round trip of 64 bytes, one write on two of three disks."""

    sync: float
    trip: float
    replicated: float


def floor(folder: Path) -> Floor:
    """Measure all three with files in `folder`, in processes that do nothing else."""
    with _file(folder / "alone") as fd:
        syncs = [_timed_write(fd, number) for number in range(PAGES)]
    with _echo() as there:
        trips = [_timed_trip(there) for _ in range(TRIPS)]
    return Floor(statistics.median(syncs), statistics.median(trips), _replicated(folder))


def _replicated(folder: Path) -> float:
    """Return the seconds until a write is on this process's disk and on one of two others.

    The next write waits for both.
    """
    seconds = []
    with _echo(folder / "one") as one, _echo(folder / "other") as other, _file(folder / "own") as fd:
        for number in range(PAGES):
            begin = perf_counter()
            for each in (one, other):
                each.sendall(bytes(64))
            _timed_write(fd, number)
            select([one, other], [], [])
            seconds.append(perf_counter() - begin)
            for each in (one, other):
                each.recv(64)
    return statistics.median(seconds)


def _timed_write(fd: int, number: int) -> float:
    begin = perf_counter()
    os.pwrite(fd, PAGE, number % PAGES * len(PAGE))
    os.fdatasync(fd)
    return perf_counter() - begin


def _timed_trip(there: socket.socket) -> float:
    begin = perf_counter()
    there.sendall(bytes(64))
    there.recv(64)
    return perf_counter() - begin


@contextmanager
def _file(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_CREAT | os.O_WRONLY)
    try:
        os.write(fd, PAGE * PAGES)
        os.fsync(fd)
        yield fd
    finally:
        os.close(fd)


@contextmanager
def _echo(disk: Path | None = None) -> Iterator[socket.socket]:
    """Connect to another process that echoes each message, after a write to the file `disk` if there is one."""
    with closing(socket.create_server(("127.0.0.1", 0))) as door:
        child = os.fork()
        if child == 0:
            try:
                _answer(door.getsockname(), disk)
            finally:
                os._exit(0)
        there, _ = door.accept()
    there.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        there.recv(1)  # it is ready
        yield there
    finally:
        there.close()
        os.waitpid(child, 0)


def _answer(address: tuple[str, int], disk: Path | None) -> None:
    with socket.create_connection(address) as here:
        here.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with nullcontext() if disk is None else _file(disk) as fd:
            here.sendall(b"!")
            for number in count():
                if not (data := here.recv(64)):
                    return
                if fd is not None:
                    _timed_write(fd, number)
                here.sendall(data)
