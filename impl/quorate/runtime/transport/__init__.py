"""Messages between the nodes of a cluster, over TCP, if asked for under mutual TLS.

Each node dials every peer and sends only on the connection that it dialled; it receives on those that it accepted.
Both ends begin with a hello (wire.py), the dialler first, and go on when they have read the other's. What breaks
these rules, or can't be decoded, ends its own connection with a logged reason and nothing else. What was queued on a
connection that ends is lost with it and never sent again, so that nothing arrives twice.

Without TLS whoever reaches the port can say that it is a peer: it belongs on a network that only members reach.
"""

from quorate.runtime.transport.tcp import TcpTransport, TransportError
from quorate.runtime.transport.tls import Tls, TlsError, load_tls

__all__ = ["TcpTransport", "Tls", "TlsError", "TransportError", "load_tls"]
