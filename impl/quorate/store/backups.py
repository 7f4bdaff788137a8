"""QUORATE.BACKUP: a client, usually `quorate backup`, downloads the state of the store piece by piece."""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from quorate.backup.export import ExportError, Exports
from quorate.runtime.outcomes import Done, Outcome
from quorate.store import replies
from quorate.store.answers import NOT_AN_INTEGER, SYNTAX, Caller
from quorate.store.limits import parse_integer
from quorate.store.pipeline import ClusterRequest, Submit
from quorate.store.replies import Failure, Reply, SimpleString
from quorate.store.resp import Request

NOT_OFFERED: Final = (
    "ERR backups aren't offered under the BFT protocol: what one node says is not to be believed, and decisions that "
    "only signatures prove can't be taken over into another cluster"
)


class Offer(Protocol):
    """What this command needs of the front."""

    @property
    def exports(self) -> Exports | None:
        """The backups, None if there are none."""
        ...


def request_of_backups(request: Request, offer: Offer, caller: Caller) -> ClusterRequest:
    """Return a request about backups, which this node's exports answer instead of the cluster."""
    submit = _submit(request, offer.exports)
    return ClusterRequest(write=False, payload=b"", protocol=caller.protocol, alone=True, submit=submit)


def _submit(request: Request, exports: Exports | None) -> Submit:
    def submit(_write: bool, _payload: bytes, done: Callable[[Outcome], None]) -> None:  # noqa: FBT001
        def finish(reply: Reply | ExportError) -> None:
            done(Done(replies.encode(Failure(str(reply)) if isinstance(reply, ExportError) else reply)))

        later = asyncio.get_running_loop().call_soon
        if exports is None:
            later(finish, Failure(NOT_OFFERED))
            return
        try:
            match request[1].lower(), *request[2:]:
                case (b"begin",):
                    exports.begin(finish)
                case b"read", token, offset:
                    later(finish, exports.piece(_number(token), _number(offset)))
                case b"end", token:
                    exports.end(_number(token))
                    later(finish, SimpleString("OK"))
                case _:
                    later(finish, Failure(SYNTAX))
        except ExportError as error:
            later(finish, error)

    return submit


def _number(text: bytes) -> int:
    number = parse_integer(text)
    if number is None or number < 0:
        raise ExportError(NOT_AN_INTEGER)
    return number
