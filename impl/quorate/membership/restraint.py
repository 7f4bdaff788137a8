"""A storage that took the place of a lost one neither votes nor stands until it holds what the lost one may have held.

What it would say in an election is lost on its way, which may happen to every message: the core knows nothing of it.
Why that is enough stands in `register.py`.
"""

from dataclasses import replace

from quorate.raft.messages import Message, PreVote, PreVoteReply, RequestVote, RequestVoteReply
from quorate.raft.output import Output
from quorate.raft.state import State


def restrained(state: State, output: Output, after_term: int) -> Output:
    """The output of a step from `state`, as it may be carried out: whole, once the log has an entry of a later term.

    In a cluster that never had a term (`after_term` is 0) a lost storage can have held nothing.
    """
    if not after_term or state.log.last_term > after_term:
        return output
    now, later = (tuple(m for m in ms if not _elects(m)) for ms in (output.send_now, output.send_when_durable))
    return replace(output, send_now=now, send_when_durable=later)


def _elects(message: Message) -> bool:
    match message:
        case PreVote() | RequestVote():
            return True
        case PreVoteReply(vote_granted=granted) | RequestVoteReply(vote_granted=granted):
            return granted
        case _:
            return False
