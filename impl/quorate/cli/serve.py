"""`quorate serve`: one node in one process, until a signal ends it."""

import asyncio
import gc
import logging
import signal
import sys
from typing import Any

from quorate.cli.errors import DONE, NEGATIVE, CommandFailedError
from quorate.cli.output import discard_output
from quorate.node.config import Configuration
from quorate.node.members import StartError
from quorate.node.node import Node
from quorate.runtime.logs import configure
from quorate.runtime.network_errors import describe

log = logging.getLogger("quorate")


def serve(configuration: Configuration) -> int:
    """Serve until a signal ends the node; return DONE.

    Raises CommandFailedError if the node can't start, or, with the status NEGATIVE, if it can't go on.
    """
    configure(configuration.log_level, configuration.log_format)
    for warning in configuration.warnings():
        log.warning(warning)
    try:
        return asyncio.run(_serve(configuration))
    finally:
        # The command's own last line comes after the log, on the same stream.
        for handler in logging.getLogger().handlers:
            handler.flush()


async def _serve(configuration: Configuration) -> int:
    loop = asyncio.get_running_loop()
    end: asyncio.Future[str | None] = loop.create_future()  # None after a signal, otherwise why the node can't go on

    def end_because(why: str | None) -> None:
        if not end.done():
            end.set_result(why)

    def on_error(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        # Failures of the system are OSErrors. Any other exception is a bug, and may have left a step half done: a node
        # that stops does less harm than one that goes on.
        if isinstance(error, OSError):
            log.warning(context["message"], extra={"reason": describe(error)})
            return
        log.error(context["message"], exc_info=error)
        if error is not None:
            end_because(f"a bug, whose traceback is in the log: {error!r}")

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end_because, None)
    # SIGHUP comes from terminals that close, and from programs that rotate logs.
    loop.add_signal_handler(signal.SIGHUP, log.info, "SIGHUP before there is anything to reopen")
    loop.set_exception_handler(on_error)
    node = await _started(configuration, end)
    if node is None:
        return DONE
    loop.add_signal_handler(signal.SIGHUP, node.reopen)
    gc.freeze()  # modules and classes stay; to scan them again costs each full collection some 10 ms
    node.failed.add_done_callback(lambda failed: end_because(str(failed.exception())))
    _announce(f"listening on {node.listening}")
    why = await end
    await node.stop()
    if why is not None:
        raise CommandFailedError(f"the node can't go on: {why}", NEGATIVE)
    return DONE


async def _started(configuration: Configuration, end: "asyncio.Future[str | None]") -> Node | None:
    """The node when it serves; None if it is to end before, since a node that joins may wait for long."""
    starting = asyncio.ensure_future(Node.start(configuration))
    await asyncio.wait((starting, end), return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        await asyncio.wait((starting,))
    if starting.cancelled():
        return None
    try:
        return starting.result()
    except StartError as error:
        raise CommandFailedError(str(error)) from error


def _announce(line: str) -> None:
    """Print a line on standard output; a node whose output can't be written serves all the same."""
    try:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    except OSError as error:
        log.warning("standard output can't be written", extra={"reason": describe(error)})
        discard_output(sys.stdout)
