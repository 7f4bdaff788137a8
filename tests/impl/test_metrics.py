"""What a node tells of itself: to Prometheus over HTTP, and to Redis's tools by INFO."""

import asyncio
import sys
import urllib.request
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from quorate.node.info import Clients, info_text, parse_info
from quorate.node.metrics import Metrics
from quorate.node.metrics_endpoint import MetricsEndpoint
from quorate.raft.state import Role
from quorate.raft_server.status import Peer, Status
from quorate.runtime.outcomes import Done, NotDone, Unknown

LEADER = Status(
    node_id=1,
    role=Role.LEADER,
    term=7,
    leader_id=1,
    commit_index=40,
    machine_index=39,
    last_log_index=41,
    snapshot_index=30,
    log_entries=11,
    log_bytes=1234,
    pending_requests=5,
    disk_full=False,
    trace_lost=False,
    notice="",
    configuration_index=38,
    change="direct",
    peers={2: Peer(connected=True, match_index=41), 3: Peer(connected=False, match_index=12, role="learner")},
)
FOLLOWER = replace(LEADER, node_id=2, role=Role.FOLLOWER, peers={1: Peer(True, None), 3: Peer(False, None)})  # noqa: FBT003


def samples(page: bytes) -> dict[str, float]:
    """What Prometheus makes of a page: values by name and labels."""
    return {
        sample.name + "".join(f" {key}={value}" for key, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }


def test_what_has_a_value_at_any_time_is_told_as_it_is() -> None:
    """Term, role, indexes, log and peers, of the status at the time."""
    metrics = Metrics()
    found = samples(metrics.page(LEADER))
    assert found["quorate_term"] == 7
    assert (found["quorate_commit_index"], found["quorate_applied_index"]) == (40, 39)
    assert (found["quorate_log_entries"], found["quorate_log_bytes"]) == (11, 1234)
    assert found["quorate_role role=leader"] == 1
    assert found["quorate_role role=follower"] == 0
    assert (found["quorate_peer_connected peer=2"], found["quorate_peer_connected peer=3"]) == (1, 0)
    assert found["quorate_peer_match_index peer=3"] == 12
    assert found["quorate_peer_membership membership=learner peer=3"] == 1
    assert (found["quorate_configuration_index"], found["quorate_change_under_way"]) == (38, 1)
    found = samples(metrics.page(FOLLOWER))
    assert found["quorate_role role=leader"] == 0
    assert "quorate_peer_match_index peer=3" not in found


def test_what_happens_is_counted() -> None:
    """Latencies in histograms, outcomes and lost messages by kind."""
    metrics = Metrics()
    for seconds in (0.0002, 0.0003, 3.0):
        metrics.fsync(seconds)
    metrics.committed(0.004, 256)
    for outcome in (Done(b""), Done(b""), NotDone("no leader"), Unknown("timed out")):
        metrics.outcome(outcome)
    metrics.dropped(3)
    found = samples(metrics.page(LEADER))
    assert found["quorate_fsync_seconds_bucket le=0.00025"] == 1
    assert found["quorate_fsync_seconds_count"] == 3
    assert found["quorate_commit_seconds_bucket le=0.005"] == 1
    assert found["quorate_applied_entries_total"] == 256
    assert found["quorate_requests_total outcome=done"] == 2
    assert found["quorate_requests_total outcome=not_done"] == 1
    assert found["quorate_requests_total outcome=unknown"] == 1
    assert found["quorate_dropped_messages_total peer=3"] == 1


def test_nodes_in_one_process_count_for_themselves() -> None:
    """Nothing is registered globally."""
    first, second = Metrics(), Metrics()
    first.fsync(0.1)
    assert samples(second.page(LEADER))["quorate_fsync_seconds_count"] == 0


async def talk(port: int, request: bytes) -> bytes:
    """Send so many bytes and no more, and return what comes until the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        writer.write_eof()
        return await reader.read()
    except OSError:
        return b""
    finally:
        writer.close()


def test_a_scraper_gets_the_page() -> None:
    """By the standard library's client; each time anew."""
    pages = [b"second 2\n", b"first 1\n"]

    async def main() -> None:
        endpoint = MetricsEndpoint(pages.pop)
        host, port = await endpoint.start(("127.0.0.1", 0))
        for expected in (b"first 1\n", b"second 2\n"):
            got = await asyncio.to_thread(urllib.request.urlopen, f"http://{host}:{port}/metrics", timeout=20)
            with got:
                assert got.read() == expected
                assert got.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        await endpoint.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET / HTTP/1.1", b"HTTP/1.1 404 "),
        (b"POST /metrics HTTP/1.1", b"HTTP/1.1 405 "),
        (b"GET /metrics?x=1 HTTP/1.0", b"HTTP/1.1 200 "),
        (b"rubbish", b"HTTP/1.1 405 "),
    ],
)
def test_other_requests_are_told_what_there_is(request_line: bytes, status: bytes) -> None:
    """In one line."""

    async def main() -> bytes:
        endpoint = MetricsEndpoint(lambda: b"page")
        _, port = await endpoint.start(("127.0.0.1", 0))
        got = await talk(port, request_line + b"\r\nHost: x\r\n\r\n")
        await endpoint.close()
        return got

    assert asyncio.run(main()).startswith(status)


