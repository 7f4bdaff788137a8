"""Messages between the nodes of a cluster over TCP, optionally under mutual TLS.

Each node dials every peer, sends only on connections that it dialled, and receives only on those that it accepted. Both
ends begin with a hello (hello.py), the dialler first, and go on when they have read the other's. The protocol gives a
`Codec` for its messages, and a `Handshake` that judges claims. Bytes that break these rules, or can't be decoded, end
their own connection, with a logged reason. Messages that were queued on a connection that ends are lost and never sent
again, so that no message arrives twice.

Without TLS any program that reaches the port can pose as a peer, so the port belongs in a network of members only.
"""

from quorate.runtime.transport.codec import Codec, undecoded
from quorate.runtime.transport.frames import WireError
from quorate.runtime.transport.tcp import TcpTransport, TransportError
from quorate.runtime.transport.tls import Tls, TlsError, load_tls

__all__ = ["Codec", "TcpTransport", "Tls", "TlsError", "TransportError", "WireError", "load_tls", "undecoded"]
