"""QUORATE.MEMBERS: an operator, usually by `quorate members`, asks who the members are, and changes them."""

import json
from typing import Final, Protocol

from quorate.membership.changes import encode_request
from quorate.store.answers import Caller, CommandError
from quorate.store.pipeline import ClusterRequest
from quorate.store.replies import Failure, SimpleString
from quorate.store.resp import Request, encode, quoted

FIXED: Final = "ERR the members of a BFT cluster can't change"
NEEDS_OPERATOR: Final = "NOPERM only the operator may do this: AUTH operator PASSWORD"


class Offer(Protocol):
    """What this command needs of the front."""

    @property
    def members_change(self) -> bool:
        """Whether the members of this cluster can change."""
        ...


def request_of_members(request: Request, offer: Offer, caller: Caller) -> ClusterRequest:
    """Return a request about the members, which any node passes on to the leader."""
    if not offer.members_change:
        raise CommandError(FIXED)
    name, *arguments = (quoted(word) for word in request[1:])
    if name.lower() != "list" and not caller.operates:
        raise CommandError(NEEDS_OPERATOR)
    payload = encode_request(name.lower(), *arguments)
    return ClusterRequest(write=True, payload=payload, protocol=caller.protocol, alone=True, render=_render)


def _render(reply: bytes, protocol: int) -> bytes:
    """The reply to a client: OK, an error, or the members as JSON."""
    content = json.loads(reply)
    if "error" in content:
        return encode(Failure(f"ERR {content['error']}"), protocol)
    return encode(reply if content else SimpleString("OK"), protocol)
