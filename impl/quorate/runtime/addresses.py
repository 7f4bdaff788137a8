"""Network addresses as people write them: `host:port`, and `[host]:port` for IPv6."""

import ipaddress
from typing import TypeAlias

Address: TypeAlias = tuple[str, int]

HIGHEST_PORT = 65535


def parse_address(text: str, *, lowest_port: int = 1) -> Address:
    """Return host and port; raises ValueError with one clause that says what is valid."""
    host, colon, digits = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"an IPv6 address needs brackets, as in [::1]:7101, not {text!r}")
    if not colon or not host or any(c.isspace() for c in host):
        raise ValueError(f"host:port is needed, as in 127.0.0.1:7101, not {text!r}")
    if not _is_host(host):
        raise ValueError(f"a host has no such name: {host!r}")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 5 and lowest_port <= int(digits) <= HIGHEST_PORT):
        raise ValueError(f"a port from {lowest_port} to {HIGHEST_PORT} is needed behind the colon, not {digits!r}")
    return host, int(digits)


def _is_host(name: str) -> bool:
    """Whether `name` can be resolved: its parts have 1 to 63 characters, all valid in a domain name."""
    try:
        name.encode("idna")
    except UnicodeError:
        return False
    return name.isprintable()


def show_address(address: Address) -> str:
    """Return an address as text, in the form that `parse_address` reads."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`; no name but localhost counts."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
