"""Numbers at the edges of types, in files that others may have written, lead to a verdict or to one clear line."""

import json
import re
from pathlib import Path

import pytest

from quorate.raft import Config, Propose
from quorate_check.cli import main
from quorate_check.core.system import UnusableSystemError
from quorate_check.raft.traces.check import TraceCheck
from traced_cluster import TracedCluster

EDGES = [
    *("-1", "-9223372036854775809", "4611686018427387904", "9223372036854775808", "18446744073709551616"),
    *("1.5", "1e308", "1e400", "NaN", "Infinity", "1" + "0" * 400, "1" + "0" * 5000),
]
NUMBER = re.compile(r"(?<=[:\[,])\d+(?=[,}\]])")
WRITE = {"client": "c1", "invoked": 10, "returned": 25, "outcome": "done", "operation": "incrby"}


@pytest.mark.parametrize("field", ["invoked", "returned", "reply", "arguments"])
@pytest.mark.parametrize("number", EDGES)
def test_a_history_with_such_a_number_is_judged_or_refused(
    field: str, number: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a number of JSON, and as the text of an argument; never a traceback."""
    line = WRITE | {"arguments": ["x", "1"], "reply": 1}
    path = tmp_path / "history.ndjson"
    for written in (number, json.dumps(number)):
        line[field] = ["x", "@@"] if field == "arguments" else "@@"
        path.write_text(json.dumps(line).replace('"@@"', written) + "\n")
        status = main(["history", str(path)])
        captured = capsys.readouterr()
        assert status in {0, 1, 2, 3}
        assert len(captured.err.splitlines()) == (status == 2)
        assert "Traceback" not in captured.out + captured.err


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The trace of a server whose first parts are gone, so that it has lines of every kind."""
    folder = tmp_path_factory.mktemp("trace")
    cluster = TracedCluster(folder, Config((1,)), seed=1, cut=frozenset({1}), part_bytes=900, parts=1)
    node = cluster.nodes[1]
    cluster.elect(1)
    while '"line":"checkpoint"' not in (folder / "n1.ndjson").read_text():
        node.handle(Propose((b"a", b"b")))
        cluster.settle()
    node.part_bytes = node.tracer._part_bytes = None
    node.handle(Propose((b"c",)))
    cluster.settle()
    node.crash()
    cluster.close()
    return (folder / "n1.ndjson").read_text().splitlines()


def is_good(folder: Path) -> bool:
    """Whether traces are ones, and nothing is wrong with them."""
    try:
        check = TraceCheck(folder)
        check.run(lambda: None, lambda _: None)
    except UnusableSystemError:
        return False
    return check.finding is None


@pytest.mark.parametrize("number", EDGES)
def test_a_trace_with_such_a_number_is_judged_or_refused(number: str, lines: list[str], tmp_path: Path) -> None:
    """In the place of each number of a line of each kind; in a step it breaks a rule, or makes it no line of a trace.

    What isn't JSON may have been cut off, before a restart.
    """
    (tmp_path / "n1.ndjson").write_text("\n".join(lines) + "\n")
    assert is_good(tmp_path)
    assert {json.loads(line)["line"] for line in lines} == {"part", "checkpoint", "step", "durable", "boot"}
    kinds = {json.loads(line)["line"]: index for index, line in enumerate(lines)}
    for index in kinds.values():
        line = lines[index]
        for found in NUMBER.finditer(line):
            changed = line[: found.start()] + number + line[found.end() :]
            (tmp_path / "n1.ndjson").write_text("\n".join([*lines[:index], changed, *lines[index + 1 :]]) + "\n")
            good = is_good(tmp_path)
            if json.loads(line)["line"] in {"step", "durable"} and number not in {"NaN", "Infinity"}:
                assert not good, changed
