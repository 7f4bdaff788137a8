"""What went wrong on a network, in words that people know."""

import os
import socket
import ssl


def describe(error: Exception) -> str:
    """The error as one clause for a log."""
    match error:
        case ssl.SSLCertVerificationError(verify_message=why):
            return f"TLS: {why}"
        case ssl.SSLError(reason=str(why)):
            return f"TLS: {why.lower().replace('_', ' ')}"
        case UnicodeError():  # its text is another in each Python
            return "a host has no such name"
        case socket.gaierror(strerror=str(why)):
            return why
        case OSError(errno=int(number)):
            return os.strerror(number)
        case _:
            return str(error) or type(error).__name__
