"""What real processes did, told in pictures from their traces: elections, writes, a node killed in between."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from quorate_check.cli import main
from real_cluster import real_cluster


async def run(folder: Path) -> Path:
    """Three nodes serve a client, and go on when their leader is killed and started again; return their traces."""
    async with real_cluster(folder) as cluster:
        first = await cluster.leader()
        cluster.nodes[first].kill()
        await cluster.leader()
        cluster.nodes[first].start()
        await cluster.all_serve()
        return cluster.traces


def test_what_real_processes_did_is_drawn_with_the_rule_of_each_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the first election on to where the killed node comes back, every step is explained."""
    traces, page = asyncio.run(run(tmp_path)), tmp_path / "run.html"
    assert main(["explain", str(traces), "--steps", "40", "--html", str(page)]) == 0
    out = capsys.readouterr().out
    assert "leader" in out
    assert "▕t1 no-op▏" in out
    assert page.read_text().count('class="scene"') == 40
    assert all(f'"name": "{rule}"' in page.read_text() for rule in ("BecomeLeader", "HandleRequestVote", "Timeout"))
    steps: list[dict[str, Any]] = []
    while not any("crash and restart" in step["event"] for step in steps):
        assert main(["explain", str(traces), "--from", str(len(steps) + 1), "--steps", "400", "--json", "-"]) == 0
        told = json.loads(capsys.readouterr().out)["steps"]
        assert told, "the trace has ended"
        steps += told
