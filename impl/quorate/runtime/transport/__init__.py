"""Messages between the nodes of a cluster, over TCP, if asked for under mutual TLS.

Each node dials every peer and sends only on the connection that it dialled; it receives on those that it accepted.
Both ends begin with a hello (hello.py), the dialler first, and go on when they have read the other's. Of a protocol it
knows a `Codec`, and of what nodes make of each other's claims a `Handshake`. What breaks these rules, or can't be
decoded, ends its own connection with a logged reason and nothing else. What was queued on a
connection that ends is lost with it and never sent again, so that nothing arrives twice.

Without TLS whoever reaches the port can say that it is a peer: it belongs on a network that only members reach.
"""

from quorate.runtime.transport.codec import Codec, undecoded
from quorate.runtime.transport.frames import WireError
from quorate.runtime.transport.tcp import TcpTransport, TransportError
from quorate.runtime.transport.tls import Tls, TlsError, load_tls

__all__ = ["Codec", "TcpTransport", "Tls", "TlsError", "TransportError", "WireError", "load_tls", "undecoded"]
