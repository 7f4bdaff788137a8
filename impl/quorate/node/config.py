"""The configuration of a node: one TOML file, flags, or both; a flag overrides the file.

Every key has the same name in the file and as a flag. An invalid value is refused with one line that names the key, the
place where it was given, and what is valid; an unknown key is refused with the nearest known one.
"""

import difflib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from quorate.bft_server.settings import Settings as BftSettings
from quorate.node.config_values import (
    Protocol,
    address,
    listening_address,
    one_of,
    peer_addresses,
    positive,
    seconds,
    text,
)
from quorate.raft_server.settings import Settings
from quorate.runtime.addresses import Address, is_loopback, show_address
from quorate.runtime.logs import Format, Level

T = TypeVar("T")

PEERS = "peers"
JOINED_DATA = "quorate-data"


class ConfigError(Exception):
    """The configuration is invalid; the text is one line that says what to change."""


@dataclass(frozen=True, slots=True)
class Key:
    """The description of a key, as `--help` shows it; values are strings or integers."""

    kind: type[str] | type[int]
    metavar: str
    help: str


# All keys but `peers`, which is a table in the file (id = "host:port") and a repeated flag (--peer ID=HOST:PORT).
KEYS: Mapping[str, Key] = {
    "id": Key(int, "ID", "This node's id among the peers."),
    "join": Key(str, "HOST:PORT", "Join the cluster that serves clients there; give neither id nor peers."),
    "address": Key(str, "HOST:PORT", "With join: where other nodes reach this one. [default: a free port]"),
    "data": Key(str, "DIR", "The folder of this node's database; created if missing. [with join: quorate-data]"),
    "listen": Key(str, "HOST:PORT", "The address for clients. [default: 127.0.0.1:6379]"),
    "max-clients": Key(int, "NUMBER", "The most clients at a time. [default: 10000]"),
    "max-client-bytes": Key(int, "BYTES", "The most memory for all clients' requests. [default: 268435456]"),
    "idle-timeout-ms": Key(int, "MS", "Disconnect clients that send nothing for so long. [default: never]"),
    "cluster": Key(str, "NAME", "The cluster's name; nodes with another name are refused. [default: quorate]"),
    "password-file": Key(str, "FILE", "A file with only the password that clients give to AUTH."),
    "password": Key(str, "TEXT", "The password itself; other users of the machine can see it."),
    "operator-password-file": Key(str, "FILE", "A file with the password of the user operator, who changes members."),
    "client-certificate": Key(str, "FILE", "Clients connect by TLS: this node's certificate (PEM)."),
    "client-key": Key(str, "FILE", "The private key of client-certificate."),
    "client-authority": Key(str, "FILE", "Clients need a certificate that this authority signed."),
    "peer-certificate": Key(str, "FILE", "Nodes connect by mutual TLS: this node's certificate (PEM)."),
    "peer-key": Key(str, "FILE", "The private key of peer-certificate."),
    "peer-authority": Key(str, "FILE", "The authority that signed all nodes' certificates."),
    "heartbeat-ms": Key(int, "MS", "The time between a leader's heartbeats. [default: 50]"),
    "election-timeout-ms": Key(int, "MS", "The silence before an election, times 1 to 2 at random. [default: 300]"),
    "request-timeout-ms": Key(int, "MS", "A request that takes longer gets an error. [default: 5000]"),
    "snapshot-bytes": Key(int, "BYTES", "The log is compacted whenever it has grown by so much. [default: 16777216]"),
    "protocol": Key(str, "PROTOCOL", "raft tolerates crashes, bft also traitors. [default: raft]"),
    "secret-key": Key(str, "FILE", "bft: this node's secret key, from `quorate keys`."),
    "public-keys": Key(str, "FILE", "bft: all nodes' public keys, from `quorate keys`."),
    "view-timeout-ms": Key(int, "MS", "bft: a leader that decides nothing for so long is replaced. [default: 500]"),
    "delta-ms": Key(int, "MS", "bft: how long a message takes at most on a good network. [default: 50]"),
    "metrics": Key(str, "HOST:PORT", "The address that serves metrics to Prometheus."),
    "trace": Key(str, "FILE", "Record every step in this file, for `model-check trace`."),
    "trace-bytes": Key(int, "BYTES", "Begin a new file of the trace at this size. [default: never]"),
    "trace-parts": Key(int, "NUMBER", "How many files of the trace are kept, the latest. [default: 16]"),
    "log-level": Key(str, "LEVEL", "debug, info, warning or error. [default: info]"),
    "log-format": Key(str, "FORMAT", "text or json. [default: text]"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The PEM files of one side of TLS; without an authority the other side needs no certificate."""

    certificate: Path
    key: Path
    authority: Path | None


@dataclass(frozen=True, slots=True)
class Bft:
    """The part of a configuration that only the BFT protocol has."""

    secret_key: Path
    public_keys: Path
    settings: BftSettings


@dataclass(frozen=True, slots=True)
class Configuration:
    """A valid configuration; `peers` are the addresses of all nodes for each other, this node's included.

    With `join` the node joins the cluster of the node that serves clients there. Until it has (quorate.node.joining),
    `peers` is empty, `node_id` is 0 unless a certain id is wanted, and `address` None unless it is given.
    """

    node_id: int
    peers: Mapping[int, Address]
    data: Path
    listen: Address
    max_clients: int
    max_client_bytes: int
    idle_timeout_s: float | None
    cluster: str
    password: str | None
    operator_password: str | None
    join: Address | None
    address: Address | None
    client_tls: TlsFiles | None
    peer_tls: TlsFiles | None
    settings: Settings
    bft: Bft | None
    metrics: Address | None
    trace: Path | None
    trace_bytes: int | None
    trace_parts: int
    log_level: Level
    log_format: Format

    @property
    def database(self) -> Path:
        """The file with term, vote, log and snapshot."""
        return self.data / "quorate.sqlite3"

    def warnings(self) -> list[str]:
        """Return the security risks of this configuration, one line each."""
        texts = []
        lacking = [name for name, value in (("password", self.password), ("TLS", self.client_tls)) if value is None]
        if lacking and not is_loopback(self.listen[0]):
            texts.append(
                f"clients reach {show_address(self.listen)} from other machines without {' and '.join(lacking)}: "
                f"set {' and '.join(_REMEDIES[name] for name in lacking)}, or listen on 127.0.0.1"
            )
        peers = self.peers.get(self.node_id, self.address)
        if self.peer_tls is None and peers is not None and not is_loopback(peers[0]):
            texts.append(
                f"whoever reaches {show_address(peers)} can pose as a node, for there is no TLS: "
                f"set {_REMEDIES['peer TLS']}"
            )
        return texts


_REMEDIES = {
    "password": "password-file",
    "TLS": "client-certificate and client-key",
    "peer TLS": "peer-certificate, peer-key and peer-authority",
}


@dataclass(frozen=True, slots=True)
class _Options:
    """Unparsed values by key. Paths in the file are relative to its folder, paths in flags to the current folder."""

    in_file: Mapping[str, object]
    file: Path | None
    flags: Mapping[str, object]

    def where(self, key: str) -> str:
        """Return the key as the user wrote it, and the file if it isn't a flag."""
        if key in self.flags or self.file is None:
            return f"--{'peer' if key == PEERS else key}"
        return f"{self.file}: {key}"

    def has(self, key: str) -> bool:
        """Whether the key was given, in the file or as a flag."""
        return key in self.flags or key in self.in_file

    def get(self, key: str, read: Callable[[object], T], default: T) -> T:
        """Return the value as parsed by `read`, or the default; `read` raises ValueError with one clause."""
        return self.need(key, read) if self.has(key) else default

    def need(self, key: str, read: Callable[[object], T]) -> T:
        """Return the value as parsed by `read`; ConfigError if the key wasn't given."""
        if not self.has(key):
            raise ConfigError(
                f"{self.where(key)} is needed: {KEYS[key].help if key in KEYS else 'the nodes of the cluster'}"
            )
        try:
            return read(self.flags.get(key, self.in_file.get(key)))
        except ValueError as error:
            raise self.refused(key, str(error)) from error

    def refused(self, key: str, why: str) -> ConfigError:
        """Return the error about this key, with the reason `why`."""
        return ConfigError(f"{self.where(key)}: {why}")

    def path(self, key: str) -> Callable[[object], Path]:
        """Return a function that parses the value of this key as a path."""
        folder = Path() if key in self.flags or self.file is None else self.file.parent

        def read(value: object) -> Path:
            return folder / text(value)

        return read


def read_configuration(file: Path | None, flags: Mapping[str, object]) -> Configuration:
    """Return the configuration in `file`, if any, and `flags`, which override it; raises ConfigError if it is invalid.

    `flags` has strings and integers by key, and under `peers` a mapping of ids, as strings, to addresses.
    """
    in_file = {} if file is None else _read_toml(file)
    for key in in_file:
        if key not in KEYS and key != PEERS:
            raise ConfigError(f"{file}: {key}: there is no such key{_nearest(key)}")
    options = _Options(in_file, file, flags)
    join = options.get("join", address, None)
    if join is None:
        if options.has("address"):
            raise options.refused("address", "this is for nodes that join; the others have theirs among the peers")
        peers = options.need(PEERS, peer_addresses)
        node_id = options.need("id", positive)
        if node_id not in peers:
            raise options.refused("id", f"node {node_id} is not among the peers, which are {sorted(peers)}")
    else:
        if options.has(PEERS):
            raise options.refused(PEERS, "a node that joins learns them from the cluster; give join or peers")
        peers, node_id = {}, options.get("id", positive, 0)
    return Configuration(
        node_id=node_id,
        peers=peers,
        data=options.need("data", options.path("data")) if join is None or options.has("data") else Path(JOINED_DATA),
        listen=options.get("listen", listening_address, ("127.0.0.1", 6379)),
        max_clients=options.get("max-clients", positive, 10_000),
        max_client_bytes=options.get("max-client-bytes", positive, 256 << 20),
        idle_timeout_s=options.get("idle-timeout-ms", seconds, None),
        cluster=options.get("cluster", text, "quorate"),
        password=_password(options),
        operator_password=_password_in(options, "operator-password-file"),
        join=join,
        address=options.get("address", address, None),
        client_tls=_tls(options, "client"),
        peer_tls=_tls(options, "peer"),
        settings=_settings(options),
        bft=_bft(options),
        metrics=options.get("metrics", listening_address, None),
        trace=options.get("trace", options.path("trace"), None),
        trace_bytes=options.get("trace-bytes", positive, None),
        trace_parts=_trace_parts(options),
        log_level=options.get("log-level", one_of(Level), Level.INFO),
        log_format=options.get("log-format", one_of(Format), Format.TEXT),
    )


def _read_toml(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: this is not TOML: {error}") from error


def _nearest(key: str) -> str:
    matches = difflib.get_close_matches(key.replace("_", "-"), [*KEYS, PEERS], n=1)
    return f"; {matches[0]} is one" if matches else f"; these are: {', '.join([*KEYS, PEERS])}"


def _settings(options: _Options) -> Settings:
    usual = Settings()
    heartbeat_s = options.get("heartbeat-ms", seconds, usual.heartbeat_s)
    election_timeout_s = options.get("election-timeout-ms", seconds, usual.election_timeout_s)
    if heartbeat_s * 3 > election_timeout_s:
        key = "heartbeat-ms" if options.has("heartbeat-ms") else "election-timeout-ms"
        raise options.refused(
            key,
            f"election-timeout-ms ({election_timeout_s * 1000:.0f}) must be at least three times "
            f"heartbeat-ms ({heartbeat_s * 1000:.0f}), or nodes stand for election under a living leader",
        )
    return Settings(
        heartbeat_s=heartbeat_s,
        election_timeout_s=election_timeout_s,
        request_timeout_s=options.get("request-timeout-ms", seconds, usual.request_timeout_s),
        snapshot_bytes=options.get("snapshot-bytes", positive, usual.snapshot_bytes),
    )


def _trace_parts(options: _Options) -> int:
    if options.has("trace-parts") and not options.has("trace-bytes"):
        raise options.refused("trace-parts", "a trace has parts only with trace-bytes; give both")
    return options.get("trace-parts", positive, 16)


def _bft(options: _Options) -> Bft | None:
    of_bft = ("secret-key", "public-keys", "view-timeout-ms", "delta-ms")
    if options.get("protocol", one_of(Protocol), Protocol.RAFT) is Protocol.RAFT:
        for key in of_bft:
            if options.has(key):
                raise options.refused(key, "this is for the protocol bft only")
        return None
    for key in (
        "join",
        "operator-password-file",
        "heartbeat-ms",
        "election-timeout-ms",
        "snapshot-bytes",
    ):
        if options.has(key):
            raise options.refused(key, "this is for the protocol raft only")
    usual = BftSettings()
    view_timeout_s = options.get("view-timeout-ms", seconds, usual.view_timeout_s)
    delta_s = options.get("delta-ms", seconds, usual.delta_s)
    if delta_s >= view_timeout_s:
        key = "delta-ms" if options.has("delta-ms") else "view-timeout-ms"
        raise options.refused(key, "delta-ms must be less than view-timeout-ms, or no leader who waits is in time")
    request_timeout_s = options.get("request-timeout-ms", seconds, usual.request_timeout_s)
    settings = BftSettings(view_timeout_s=view_timeout_s, delta_s=delta_s, request_timeout_s=request_timeout_s)
    secret_key, public_keys = (options.need(key, options.path(key)) for key in ("secret-key", "public-keys"))
    return Bft(secret_key, public_keys, settings)


def _password(options: _Options) -> str | None:
    if options.has("password") and options.has("password-file"):
        raise options.refused("password-file", "a password is given already; give one of the two")
    password = _password_in(options, "password-file")
    return options.get("password", text, None) if password is None else password


def _password_in(options: _Options, key: str) -> str | None:
    file = options.get(key, options.path(key), None)
    if file is None:
        return None
    try:
        password = file.read_text(encoding="utf-8").strip("\r\n")
    except OSError as error:
        raise options.refused(key, f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise options.refused(key, f"{file}: this is not UTF-8 text") from error
    if not password or "\n" in password:
        raise options.refused(key, f"{file}: the password alone, on one line, is needed")
    return password


def _tls(options: _Options, side: str) -> TlsFiles | None:
    names = [f"{side}-{part}" for part in ("certificate", "key", "authority")]
    present = [name for name in names if options.has(name)]
    if not present:
        return None
    # Nodes always verify each other; clients may authenticate by a password instead.
    needed = names if side == "peer" else names[:2]
    for name in needed:
        if name not in present:
            raise options.refused(present[0], f"{name} is needed, too")
    certificate, key, authority = (options.get(name, options.path(name), None) for name in names)
    assert certificate is not None
    assert key is not None
    return TlsFiles(certificate, key, authority)
