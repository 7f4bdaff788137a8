"""A load of clients that each send their next write when the last is answered, over plain sockets and epoll.

The load takes a few microseconds for each request; the rest of the measured time is the server's.
"""

import select
import socket
from dataclasses import dataclass
from time import perf_counter


@dataclass(frozen=True, slots=True)
class Load:
    """The results of a load; times in seconds."""

    clients: int
    per_second: float
    median: float
    p99: float
    failures: int

    def row(self, name: str) -> str:
        """Return a line of the table."""
        figures = f"{self.per_second:9,.0f}/s   median {self.median * 1e3:7.2f} ms   p99 {self.p99 * 1e3:7.2f} ms"
        return f"  {name:<34} {self.clients:4} clients {figures}{f'   {self.failures} errors' if self.failures else ''}"


def summary(clients: int, seconds: float, latencies: list[float], failures: int = 0) -> Load:
    """Return the results for these latencies."""
    latencies.sort()
    count = len(latencies)
    return Load(clients, count / seconds, latencies[count // 2], latencies[int(count * 0.99)], failures)


def set_command(number: int) -> bytes:
    """Return the request to write 16 bytes to one of 10,000 keys."""
    key = b"key:%06d" % (number * 7919 % 10_000)
    return b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$16\r\n%016d\r\n" % (len(key), key, number)


def run_load(address: tuple[str, int], clients: int, seconds: float) -> Load:
    """Write to a Redis-protocol server for `seconds` and return the results; OSError if it closes a connection."""
    sockets = {}
    poll = select.epoll()
    for _ in range(clients):
        connection = socket.create_connection(address)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sockets[connection.fileno()] = connection
        poll.register(connection, select.EPOLLIN)
    latencies: list[float] = []
    failures = number = 0
    sent = {}
    begin = perf_counter()
    for fd, connection in sockets.items():
        number += 1
        sent[fd] = perf_counter()
        connection.sendall(set_command(number))
    while sent:
        for fd, _ in poll.poll():
            reply = sockets[fd].recv(4096)
            now = perf_counter()
            latencies.append(now - sent.pop(fd))
            if not reply.startswith(b"+OK"):
                failures += 1
            if not reply:
                raise OSError(f"{address} closed a connection")
            if now - begin < seconds:
                number += 1
                sent[fd] = now
                sockets[fd].sendall(set_command(number))
    elapsed = perf_counter() - begin
    for connection in sockets.values():
        connection.close()
    poll.close()
    return summary(clients, elapsed, latencies, failures)
