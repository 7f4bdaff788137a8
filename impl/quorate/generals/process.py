"""One general as a process: rounds over TCP; the posting comes on standard input, the report goes to standard output.

In each round each process sends one envelope to each other process, with the messages of its general, perhaps none. A
round is over for a general when it has the envelopes of all others, or after ROUND_S (A3). Messengers at the sender
lose and forge messages, but never lose an envelope.
"""

import asyncio
import json
import sys
from dataclasses import asdict, dataclass, field
from random import Random
from typing import Final

from quorate.generals.basics import GeneralId, Order, Receive, RoundEnd
from quorate.generals.codec import decode_all, encode
from quorate.generals.ed25519 import Ed25519
from quorate.generals.envelope import CODEC, Envelope
from quorate.generals.messages import Message
from quorate.generals.node import Protocol, Rules, enlist, step
from quorate.generals.traitor import Traitor
from quorate.generals.words import tell
from quorate.runtime.interfaces import Arriving
from quorate.runtime.transport import TcpTransport, TransportError

HOST: Final = "127.0.0.1"
START_S: Final = 20.0  # until all generals must be connected
ROUND_S: Final = 5.0  # until a missing envelope counts as one without messages
_CONNECTED_CHECK_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Posting:
    """The settings of one general's process.

    General i listens at `first_port` + i. `loss` and `forge` are the probabilities that a messenger loses or forges a
    message. `public` has all public keys, `seeds` the seeds that this general signs with, by general, in hexadecimal;
    both are empty if nothing is signed.
    """

    protocol: str
    n: int
    f: int
    m: int
    general: GeneralId
    order: int
    traitors: list[GeneralId]
    first_port: int
    seed: int
    loss: float
    forge: float
    public: list[str] = field(default_factory=list)
    seeds: list[tuple[GeneralId, str]] = field(default_factory=list, repr=False)

    def rules(self) -> Rules:
        """Return the rules of this instance, with this general's keys."""
        public = tuple(map(bytes.fromhex, self.public))
        signatures = Ed25519(public, tuple((i, bytes.fromhex(seed)) for i, seed in self.seeds))
        return Rules(Protocol(self.protocol), self.n, self.f, self.m, signatures)


@dataclass(frozen=True, slots=True)
class GeneralReport:
    """A general's decision, None if it has none, and the messages that it received, as (round, source, words)."""

    general: GeneralId
    decision: int | None
    heard: list[tuple[int, GeneralId, str]]

    def as_json(self) -> str:
        """Return the report as one line of JSON."""
        return json.dumps(asdict(self))


class Messengers:
    """Messengers that lose and forge messages as `rng` decides."""

    def __init__(self, posting: Posting, rng: Random) -> None:
        """The posting has the probabilities."""
        self._posting, self._rng = posting, rng

    def carry(self, messages: list[Message]) -> list[Message]:
        """Return the messages that arrive, some of them forged."""
        remainder = (m for m in messages if self._rng.random() >= self._posting.loss)
        return [_forged(m) if self._rng.random() < self._posting.forge else m for m in remainder]


def _forged(message: Message) -> Message:
    """Return the message with the opposite order, its fourth byte, which makes its signatures invalid."""
    data = bytearray(encode(message))
    data[3] = Order(data[3]).other
    return decode_all(len(data).to_bytes(4, "big") + bytes(data))[0]


class Campaign:
    """One general in all rounds."""

    def __init__(self, posting: Posting) -> None:
        """Call `start`, `run` and `close`."""
        rng = Random(f"{posting.seed} {posting.general}")  # noqa: S311 - lies and losses that can be repeated
        self._posting, self._rules = posting, posting.rules()
        self._messengers = Messengers(posting, rng)
        traitors = frozenset(posting.traitors)
        is_traitor = posting.general in traitors
        self._traitor = Traitor(self._rules, posting.general, traitors, rng) if is_traitor else None
        self._general = enlist(self._rules, posting.general, Order(posting.order))
        self._envelopes: dict[int, dict[GeneralId, tuple[Message, ...]]] = {}  # by round and sender
        self._arrived = asyncio.Event()
        self._heard: list[tuple[int, GeneralId, str]] = []
        ports = {i: (HOST, posting.first_port + i) for i in range(posting.n)}
        # How often the transport dials depends on time, so it must not draw from the generator of lies and losses.
        name, jitter = f"generals {posting.seed}", Random()  # noqa: S311 - the same
        self._transport = TcpTransport(CODEC, posting.general, ports, name, jitter)
        self._others = [i for i in range(posting.n) if i != posting.general]

    async def start(self) -> None:
        """Connect to all others; raises TransportError if the port is in use, TimeoutError if a general is missing."""
        await self._transport.start(self._take, lambda _: None)
        async with asyncio.timeout(START_S):
            # The transport has no event for a new connection.
            while len(self._transport.connected) < len(self._others):  # noqa: ASYNC110
                await asyncio.sleep(_CONNECTED_CHECK_S)

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def run(self) -> GeneralReport:
        """Run all rounds and return the report."""
        messages = self._end_round(1)
        for number in range(1, self._rules.rounds + 1):
            self._send(number, messages)
            messages = await self._hear(number)
            messages += self._end_round(number + 1)
        decision = None if self._traitor is not None else self._general.decision
        return GeneralReport(self._posting.general, decision, self._heard)

    def _end_round(self, following: int) -> list[Message]:
        if self._traitor is not None:
            return self._traitor.lie(following) if following <= self._rules.rounds else []
        self._general, messages = step(self._general, RoundEnd())
        return list(messages)

    def _send(self, number: int, messages: list[Message]) -> None:
        for peer in self._others:
            delivery = self._messengers.carry([message for message in messages if message.dest == peer])
            self._transport.send(peer, Envelope(number, tuple(delivery)))

    def _take(self, peer: GeneralId, envelope: Envelope | Arriving) -> None:
        if not isinstance(envelope, Arriving):
            self._envelopes.setdefault(envelope.round, {}).setdefault(peer, envelope.messages)
            self._arrived.set()

    async def _hear(self, number: int) -> list[Message]:
        """Wait for the envelopes of the round, process their messages by sender, and return the messages to send."""
        envelopes = self._envelopes.setdefault(number, {})
        try:
            async with asyncio.timeout(ROUND_S):
                while len(envelopes) < len(self._others):
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            pass
        heard = [message for peer in sorted(envelopes) for message in envelopes[peer]]
        self._heard += [(number, message.source, tell(message)) for message in heard]
        if self._traitor is not None:
            self._traitor.hear(heard)
            return []
        answers: list[Message] = []
        for message in heard:
            self._general, messages = step(self._general, Receive(message))
            answers += messages
        return answers


def main() -> int:
    """Read a posting, take part, write the report, and stay until standard input ends, so that all envelopes arrive."""
    posting = Posting(**json.loads(sys.stdin.readline()))
    try:
        asyncio.run(_serve(Campaign(posting)))
    except (TransportError, TimeoutError) as error:
        sys.stderr.write(f"{str(error) or 'the others could not be reached'}\n")
        return 1
    return 0


async def _serve(campaign: Campaign) -> None:
    try:
        await campaign.start()
        report = await campaign.run()
        sys.stdout.write(report.as_json() + "\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)
    finally:
        await campaign.close()
