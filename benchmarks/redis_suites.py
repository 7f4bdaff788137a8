"""The test suites of Valkey and of redis-py for the store's commands, on a real Redis and on a cluster of ours.

    pip download --no-binary redis --no-deps redis==8.1.0 && tar xzf redis-8.1.0.tar.gz
    python benchmarks/redis_suites.py --redis-py redis-8.1.0 --python VENV/bin/python
    git clone https://github.com/valkey-io/valkey
    python benchmarks/redis_suites.py --valkey valkey

redis-py's tests need a Python with redis, pytest, pytest-asyncio, pytest-timeout, numpy and packaging; Valkey's need
tclsh; both need redis-server.

A test that passes on Redis but not on three nodes of ours is counted under the feature that the store lacks, such as a
command. Without such a feature it is printed as a difference, and the exit status is 1. Valkey's tests run from a copy
that doesn't begin with FUNCTION FLUSH.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from xml.etree import ElementTree as ET

from cluster import cluster, free_ports

UNITS = ("unit/type/string", "unit/type/incr", "unit/expire", "unit/multi", "unit/keyspace", "unit/scan")
DENIED = "-needs:debug -needs:config-maxmemory -needs:repl -needs:save -needs:reset -slow -large-memory -cluster"
RESULT = re.compile(r"\[(ok|err|exception|ignore|done|ready)\]: (.*?)(?: \(\d+ ms\)| in tests/.*)?$")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
FILES = tuple(
    f"tests/{folder}test_{name}.py"
    for folder, names in {
        "": "commands pipeline lock connection connection_pool client encoding scripting command_parser",
        "test_asyncio/": "commands pipeline lock connection connection_pool encoding scripting cwe_404",
    }.items()
    for name in names.split()
)
PATIENCE_S = 60.0
SUITE_S = 1_800.0

# The message of a failure, and the feature that the store lacks.
NOT_RUN = "the suite has left this test out for this server"
REASONS = (
    (re.compile(NOT_RUN), "left out by the suite"),
    (re.compile(r"unknown command '([\w.|-]+)'"), "no {}"),
    (re.compile(r"unknown subcommand '([\w.-]+)'. Try (\w+) HELP"), "no subcommand {}"),
    (re.compile(r"(\w+) command doesn't exist in Redis commands"), "no {}"),
    (re.compile(r"DB index is out of range"), "one database"),
    (
        re.compile(r"settings can't be changed|KeyError: 'slowlog-|'[\w-]+' in \{'maxmemory'|CONFIG SET"),
        "settings of its own",
    ),
    (re.compile(r"scripts are not run here"), "no scripts"),
    (re.compile(r"assert \d+ >=? \d+0$|assert \d+ > 10\b", re.MULTILINE), "fewer commands and settings"),
    # These tests wait for a thread of their own, which ended at a missing command.
    (re.compile(r"test_pubsub|SubscriptionError"), "no SUBSCRIBE"),
)

Results = dict[str, str | None]
"""By test: None if it passed, else its message; skipped tests are left out."""


def valkey_results(folder: Path, unit: str, port: int) -> Results:
    """Run a unit of the Tcl tests; an error ends its test, not the unit (`--durable`)."""
    command = [
        *("tclsh", "tests/test_helper.tcl", "--host", "127.0.0.1", "--port", str(port), "--single", unit),
        *("--durable", "--singledb", "--ignore-encoding", "--ignore-digest", "--clients", "1", "--tags", DENIED),
    ]
    results: Results = {}
    latest = ""
    for line in COLOUR.sub("", _output(command, folder)).splitlines():
        if found := RESULT.search(line):
            latest = found[2] if found[1] in {"err", "exception"} else ""
            if found[1] in {"ok", "err", "exception"}:
                results[found[2]] = None if found[1] == "ok" else ""
        elif latest:
            results[latest] = f"{results[latest]}{line}\n"
    return results


def redis_py_results(python: str, folder: Path, port: int) -> Results:
    """Run redis-py's test files."""
    report = folder / f"{port}.xml"
    present = [name for name in FILES if (folder / name).exists()]
    command = [
        *(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=native", "--timeout=20", "--show-capture=no"),
        *(f"--redis-url=redis://localhost:{port}/0", f"--junitxml={report}", "-m", "not onlycluster and not redismod"),
        *present,
    ]
    output = _output(command, folder)
    if not report.exists():
        sys.exit(f"redis-py's tests didn't run:\n{output[-2_000:]}")
    results: Results = {}
    for case in ET.parse(report).iter("testcase"):  # noqa: S314  # pytest has just written it
        bad = [part for part in case if part.tag in {"failure", "error"}]
        if not any(part.tag == "skipped" for part in case):
            name = f"{case.get('classname')}::{case.get('name')}"
            results[name] = "\n".join(f"{part.get('message')}\n{part.text}" for part in bad) if bad else None
    return results


def _output(command: list[str], folder: Path) -> str:
    try:
        done = subprocess.run(  # noqa: S603  # the suite that the caller named
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SUITE_S, check=False
        )
    except subprocess.TimeoutExpired as late:
        return (late.stdout or b"").decode(errors="replace")
    return done.stdout.decode(errors="replace")


@contextmanager
def redis(program: str, folder: Path) -> Iterator[int]:
    """Run a Redis without persistence; yield its port."""
    (port,) = free_ports(1)
    process = subprocess.Popen(  # noqa: S603  # the server that the caller named
        [program, "--port", str(port), "--save", "", "--dir", str(folder)], stdout=subprocess.DEVNULL
    )
    try:
        until = monotonic() + PATIENCE_S
        while subprocess.run(["redis-cli", "-p", str(port), "PING"], capture_output=True, check=False).returncode:  # noqa: S603, S607
            if monotonic() > until:
                sys.exit(f"{program} doesn't serve")
            sleep(0.05)
        yield port
    finally:
        process.kill()
        process.wait()


def why(name: str, text: str) -> str | None:
    """Return the feature that a failed test needed and the store lacks; None if its message doesn't show one."""
    for pattern, reason in REASONS:
        if found := pattern.search(f"{name}\n{text}"):
            words = " ".join(reversed(found.groups()))
            return reason.format(words.upper())
    return None


def compare(title: str, ours: Results, theirs: Results) -> int:
    """Print how many tests that pass on Redis pass here, and why others fail; return the number of differences."""
    passing = [name for name, text in theirs.items() if text is None]
    failing = {name: ours.get(name, NOT_RUN) or "" for name in passing if ours.get(name, NOT_RUN) is not None}
    print(f"{title:24}{len(passing) - len(failing):5} of {len(passing)} that pass on Redis pass here", flush=True)
    reasons = {name: why(name, text) for name, text in failing.items()}
    counted = Counter(reason for reason in reasons.values() if reason is not None)
    if counted:
        print("    not offered: " + ", ".join(f"{reason} ({count})" for reason, count in counted.most_common()))
    differing = [name for name, reason in reasons.items() if reason is None]
    for name in differing:
        print(f"    differs: {name}: {' '.join(failing[name].split())[:200]}")
    return len(differing)


def main() -> None:
    """Run the named suites on both and print the differences."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--valkey", type=Path, help="a checkout of Valkey")
    parser.add_argument("--redis-py", type=Path, help="a source distribution of redis-py, unpacked")
    parser.add_argument("--python", default=sys.executable, help="the Python that redis-py's tests run on")
    parser.add_argument("--redis", default="redis-server", help="the Redis to compare with")
    parser.add_argument("--units", nargs="+", default=UNITS, help="the units of Valkey's tests")
    options = parser.parse_args()
    if options.valkey is None and options.redis_py is None:
        parser.error("name --valkey or --redis-py, or both")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with cluster(folder) as nodes, redis(options.redis, folder) as theirs:
            (_, ours) = nodes[0].address
            suites: list[tuple[str, Callable[[int], Results]]] = []
            if options.redis_py is not None:
                suite = shutil.copytree(options.redis_py, folder / "redis-py")
                suites.append(("redis-py", lambda port: redis_py_results(options.python, suite, port)))
            if options.valkey is not None:
                copy = folder / "valkey"
                shutil.copytree(options.valkey / "tests", copy / "tests")
                helper = copy / "tests/support/server.tcl"
                helper.write_text(helper.read_text().replace("    r function flush\n", ""))
                suites += [(unit, lambda port, unit=unit: valkey_results(copy, unit, port)) for unit in options.units]
            differing = sum(compare(title, run(ours), run(theirs)) for title, run in suites)
    sys.exit(1 if differing else 0)


if __name__ == "__main__":
    main()
