"""`quorate serve`: one node in one process, until a signal ends it."""

import asyncio
import logging
import signal
import sys

from quorate.cli.errors import DONE, NOT_SO, CommandFailedError
from quorate.config import Configuration
from quorate.logs import configure
from quorate.node import Node, StartError

log = logging.getLogger("quorate")


def serve(configuration: Configuration) -> int:
    """Serve; DONE if it was asked to end, NOT_SO if its disk failed. CommandFailedError if it can't start."""
    configure(configuration.log_level, configuration.log_format)
    for warning in configuration.warnings():
        log.warning(warning)
    return asyncio.run(_serve(configuration))


async def _serve(configuration: Configuration) -> int:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    try:
        node = await Node.start(configuration)
    except StartError as error:
        raise CommandFailedError(str(error)) from error
    sys.stdout.write(f"listening on {node.listening}\n")
    sys.stdout.flush()
    node.failed.add_done_callback(lambda _: ended.set())
    await ended.wait()
    await node.stop()
    if node.failed.done():
        raise CommandFailedError(f"the node can't go on: {node.failed.exception()}", NOT_SO)
    return DONE
