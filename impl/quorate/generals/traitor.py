"""A traitor who takes part: of everything that anybody would listen to he says what chance decides.

Traitors have each other's keys, and keep what loyal generals sign for them.
"""

from collections.abc import Iterable
from dataclasses import replace
from random import Random

from quorate.generals.basics import GeneralId
from quorate.generals.messages import Message, Signed
from quorate.generals.node import Rules
from quorate.generals.signatures import Signatures, statement
from quorate.generals.treason import Chain, slots


class Collected:
    """Signatures of loyal generals as they were heard, and of those whose keys are here as they are needed."""

    def __init__(self, keys: Signatures) -> None:
        """`keys` must have those of all traitors."""
        self._keys = keys
        self._heard: dict[tuple[GeneralId, bytes], bytes] = {}

    def sign(self, signer: GeneralId, said: bytes) -> bytes:
        """Return a signature; KeyError if it can be neither found nor made."""
        return self._heard.get((signer, said)) or self._keys.sign(signer, said)

    def verify(self, signer: GeneralId, said: bytes, signature: bytes) -> bool:
        """Whether the signer signed that."""
        return self._keys.verify(signer, said, signature)

    def keep(self, message: Signed) -> None:
        """Note all signatures of a message that are genuine."""
        for k, (signer, signature) in enumerate(zip(message.signers, message.signatures, strict=False)):
            said = statement(message.order, message.signers[: k + 1])
            if self.verify(signer, said, signature):
                self._heard[signer, said] = signature


class Traitor:
    """General `me` among `traitors`, who lies as `rng` decides."""

    def __init__(self, rules: Rules, me: GeneralId, traitors: frozenset[GeneralId], rng: Random) -> None:
        """`rules.signatures` must sign for all traitors."""
        self._collected = Collected(rules.signatures)
        self._rules = replace(rules, signatures=self._collected)
        self._me, self._traitors, self._rng = me, traitors, rng
        self._signed: set[Chain] = set()

    def hear(self, messages: Iterable[Message]) -> None:
        """Note what loyal generals have signed."""
        for message in messages:
            if isinstance(message, Signed) and message.source not in self._traitors:
                self._collected.keep(message)
                chain = message.signers
                self._signed |= {(message.order, chain[: k + 1]) for k in range(len(chain))}

    def lie(self, number: int) -> list[Message]:
        """Return what he says in round `number`, from 1."""
        others = [i for i in range(self._rules.n) if i not in self._traitors]
        told: list[Message] = []
        for dest in others:
            for slot in slots(self._rules, self._traitors, number, dest, self._signed):
                said = self._rng.choice(slot)
                if said is not None and said.source == self._me:
                    told.append(said)
        return told