@settings(max_examples=20)
@given(st.lists(st.one_of(st.binary(max_size=100), st.integers(5000, 40000).map(bytes)), max_size=4))
def test_hostile_bytes_hurt_only_their_own_connection(each: list[bytes]) -> None:
    """Rubbish, too much of it, and half requests: the next scraper gets the page."""

    async def main() -> bytes:
        endpoint = MetricsEndpoint(lambda: b"page")
        _, port = await endpoint.start(("127.0.0.1", 0))
        await asyncio.gather(*(talk(port, request) for request in each))
        got = await talk(port, b"GET /metrics HTTP/1.1\r\n\r\n")
        await endpoint.close()
        return got

    assert asyncio.run(main()).endswith(b"\r\n\r\npage")


def test_a_silent_connection_ends_with_the_node() -> None:
    """It doesn't keep the node from stopping."""

    async def main() -> bytes:
        endpoint = MetricsEndpoint(lambda: b"page")
        _, port = await endpoint.start(("127.0.0.1", 0))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert (await talk(port, b"GET /metrics HTTP/1.1\r\n\r\n")).endswith(b"page")  # so the silent one is in, too
        await endpoint.close()
        try:
            return await reader.read()
        finally:
            writer.close()

    assert asyncio.run(main()) == b""


def test_info_has_redis_keys_and_those_of_raft() -> None:
    """A leader is a master; the text is read back by `quorate status`."""
    found = parse_info(info_text(LEADER, ("127.0.0.1", 6379), uptime_s=12.7, clients=Clients(3, 9, 120)))
    assert (found["total_connections_received"], found["total_commands_processed"]) == ("9", "120")
    assert (found["cluster_enabled"], found["arch_bits"]) == ("0", "64" if sys.maxsize > 2**32 else "32")
    assert float(found["used_cpu_user"]) > 0
    assert (found["redis_mode"], found["tcp_port"], found["uptime_in_seconds"]) == ("standalone", "6379", "12")
    assert (found["role"], found["connected_slaves"], found["connected_clients"]) == ("master", "1", "3")
    assert (found["raft_node_id"], found["raft_role"], found["raft_term"]) == ("1", "leader", "7")
    assert (found["raft_leader_id"], found["raft_commit_index"], found["raft_applied_index"]) == ("1", "40", "39")
    assert (found["raft_configuration_index"], found["raft_membership"], found["raft_change"]) == (
        "38",
        "voter",
        "direct",
    )
    assert found["raft_peer3"] == "connected=0,match_index=12,role=learner"


def test_info_of_a_follower_says_whom_it_follows() -> None:
    """Or that there is nobody."""
    found = parse_info(info_text(FOLLOWER, ("::1", 6380), uptime_s=0, clients=Clients(0, 0, 0)))
    assert (found["role"], found["connected_slaves"], found["master_link_status"]) == ("slave", "0", "up")
    alone = replace(FOLLOWER, leader_id=None, role=Role.CANDIDATE)
    found = parse_info(info_text(alone, ("::1", 6380), uptime_s=0, clients=Clients(0, 0, 0)))
    assert (found["raft_leader_id"], found["master_link_status"]) == ("none", "down")
    assert found["raft_peer1"] == "connected=1,match_index=unknown,role=voter"


def test_info_is_lines_in_sections() -> None:
    """Each begins with its name and ends with an empty line, as Redis's."""
    text = info_text(LEADER, ("127.0.0.1", 6379), uptime_s=1, clients=Clients(0, 0, 0))
    names = [section.splitlines()[0] for section in text.split("\r\n\r\n")]
    assert names == ["# Server", "# Clients", "# Stats", "# CPU", "# Replication", "# Raft", "# Cluster"]
    assert all(":" in line for line in text.splitlines() if line and not line.startswith("#"))
