"""Whose certificates are believed: one rule for nodes and clients, on every Python.

Who names an authority believes what it signed, be it a root or not, by the checks that OpenSSL makes unless told
otherwise: names, dates, purposes, key sizes. The strict reading of RFC 5280, which is a default of Python 3.13, is
never asked for: it refuses ordinary authorities (`openssl req -x509` gives them no key usage), and what it adds guards
against faults of public authorities, not against strangers.
"""

import ssl
from pathlib import Path
from typing import Final

_RULE: Final = ssl.VerifyFlags.VERIFY_X509_TRUSTED_FIRST | ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN


def believe(context: ssl.SSLContext, authority: Path) -> None:
    """Demand of the other end a certificate that this authority (PEM) signed; OSError if the file can't be used."""
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags = _RULE
    context.load_verify_locations(authority)


def show(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    """Show the other end this certificate (PEM, with its key there or in `key`); OSError if the files can't be used."""
    # The password keeps OpenSSL from asking for one at the terminal.
    context.load_cert_chain(certificate, key, password="none")  # noqa: S106


def client_context(authority: Path, certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    """What a `quorate.client.Client` connects by TLS with; OSError if the files can't be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    believe(context, authority)
    if certificate is not None:
        show(context, certificate, key)
    return context
