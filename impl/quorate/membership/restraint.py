"""A storage that replaced a lost one takes no part in elections before it has all that the lost one may have had.

Its messages in elections are dropped, which may happen to any message, so the core needs no rule for this.
`register.py` says why that is enough.
"""

from dataclasses import replace

from quorate.raft.messages import Message, PreVote, PreVoteReply, RequestVote, RequestVoteReply
from quorate.raft.output import Output
from quorate.raft.state import State


def restrained(state: State, output: Output, after_term: int) -> Output:
    """The output of a step from `state` without messages in elections, until the log has an entry of a later term.

    If the cluster never had a term (`after_term` is 0), the lost storage was empty.
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
