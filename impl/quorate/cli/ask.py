"""`quorate status`, `quorate get` and `quorate set`."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from quorate.cli.access import Access
from quorate.cli.errors import DONE, NEGATIVE, NO_ANSWER, CommandFailedError
from quorate.cli.output import console, print_table
from quorate.cli.table import Row, notices, table
from quorate.client.client import Client
from quorate.client.retries import CommandError, UnavailableError, UnknownOutcomeError

T = TypeVar("T")


def status(access: Access) -> int:
    """Show every node; return NEGATIVE if one of them doesn't answer."""

    async def ask() -> list[dict[str, str] | str]:
        return await asyncio.gather(*(access.info(address) for address in access.addresses))

    replies = asyncio.run(ask())
    print_table(table([Row("-", address, info) for address, info in zip(access.addresses, replies, strict=True)]))
    for info in replies:
        if not isinstance(info, str):
            for notice in notices(info):
                console().print(notice, style="red", markup=False, highlight=False, soft_wrap=True)
    return NEGATIVE if any(isinstance(info, str) for info in replies) else DONE


def get(access: Access, key: str, timeout_s: float) -> int:
    """Print the value's bytes and a newline; return NEGATIVE, without output, if there is no value."""
    value = _ask(access, timeout_s, lambda client: client.get(os.fsencode(key)))
    if value is None:
        return NEGATIVE
    sys.stdout.buffer.write(value + os.linesep.encode())
    return DONE


def set_(access: Access, key: str, value: str, timeout_s: float) -> int:
    """Store the value, and print OK."""
    _ask(access, timeout_s, lambda client: client.set(os.fsencode(key), os.fsencode(value)))
    sys.stdout.write("OK\n")
    return DONE


def _ask(access: Access, timeout_s: float, request: Callable[[Client], Coroutine[Any, Any, T]]) -> T:
    async def ask() -> T:
        async with access.client(timeout_s) as client:
            return await request(client)

    try:
        return asyncio.run(ask())
    except (UnavailableError, UnknownOutcomeError) as error:
        raise CommandFailedError(str(error), NO_ANSWER) from error
    except CommandError as error:
        raise CommandFailedError(str(error)) from error
