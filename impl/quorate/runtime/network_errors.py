"""Descriptions of network errors in common words, with a remedy where there is one."""

import os
import socket
import ssl
from typing import Final

# Keys are OpenSSL's numbers of verification errors (x509_vfy.h).
_ANOTHER_AUTHORITY: Final = "the authority that is trusted here did not sign it: name the one that did"
_ANOTHER_NAME: Final = "connect by a name that it has, or issue one with this name as a subject alternative name"
_CURES: Final = {
    2: _ANOTHER_AUTHORITY,
    9: "compare the clocks of both machines",
    10: "renew it",
    18: _ANOTHER_AUTHORITY,
    19: _ANOTHER_AUTHORITY,
    20: _ANOTHER_AUTHORITY,
    21: _ANOTHER_AUTHORITY,
    24: "issue the authority with basicConstraints CA:TRUE",
    26: "issue one whose extended key usage allows this, or none",
    62: _ANOTHER_NAME,
    64: _ANOTHER_NAME,
    66: "issue one with a longer key",
    67: "issue the authority with a longer key",
    68: "issue one with a newer digest, such as SHA-256",
    79: "issue the authority with basicConstraints CA:TRUE",
}
_NO_TLS: Final = "the other end does not speak TLS"
# Keys are the ends of OpenSSL's reasons; the first four mean, in different versions, that the bytes are no TLS.
_CURES_BY_REASON: Final = {
    "WRONG_VERSION_NUMBER": _NO_TLS,
    "RECORD_LAYER_FAILURE": _NO_TLS,
    "PACKET_LENGTH_TOO_LONG": _NO_TLS,
    "HTTP_REQUEST": _NO_TLS,
    "CERTIFICATE_REQUIRED": "the other end asks for a certificate and its key",
    "UNKNOWN_CA": "the other end does not trust who signed the certificate that it was shown",
}
# Broken connections, which say nothing about the next attempt.
_BROKEN: Final = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)


def describe(error: Exception) -> str:
    """Return the error as one clause for a log."""
    match error:
        case ssl.SSLCertVerificationError(verify_message=why, verify_code=number):
            return _with_cure(why.rstrip("."), _CURES.get(number))
        case ssl.SSLError(reason=str(why)):
            cure = next((cure for end, cure in _CURES_BY_REASON.items() if why.endswith(end)), None)
            return _with_cure(why.lower().replace("_", " "), cure)
        case UnicodeError():  # its text differs between versions of Python
            return "a host has no such name"
        case socket.gaierror(strerror=str(why)):
            return why
        case OSError(errno=int(number)):
            return os.strerror(number)
        case _:
            return str(error) or type(error).__name__


def is_permanent(error: Exception) -> bool:
    """Whether the settings of an end must change before a connection is possible, so that a retry is useless."""
    return isinstance(error, ssl.SSLError) and not isinstance(error, _BROKEN)


def _with_cure(why: str, cure: str | None) -> str:
    return f"TLS: {why}" if cure is None else f"TLS: {why}: {cure}"
