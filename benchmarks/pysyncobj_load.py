"""One of three PySyncObj servers; the leader writes to a replicated dictionary whenever a write is answered.

    python benchmarks/pysyncobj_load.py ME PORT FOLDER PERIOD SECONDS CLIENTS…

Its clients are callbacks in the leader's own process, which is how PySyncObj is used: no request crosses a socket
before it is replicated. Its journal is a file that is never fsynced. Prints `clients per_second median p99` lines.
"""

import os
import sys
import threading
from collections.abc import Callable
from time import perf_counter, sleep

from load import summary
from pysyncobj import SyncObj, SyncObjConf
from pysyncobj.batteries import ReplDict


def start(me: int, port: int, folder: str, period: float) -> tuple[SyncObj, ReplDict, str]:
    """Return a server that knows a leader, its dictionary, and its own address."""
    addresses = [f"127.0.0.1:{port + number}" for number in range(3)]
    store = ReplDict()
    conf = SyncObjConf(
        journalFile=f"{folder}/journal{me}",
        fullDumpFile=f"{folder}/dump{me}",
        appendEntriesPeriod=period,
        autoTickPeriod=min(period, 0.05),
        commandsWaitLeader=True,
    )
    server = SyncObj(addresses[me], [a for a in addresses if a != addresses[me]], conf=conf, consumers=[store])
    while not server.isReady():
        sleep(0.05)
    return server, store, addresses[me]


def run(store: ReplDict, clients: int, seconds: float) -> None:
    """Keep a write of each of `clients` outstanding for `seconds`, and print the results."""
    latencies: list[float] = []
    failures = 0
    running = clients
    finished = threading.Event()
    begin = perf_counter()

    def write(number: int) -> None:
        sent = perf_counter()
        store.set(f"key:{number * 7919 % 10_000:06}", f"{number:016}", callback=answered(number, sent))

    def answered(number: int, sent: float) -> Callable[[object, int], None]:
        def callback(_: object, error: int) -> None:
            nonlocal failures, running
            now = perf_counter()
            latencies.append(now - sent)
            failures += bool(error)
            if now - begin < seconds:
                write(number + clients)
            else:
                running -= 1
                if not running:
                    finished.set()

        return callback

    for number in range(clients):
        write(number)
    finished.wait(seconds + 20)
    load = summary(clients, perf_counter() - begin, latencies, failures)
    print(load.clients, load.per_second, load.median, load.p99, load.failures, flush=True)


def main() -> None:
    """Serve, and run the load on the leader; end with standard input."""
    me, port, folder, period, seconds, *clients = sys.argv[1:]
    server, store, address = start(int(me), int(port), folder, float(period))
    if str(server._getLeader()) == address:  # noqa: SLF001  # there is no public way to ask
        for count in clients:
            run(store, int(count), float(seconds))
        print("done", flush=True)
    sys.stdin.read()
    os._exit(0)


main()
