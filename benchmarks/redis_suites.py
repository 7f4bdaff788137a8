"""Valkey's own tests of the commands that the store has, against a real Redis and against a node of ours.

    python benchmarks/redis_suites.py VALKEY_FOLDER [--redis redis-server]

VALKEY_FOLDER is a checkout of https://github.com/valkey-io/valkey; tclsh and redis-server must be installed. Nothing of
it is kept here. Tests that need other types, DEBUG, scripts or settings that can be changed fail on our node; so each
test that passes on Redis and not here is named, for somebody to look at. They run on one node, by its clients' port,
from a copy that doesn't begin with FUNCTION FLUSH.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from time import monotonic, sleep

from cluster import Node, free_ports

UNITS = ("unit/type/string", "unit/type/incr", "unit/expire", "unit/multi", "unit/keyspace", "unit/scan")
DENIED = "-needs:debug -needs:config-maxmemory -needs:repl -needs:save -needs:reset -slow -large-memory -cluster"
RESULT = re.compile(r"\[(ok|err|exception)\]: (.*?)(?: \(\d+ ms\)| in tests/.*)?$")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
PATIENCE_S = 60.0
UNIT_S = 300.0


def wait_for(node: Node) -> None:
    """Return when it serves."""
    until = monotonic() + PATIENCE_S
    while not node.ask(b"SET ready yes").startswith(b"+OK"):
        if monotonic() > until:
            sys.exit(f"node {node.address} doesn't serve: see {node.log}")
        sleep(0.05)


def run_unit(folder: Path, unit: str, port: int) -> dict[str, bool]:
    """Which tests of a unit passed; errors end a test, not the unit (`--durable`)."""
    command = [
        *("tclsh", "tests/test_helper.tcl", "--host", "127.0.0.1", "--port", str(port), "--single", unit),
        *("--durable", "--singledb", "--ignore-encoding", "--ignore-digest", "--clients", "1", "--tags", DENIED),
    ]
    try:
        done = subprocess.run(  # noqa: S603  # the suite that the caller named
            command, cwd=folder, capture_output=True, text=True, timeout=UNIT_S, check=False
        )
        text = done.stdout
    except subprocess.TimeoutExpired as late:
        text = (late.stdout or b"").decode(errors="replace")
    lines = (RESULT.search(COLOUR.sub("", line)) for line in text.splitlines())
    return {found[2]: found[1] == "ok" for found in lines if found}


def main() -> None:
    """Run every unit on both, and say what differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("valkey", type=Path)
    parser.add_argument("--redis", default="redis-server")
    parser.add_argument("--units", nargs="+", default=UNITS)
    options = parser.parse_args()
    peer, clients, metrics, theirs = free_ports(4)
    with tempfile.TemporaryDirectory() as folder:
        suite = Path(folder) / "suite"
        shutil.copytree(options.valkey / "tests", suite / "tests")
        helper = suite / "tests/support/server.tcl"
        helper.write_text(helper.read_text().replace("    r function flush\n", ""))
        node = Node(1, [peer], clients, metrics, Path(folder))
        redis = subprocess.Popen(  # noqa: S603  # the server that the caller named
            [options.redis, "--port", str(theirs), "--save", "", "--dir", folder], stdout=subprocess.DEVNULL
        )
        try:
            node.start()
            wait_for(node)
            for unit in options.units:
                compare(unit, run_unit(suite, unit, clients), run_unit(suite, unit, theirs))
        finally:
            redis.kill()
            redis.wait()
            node.kill()


def compare(unit: str, ours: dict[str, bool], theirs: dict[str, bool]) -> None:
    """Say how many tests passed here of those that pass on Redis, and name the others."""
    passing = [name for name, passed in theirs.items() if passed]
    alike = [name for name in passing if ours.get(name)]
    print(f"{unit:24}{len(alike):5} of {len(passing)} that pass on Redis pass here")
    for name in passing:
        if not ours.get(name):
            print(f"    {'fails' if name in ours else 'not reached'}: {name}")


if __name__ == "__main__":
    main()
