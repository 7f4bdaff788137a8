"""Trust in certificates: one rule for nodes and clients, on every Python.

A configured authority is trusted, be it a root or not, by OpenSSL's default checks: names, dates, purposes, key sizes.
The strict checks of RFC 5280, a default of Python 3.13, are switched off: they refuse ordinary authorities (`openssl
req -x509` gives them no key usage), and guard against faults of public authorities, not against strangers.
"""

import ssl
from pathlib import Path
from typing import Final

_RULE: Final = ssl.VerifyFlags.VERIFY_X509_TRUSTED_FIRST | ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN


def believe(context: ssl.SSLContext, authority: Path) -> None:
    """Require a certificate of this authority (PEM) from the other end; raises OSError if the file is invalid."""
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags = _RULE
    context.load_verify_locations(authority)


def show(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    """Present this certificate (PEM, with its key or with `key`) to the other end; raises OSError if a file is bad."""
    # The password keeps OpenSSL from asking for one at the terminal.
    context.load_cert_chain(certificate, key, password="none")  # noqa: S106


def client_context(authority: Path, certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    """Return the TLS context for a `quorate.client.Client`; raises OSError if a file is invalid."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    believe(context, authority)
    if certificate is not None:
        show(context, certificate, key)
    return context
