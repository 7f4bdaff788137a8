"""Mutual TLS: each end of a connection shows a certificate that names its node, signed by the cluster's own CA.

Node 2's certificate has the DNS name `node-2` among its subject alternative names (the common name doesn't count),
and may be used by servers and by clients. Each cluster needs a CA of its own, because its nodes have the same names as
those of any other cluster.
"""

import ssl
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quorate.runtime.interfaces import NodeId
from quorate.runtime.network_errors import describe
from quorate.runtime.trust import believe, show


class TlsError(Exception):
    """Invalid files for TLS; `str(error)` is one line that names the file and says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Tls:
    """The contexts for connections that a node accepts, and for those that it dials."""

    accepting: ssl.SSLContext
    dialling: ssl.SSLContext


def node_name(node_id: NodeId) -> str:
    """The DNS name in a node's certificate."""
    return f"node-{node_id}"


def names_node(certificate: dict[str, Any] | None, node_id: NodeId) -> bool:
    """Whether a verified certificate, as `SSLSocket.getpeercert` gives it, is that node's."""
    return ("DNS", node_name(node_id)) in (certificate or {}).get("subjectAltName", ())


def load_tls(certificate: Path, key: Path, ca: Path, node_id: NodeId) -> Tls:
    """Read PEM files: the node's certificate (and what is between it and the CA), its key, and the CA's certificate.

    Raises TlsError, also if other nodes would refuse the certificate, which is tried here first.
    """
    for path in (certificate, key, ca):
        _check_readable(path)
    tls = Tls(
        *(_context(protocol, certificate, key, ca) for protocol in (ssl.PROTOCOL_TLS_SERVER, ssl.PROTOCOL_TLS_CLIENT))
    )
    try:
        _shake_hands(tls, node_name(node_id))
    except ssl.SSLError as error:
        raise TlsError(
            f"certificate {certificate}: other nodes would not take it for {node_name(node_id)} by CA {ca}: "
            f"{describe(error)}"
        ) from None
    return tls


def _check_readable(path: Path) -> None:
    try:
        path.read_bytes()
    except OSError as error:
        raise TlsError(f"cannot read {path}: {error.strerror}") from None


def _context(protocol: int, certificate: Path, key: Path, ca: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        show(context, certificate, key)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise TlsError(f"key {key} does not belong to certificate {certificate}") from None
        raise TlsError(f"certificate {certificate} and key {key}: PEM files, the key unencrypted, are needed") from None
    try:
        believe(context, ca)
    except ssl.SSLError:
        raise TlsError(f"CA {ca}: a PEM certificate is needed") from None
    return context


def _shake_hands(tls: Tls, name: str) -> None:
    """Let the node connect to itself in memory; raises ssl.SSLError if either end refuses the other's certificate."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = tls.dialling.wrap_bio(to_client, to_server, server_hostname=name)
    server = tls.accepting.wrap_bio(to_server, to_client, server_side=True)
    # The client's hello, the server's answer, the client's certificate, the server's approval.
    for end in (client, server, client, server):
        with suppress(ssl.SSLWantReadError):
            end.do_handshake()
