"""What can be meant is read; what can't is refused in one line that names the key and says what is right."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.bft_server.settings import Settings as BftSettings
from quorate.node.config import KEYS, Bft, ConfigError, Configuration, TlsFiles, read_configuration
from quorate.raft_server.settings import Settings
from quorate.runtime.addresses import parse_address, show_address
from quorate.runtime.logs import Format, Level

NEEDED: dict[str, object] = {"id": 1, "data": "store", "peers": {"1": "127.0.0.1:7101", "2": "127.0.0.1:7102"}}

TOO_SLOW = (
    "{}: election-timeout-ms ({}) must be at least three times heartbeat-ms ({}), "
    "or nodes stand for election under a living leader"
)

WHOLE = """
id = 2
data = "store"
listen = "0.0.0.0:6379"
cluster = "accounts"
password-file = "password"
operator-password-file = "operator"
client-certificate = "clients.pem"
client-key = "clients.key"
peer-certificate = "peers.pem"
peer-key = "peers.key"
peer-authority = "/etc/authority.pem"
heartbeat-ms = 20
election-timeout-ms = 100
request-timeout-ms = 2000
snapshot-bytes = 1048576
protocol = "raft"
metrics = "127.0.0.1:9101"
trace = "trace.ndjson"
trace-bytes = 1000000
trace-parts = 3
max-clients = 500
max-client-bytes = 1048576
idle-timeout-ms = 60000
log-level = "debug"
log-format = "json"

[peers]
2 = "[::1]:7102"
1 = "alpha.example:7101"
"""


def test_a_file_says_all_there_is_to_say(tmp_path: Path) -> None:
    """Paths are relative to the file's folder, times in milliseconds."""
    file = tmp_path / "node.toml"
    file.write_text(WHOLE)
    (tmp_path / "password").write_text("open sesame\n")
    (tmp_path / "operator").write_text("open all\n")
    assert read_configuration(file, {}) == Configuration(
        node_id=2,
        peers={1: ("alpha.example", 7101), 2: ("::1", 7102)},
        data=tmp_path / "store",
        listen=("0.0.0.0", 6379),  # noqa: S104
        cluster="accounts",
        password="open sesame",  # noqa: S106
        operator_password="open all",  # noqa: S106
        join=None,
        address=None,
        client_tls=TlsFiles(tmp_path / "clients.pem", tmp_path / "clients.key", None),
        peer_tls=TlsFiles(tmp_path / "peers.pem", tmp_path / "peers.key", Path("/etc/authority.pem")),
        settings=Settings(0.02, 0.1, 2.0, snapshot_bytes=1 << 20),
        bft=None,
        metrics=("127.0.0.1", 9101),
        trace=tmp_path / "trace.ndjson",
        trace_bytes=1000000,
        trace_parts=3,
        max_clients=500,
        max_client_bytes=1 << 20,
        idle_timeout_s=60.0,
        log_level=Level.DEBUG,
        log_format=Format.JSON,
    )


WHOLE_OF_BFT = """
id = 2
data = "store"
protocol = "bft"
secret-key = "node2.key"
public-keys = "/etc/public.toml"
view-timeout-ms = 2000
delta-ms = 100
request-timeout-ms = 3000

[peers]
1 = "127.0.0.1:7101"
2 = "127.0.0.1:7102"
"""


def test_a_file_says_how_nodes_agree_of_whom_some_may_lie(tmp_path: Path) -> None:
    """Keys are files, too."""
    file = tmp_path / "node.toml"
    file.write_text(WHOLE_OF_BFT)
    settings = BftSettings(view_timeout_s=2.0, delta_s=0.1, request_timeout_s=3.0)
    assert read_configuration(file, {}).bft == Bft(tmp_path / "node2.key", Path("/etc/public.toml"), settings)


WHOLE_OF_JOIN = """
join = "alpha.example:6379"
address = "delta.example:7101"
"""


def test_a_node_that_joins_needs_no_id_and_no_peers(tmp_path: Path) -> None:
    """It learns them from the cluster, and has a folder by default; an id may be wanted."""
    file = tmp_path / "node.toml"
    file.write_text(WHOLE_OF_JOIN, encoding="utf-8")
    configuration = read_configuration(file, {})
    assert (configuration.join, configuration.address) == (("alpha.example", 6379), ("delta.example", 7101))
    assert (configuration.node_id, configuration.peers, configuration.data) == (0, {}, Path("quorate-data"))
    assert read_configuration(file, {"id": 9, "data": "n9"}).node_id == 9
    assert read_configuration(None, {"join": "127.0.0.1:6379"}).address is None


