"""What one member of a Byzantine cluster says of views and indices at the edge of their types stops nobody else."""

import itertools

import pytest

from quorate.bft import (
    Certificate,
    Config,
    Decide,
    Durable,
    Message,
    Output,
    Phase,
    Prepared,
    Propose,
    Receive,
    RemoteError,
    State,
    Submit,
    SymbolicSigner,
    SymbolicVerifier,
    ViewTimeout,
    Vote,
    WaitOver,
    restart,
    step,
)
from quorate.bft.messages import Timeout

MEMBERS = (1, 2, 3, 4)
LIAR, HONEST = 4, (1, 2, 3)
EDGES = (2**64, 2**64 - 1, 2**63, 2**63 - 1, 2**62, 2**62 - 1, 2**53, 0, -1)
SIGNED = b"signed by 4"
ONE = b"1" * 32


def false_messages(dest: int, index: int, view: int) -> list[Message]:
    """One of each kind, by the liar, with its signature; of a certificate it can sign only its own part."""
    certificates = [Certificate(phase, index, view, ONE, ((LIAR, SIGNED),)) for phase in (Phase.PREPARE, Phase.COMMIT)]
    return [
        Propose(LIAR, dest, index, view, ONE, None, SIGNED),
        Propose(LIAR, dest, index, view, ONE, certificates[0], SIGNED),
        Vote(LIAR, dest, Phase.PREPARE, index, view, ONE, SIGNED),
        Vote(LIAR, dest, Phase.COMMIT, index, view, ONE, SIGNED),
        Prepared(LIAR, dest, certificates[0]),
        Decide(LIAR, dest, certificates[1]),
        Timeout(LIAR, dest, index, view, None, SIGNED),
        Timeout(LIAR, dest, index, view, certificates[0], SIGNED),
    ]


class Cluster:
    """Three honest members, each with what its disk holds, and one who lies."""

    def __init__(self) -> None:
        """All have just started, and know of one request."""
        self.configs = {i: Config(b"test", MEMBERS, SymbolicSigner(i), SymbolicVerifier()) for i in HONEST}
        self.disks = dict.fromkeys(HONEST, Durable())
        self.states: dict[int, State] = {}
        self.network: list[Message] = []
        self.restart()

    def restart(self) -> None:
        """Start all anew."""
        self.network = []
        for i in HONEST:
            self.states[i] = restart(self.configs[i], i, self.disks[i])
            self.take(i, step(self.states[i], Submit(ONE)))

    def take(self, member: int, output: Output) -> None:
        """What a step asks for."""
        self.states[member] = output.state
        if output.persist is not None:
            self.disks[member] = self.disks[member].after(output.persist)
        self.network.extend(message for message in output.send if message.dest != LIAR)

    def settle(self) -> None:
        """Deliver everything, in the order in which it was sent."""
        while self.network:
            message = self.network.pop(0)
            self.take(message.dest, step(self.states[message.dest], Receive(message)))

    def lie(self, message: Message) -> None:
        """The liar says something."""
        try:
            output = step(self.states[message.dest], Receive(message))
        except RemoteError:
            return
        self.take(message.dest, output)

    def decides(self) -> bool:
        """Whether all decide something, within as many views as there may be liars leading, and two."""
        for _ in range(4):
            self.settle()
            if all(len(state.decisions) for state in self.states.values()):
                return True
            for i in HONEST:
                self.take(i, step(self.states[i], ViewTimeout()))
            self.settle()
            for i in HONEST:
                self.take(i, step(self.states[i], WaitOver()))
        return False


@pytest.mark.parametrize("view", EDGES)
@pytest.mark.parametrize("again", [False, True])
def test_a_view_or_an_index_at_the_edge_keeps_nobody_from_deciding(view: int, again: bool) -> None:  # noqa: FBT001
    """In whatever message it stands, to whomever, before a restart or not; nobody enters such a view."""
    cluster = Cluster()
    for dest, (index, late) in itertools.product(HONEST, ((1, view), (view, 1), (view, view))):
        for message in false_messages(dest, index, late):
            cluster.lie(message)
    if again:
        cluster.restart()
    assert all(state.view < 10 and not len(state.decisions) for state in cluster.states.values())
    assert cluster.decides()
    assert {state.decisions[0].digest for state in cluster.states.values()} == {ONE}
