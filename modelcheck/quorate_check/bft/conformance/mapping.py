"""The mapping from the code's variables and messages to those of Bft.tla.

| specification (TLA+, Python)     | code                                | abstracted away                     |
| -------------------------------- | ----------------------------------- | ----------------------------------- |
| log                              | state.decisions                     | the signers                         |
| view                             | state.view                          |                                     |
| acceptedView, accepted_view      | state.accepted.view, or 0           | the rest of the accepted proposal   |
| lock                             | state.lock, or NO_CERTIFICATE       | the signers                         |
| committedView, committed_view    | state.committed_view                |                                     |
| proposedView, proposed_view      | state.proposed_view                 |                                     |
| known                            | state.known                         | the order of clients' commands      |
| heard                            | state.timeouts                      | signatures                          |
| waited                           | state.waited                        |                                     |
| votes                            | state.votes                         | signatures                          |
| messages (what an action sends)  | the messages of a step              | receivers; repeats: state.proposal  |
| Certificate                      | Prepared, Decide                    | the signers: a quorum, each once    |
| Honest, Traitor                  | config.members, honest or not       |                                     |
| Leaders                          | config.leader, of index 1           |                                     |

A message of the code maps to a message of the specification if all its signatures are valid. Any other maps to
NoMessage, and no action explains a step that acts on it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import assert_never

from quorate import bft as code
from quorate.bft.signatures import is_signed
from quorate_spec.bft import messages as spec
from quorate_spec.bft.messages import NO_CERTIFICATE, Certified
from quorate_spec.bft.state import Cluster, HonestMember, quorum

PHASES = {code.Phase.PREPARE: spec.Phase.PREPARE, code.Phase.COMMIT: spec.Phase.COMMIT}


@dataclass(frozen=True, slots=True)
class NoMessage:
    """A message of the code that the specification doesn't have, such as one without a valid signature."""

    reason: str


Mapped = spec.Message | NoMessage


class _UnfoundedError(Exception):
    pass


def map_cluster(config: code.Config) -> Cluster:
    """Return the cluster of `config` without traitors: an honest member's steps don't depend on who is one."""
    return Cluster(config.members, (), tuple(config.leader(1, v) for v in range(1, len(config.members) + 1)))


def map_server(state: code.State) -> HonestMember:
    """Return the specification's server for a local state of the code."""
    return HonestMember(
        id=state.id,
        cluster=map_cluster(state.config),
        log=tuple(Certified(c.view, c.digest) for c in state.decisions),
        view=state.view,
        accepted_view=0 if state.accepted is None else state.accepted.view,
        lock=NO_CERTIFICATE if state.lock is None else Certified(state.lock.view, state.lock.digest),
        committed_view=state.committed_view,
        proposed_view=state.proposed_view,
        known=frozenset(state.known),
        heard=frozenset(
            spec.Timeout(t.source, t.index, t.view, _prepared(state.config, t.high, t.index)) for t in state.timeouts
        ),
        waited=state.waited,
        votes=frozenset(spec.Vote(v.source, PHASES[v.phase], v.index, v.view, v.digest) for v in state.votes),
    )


def map_message(config: code.Config, m: code.Message) -> Mapped:
    """Return the specification's message for a message of the code."""
    try:
        return _mapped(config, m)
    except _UnfoundedError as error:
        return NoMessage(str(error))


def map_sent(before: code.State, sent: tuple[code.Message, ...]) -> frozenset[Mapped]:
    """Return the messages that a step sends, without a proposal that the leader only repeats."""
    again = None if before.proposal is None else replace(before.proposal, dest=before.id)
    new = (m for m in sent if not (isinstance(m, code.Propose) and replace(m, dest=before.id) == again))
    return frozenset(map_message(before.config, m) for m in new)


def _mapped(config: code.Config, m: code.Message) -> spec.Message:
    match m:
        case code.Propose():
            _check(config, m.source, m.statement, m.signature)
            return spec.Propose(m.source, m.index, m.view, m.digest, _prepared(config, m.justify, m.index))
        case code.Vote():
            _check(config, m.source, m.statement, m.signature)
            return spec.Vote(m.source, PHASES[m.phase], m.index, m.view, m.digest)
        case code.Timeout():
            _check(config, m.source, m.statement, m.signature)
            return spec.Timeout(m.source, m.index, m.view, _prepared(config, m.high, m.index))
        case code.Prepared(certificate=c):
            return _certificate(config, c, code.Phase.PREPARE)
        case code.Decide(certificate=c):
            return _certificate(config, c, code.Phase.COMMIT)
        case _:
            assert_never(m)


def _prepared(config: code.Config, c: code.Certificate | None, index: int) -> Certified:
    if c is None:
        return NO_CERTIFICATE
    certificate = _certificate(config, c, code.Phase.PREPARE)
    if certificate.index != index:
        raise _UnfoundedError(f"a certificate of index {c.index} in a message of index {index}")
    return Certified(certificate.view, certificate.digest)


def _certificate(config: code.Config, c: code.Certificate, phase: code.Phase) -> spec.Certificate:
    if c.phase is not phase:
        raise _UnfoundedError(f"a certificate of {c.phase.name} votes where one of {phase.name} votes belongs")
    for signer, signature in c.signatures:
        _check(config, signer, c.statement, signature)
    needed = quorum(map_cluster(config))
    if len(set(c.signers)) < needed:
        raise _UnfoundedError(f"a certificate with {len(set(c.signers))} signers; {needed} are a quorum")
    return spec.Certificate(PHASES[phase], c.index, c.view, c.digest)


def _check(config: code.Config, signer: int, statement: code.Statement, signature: bytes) -> None:
    if signer not in config.members or not is_signed(config.verifier, config.cluster, signer, statement, signature):
        raise _UnfoundedError(f"a signature that isn't member {signer}'s")