def test_the_examples_name_every_key() -> None:
    """So that the tests above forget none; a password is either text or a file."""
    lines = (WHOLE + WHOLE_OF_BFT + WHOLE_OF_JOIN).splitlines()
    named = {line.partition(" =")[0] for line in lines if " = " in line} - {"1", "2"}
    assert named == set(KEYS) - {"password", "client-authority"}


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"secret-key": "a"}, "--secret-key: this is for the protocol bft only"),
        ({"protocol": "bft", "snapshot-bytes": 9}, "--snapshot-bytes: this is for the protocol raft only"),
        ({"trace-parts": 2}, "--trace-parts: a trace has parts only with trace-bytes; give both"),
        (
            {"join": "127.0.0.1:6379"},
            "--peer: a node that joins learns them from the cluster; give join or peers",
        ),
        ({"join": "here"}, "--join: host:port is needed, as in 127.0.0.1:7101, not 'here'"),
        ({"address": "127.0.0.1:7"}, "--address: this is for nodes that join; the others have theirs among the peers"),
        ({"protocol": "bft", "heartbeat-ms": 9}, "--heartbeat-ms: this is for the protocol raft only"),
        ({"protocol": "bft"}, "--secret-key is needed: bft: this node's secret key, from `quorate keys`."),
        (
            {"protocol": "bft", "delta-ms": 500},
            "--delta-ms: delta-ms must be less than view-timeout-ms, or no leader who waits is in time",
        ),
        ({"protocol": "paxos"}, "--protocol: one of raft, bft is needed, not 'paxos'"),
    ],
)
def test_what_a_protocol_has_no_use_for_is_refused(given: dict[str, object], line: str) -> None:
    """Whoever says it means another protocol."""
    with pytest.raises(ConfigError) as refused:
        read_configuration(None, NEEDED | given)
    assert str(refused.value) == line


def test_nobody_joins_a_cluster_of_bft() -> None:
    """Its members can't change."""
    with pytest.raises(ConfigError, match=r"^--join: this is for the protocol raft only$"):
        read_configuration(None, {"join": "127.0.0.1:6379", "protocol": "bft"})


def test_flags_alone_are_enough() -> None:
    """What isn't said is as the help says; nothing is reachable from other machines."""
    configuration = read_configuration(None, NEEDED)
    assert configuration.settings == Settings()
    assert configuration.listen == ("127.0.0.1", 6379)
    assert configuration.database == Path("store/quorate.sqlite3")
    assert configuration.warnings() == []


def test_flags_win_over_the_file(tmp_path: Path) -> None:
    """One file serves all nodes; paths in flags are relative to the current folder."""
    file = tmp_path / "cluster.toml"
    file.write_text(WHOLE)
    (tmp_path / "password").write_text("open sesame")
    (tmp_path / "operator").write_text("open all")
    configuration = read_configuration(file, {"id": 1, "data": "elsewhere", "listen": "127.0.0.1:0"})
    assert (configuration.node_id, configuration.data) == (1, Path("elsewhere"))
    assert configuration.listen == ("127.0.0.1", 0)
    assert configuration.cluster == "accounts"


@pytest.mark.parametrize(
    ("toml", "line"),
    [
        ("id = 3", "id: node 3 is not among the peers, which are [1, 2]"),
        ("id = 0", "id: a positive whole number is needed, not 0"),
        ("id = true", "id: a positive whole number is needed, not True"),
        ('data = ""', "data: a text is needed, not ''"),
        ('listen = "6379"', "listen: host:port is needed, as in 127.0.0.1:7101, not '6379'"),
        ('listen = "::1:6379"', "listen: an IPv6 address needs brackets, as in [::1]:7101, not '::1:6379'"),
        ('listen = "localhost:70000"', "listen: a port from 0 to 65535 is needed behind the colon, not '70000'"),
        ("heartbeat-ms = 0", "heartbeat-ms: a positive whole number is needed, not 0"),
        ("heartbeat-ms = 1.5", "heartbeat-ms: a positive whole number is needed, not 1.5"),
        ("heartbeat-ms = 101", TOO_SLOW.format("heartbeat-ms", 300, 101)),
        ("election-timeout-ms = 100", TOO_SLOW.format("election-timeout-ms", 100, 50)),
        ('log-level = "loud"', "log-level: one of debug, info, warning, error is needed, not 'loud'"),
        ('log-format = "xml"', "log-format: one of text, json is needed, not 'xml'"),
        ("hearbeat-ms = 20", "hearbeat-ms: there is no such key; heartbeat-ms is one"),
        ("snapshot_bytes = 20", "snapshot_bytes: there is no such key; snapshot-bytes is one"),
        ('password-file = "none"', "password-file: {folder}/none: No such file or directory"),
        ('password = "x"\npassword-file = "y"', "password-file: a password is given already; give one of the two"),
        ('peer-key = "k"', "peer-key: peer-certificate is needed, too"),
        ('peer-certificate = "c"\npeer-key = "k"', "peer-certificate: peer-authority is needed, too"),
        ('client-authority = "a"', "client-authority: client-certificate is needed, too"),
        ("peers = 3", 'peers: a table of ids and addresses is needed, as in 1 = "127.0.0.1:7101"'),
        ('peers.one = "a:1"', "peers: an id from 1 to 2147483647 is needed, not 'one'"),
        ('peers.1 = "a"', "peers: 1: host:port is needed, as in 127.0.0.1:7101, not 'a'"),
        ('peers.1 = "a:0"', "peers: 1: a port from 1 to 65535 is needed behind the colon, not '0'"),
        ('peers.1 = "a:1"\npeers.2 = "a:1"', "peers: 2: a:1 is another node's address, too"),
        ('peers.1 = "a:1"\npeers.01 = "a:2"', "peers: 01: this id is given twice"),
    ],
)
def test_what_cant_be_meant_is_refused_by_name(tmp_path: Path, toml: str, line: str) -> None:
    """One line: the file, the key, and what is right."""
    given = {key: value for key, value in NEEDED.items() if f"{key} =" not in toml and f"{key}." not in toml}
    file = tmp_path / "node.toml"
    file.write_text(toml)
    with pytest.raises(ConfigError) as refused:
        read_configuration(file, given)
    assert str(refused.value) == f"{file}: {line.format(folder=tmp_path)}"


