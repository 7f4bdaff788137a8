"""A new node joins a cluster that serves: it asks any member for a place, and has its id when that is committed.

The node chooses the incarnation of its storage before it asks, and keeps it on disk. So it may ask again, after a crash
too, and has one place; and no other storage can have that place (quorate.membership.directory). Only when it has the id
is there a database, and only when there is a database does the register say whose it is.
"""

import asyncio
import json
import logging
import os
import socket
from contextlib import closing
from dataclasses import replace
from typing import Any, Final

from quorate.client.client import connect_tcp
from quorate.client.retries import CommandError
from quorate.membership import register_file
from quorate.membership.claim import INCARNATION_BYTES
from quorate.membership.register import Register
from quorate.node.config import Configuration
from quorate.node.members import StartError, make_folder
from quorate.raft_server.storage import SqliteStorage
from quorate.runtime.addresses import Address, parse_address, show_address
from quorate.runtime.network_errors import describe
from quorate.runtime.paths import is_there
from quorate.runtime.storage_errors import StorageError
from quorate.runtime.trust import client_context, show

PATIENCE_S: Final = 30.0
PAUSE_S: Final = 0.2
_PASSING: Final = {"CLUSTERDOWN", "UNKNOWN"}

log = logging.getLogger("quorate.membership")


async def join(configuration: Configuration) -> Configuration:
    """The configuration of this node with its place in the cluster; raises StartError if it gets none.

    A node that has its place already asks nobody.
    """
    assert configuration.join is not None
    make_folder(configuration)
    at = register_file.path_of(configuration.database)
    try:
        register = register_file.read(at)
        if register is None:
            _refuse_other_data(configuration)
            address = configuration.address or _free_address(configuration.join)
            register = Register(
                configuration.cluster, 0, (), os.urandom(INCARNATION_BYTES), address=show_address(address)
            )
            register_file.save(at, register)
        if register.members:
            raise StartError(
                f"data: {configuration.data} is of a founder of its cluster: give its id and peers, not join"
            )
        if not register.node_id:
            register = await _take_place(configuration, register)
            register_file.save(at, register)
    except OSError as error:
        raise StartError(f"data: {at} can't be written: {error.strerror}") from error
    except StorageError as error:
        raise StartError(str(error)) from error
    address = configuration.address or parse_address(register.address)
    return replace(configuration, node_id=register.node_id, peers={register.node_id: address}, cluster=register.name)


def _refuse_other_data(configuration: Configuration) -> None:
    if is_there(configuration.database):
        raise StartError(f"data: {configuration.data} has a database already: a new node joins with an empty folder")


def _free_address(towards: Address) -> Address:
    """An address of this machine from which `towards` is reached, with a free port."""
    try:
        with closing(socket.create_connection(towards, PATIENCE_S)) as connection:
            host = connection.getsockname()[0]
        with closing(socket.create_server((host, 0))) as server:
            return host, server.getsockname()[1]
    except OSError as error:
        raise StartError(f"join: no node answers at {show_address(towards)}: {describe(error)}") from error


async def _take_place(configuration: Configuration, register: Register) -> Register:
    """Ask for a place until there is one, and make its database."""
    place = await _ask(configuration, register)
    register = replace(
        register, node_id=place["id"], name=place["cluster"], cluster_id=bytes.fromhex(place["cluster_id"]), joined=True
    )
    SqliteStorage.open(configuration.database, register.node_id, (), incarnation=register.incarnation).close()
    log.info("joined", extra={"node": register.node_id, "cluster_id": place["cluster_id"]})
    return register


async def _ask(configuration: Configuration, register: Register) -> dict[str, Any]:
    assert configuration.join is not None
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE_S
    words = [b"QUORATE.MEMBERS", b"JOIN", register.address.encode(), register.incarnation.hex().encode()]
    if configuration.node_id:
        words.append(b"%d" % configuration.node_id)
    while True:
        try:
            async with asyncio.timeout_at(deadline):
                return await _ask_once(configuration, words)
        except (OSError, CommandError) as error:
            why = describe(error) if isinstance(error, OSError) else str(error)
            if isinstance(error, CommandError) and error.code not in _PASSING:
                raise StartError(f"join: {show_address(configuration.join)}: {why.removeprefix('ERR ')}") from error
            if loop.time() + PAUSE_S >= deadline:
                raise StartError(
                    f"join: {show_address(configuration.join)}: no place within {PATIENCE_S:g} s: {why}"
                ) from error
            log.info("waiting", extra={"reason": why})
            await asyncio.sleep(PAUSE_S)


async def _ask_once(configuration: Configuration, words: list[bytes]) -> dict[str, Any]:
    assert configuration.join is not None
    files, tls = configuration.client_tls, None
    if files is not None:
        if files.authority is None:
            raise StartError(
                "client-authority: with TLS for clients, a node that joins needs the authority of the others"
            )
        tls = client_context(files.authority)
        show(tls, files.certificate, files.key)
    connection = await connect_tcp(configuration.join, configuration.password, tls)
    try:
        if configuration.operator_password is not None:
            await connection.request(b"AUTH", b"operator", configuration.operator_password.encode())
        reply = await connection.request(*words)
    finally:
        connection.close()
    assert isinstance(reply, bytes)
    place: dict[str, Any] = json.loads(reply)
    return place