def test_a_key_far_from_all_others_is_answered_with_the_list(tmp_path: Path) -> None:
    """There is no nearest one."""
    file = tmp_path / "node.toml"
    file.write_text("zzz = 1")
    with pytest.raises(ConfigError, match="zzz: there is no such key; these are: id, join, address, data, listen, "):
        read_configuration(file, NEEDED)


@pytest.mark.parametrize("key", ["id", "data", "peers"])
def test_what_is_needed_is_asked_for(key: str) -> None:
    """By its flag, if there is no file."""
    with pytest.raises(ConfigError, match=rf"^--{key.removesuffix('s')} is needed: "):
        read_configuration(None, {name: value for name, value in NEEDED.items() if name != key})


def test_a_bad_flag_is_named_as_a_flag() -> None:
    """Also when there is a file."""
    with pytest.raises(ConfigError, match=r"^--metrics: host:port is needed"):
        read_configuration(None, {**NEEDED, "metrics": "9101"})


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"id: 1", "this is not TOML: Expected '=' after a key"),
        (b"\xff", "this is not TOML: 'utf-8' codec can't decode"),
        (None, "No such file or directory"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, content: bytes | None, line: str) -> None:
    """With its name."""
    file = tmp_path / "node.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError) as refused:
        read_configuration(file, {})
    assert str(refused.value).startswith(f"{file}: {line}")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("content", ["", "\n", "two\nlines"])
def test_a_password_file_holds_one_line(tmp_path: Path, content: str) -> None:
    """An empty password would let everybody in."""
    (tmp_path / "password").write_text(content)
    with pytest.raises(ConfigError, match="the password alone, on one line, is needed"):
        read_configuration(None, {**NEEDED, "password-file": str(tmp_path / "password")})


@pytest.mark.parametrize(
    ("more", "warned"),
    [
        ({"listen": "0.0.0.0:6379"}, ["without password and TLS: set password-file and client-certificate"]),
        ({"listen": "db.example:6379", "password": "x"}, ["without TLS: set client-certificate and client-key, or"]),
        ({"listen": "127.8.8.8:6379"}, []),
        ({"listen": "[::1]:6379"}, []),
        ({"peers": {"1": "10.0.0.1:7101"}}, ["10.0.0.1:7101 can pose as a node, for there is no TLS: set peer-"]),
    ],
)
def test_a_port_that_others_reach_unprotected_is_warned_of(more: dict[str, object], warned: list[str]) -> None:
    """One line for clients, one for peers, and what to do."""
    found = read_configuration(None, {**NEEDED, **more}).warnings()
    assert len(found) == len(warned)
    assert all(part in line for part, line in zip(warned, found, strict=True))


HOST_NAMES = st.from_regex(r"[a-z-]{1,9}(\.[a-z-]{1,9}){0,2}\.?", fullmatch=True)


@given(st.one_of(HOST_NAMES, st.ip_addresses().map(str)), st.integers(1, 65535))
def test_an_address_is_read_as_it_is_shown(host: str, port: int) -> None:
    """Also an IPv6 one."""
    assert parse_address(show_address((host, port))) == (host, port)


@pytest.mark.parametrize("host", ["x" * 64, "a..b", ".a", "a\0b"])
def test_a_name_that_no_resolver_takes_is_refused_where_it_is_read(host: str) -> None:
    """Rather than with an error of the codec's in the middle of a connection."""
    with pytest.raises(ValueError, match="a host has no such name: '"):
        parse_address(f"{host}:7101")


@given(st.text())
def test_any_text_is_an_address_or_refused(text: str) -> None:
    """Never with another error."""
    try:
        host, port = parse_address(text)
    except ValueError:
        return
    assert host
    assert host in text
    assert 0 < port <= 65535
