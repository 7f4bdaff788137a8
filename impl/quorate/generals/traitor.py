"""A traitor, which sends random messages among those that a loyal general accepts.

Traitors share their keys, and collect the signatures of loyal generals.
"""

from collections.abc import Iterable
from dataclasses import replace
from random import Random

from quorate.generals.basics import GeneralId
from quorate.generals.messages import Message, Signed
from quorate.generals.node import Rules
from quorate.generals.signatures import Signatures, statement
from quorate.generals.treason import Chain, slots


class SignatureCollection:
    """Signatures of loyal generals, collected from their messages; signatures of traitors are made with their keys."""

    def __init__(self, keys: Signatures) -> None:
        """`keys` must have the keys of all traitors."""
        self._keys = keys
        self._signatures: dict[tuple[GeneralId, bytes], bytes] = {}

    def sign(self, signer: GeneralId, data: bytes) -> bytes:
        """Return a signature; raises KeyError if it is neither collected nor can be made."""
        return self._signatures.get((signer, data)) or self._keys.sign(signer, data)

    def verify(self, signer: GeneralId, data: bytes, signature: bytes) -> bool:
        """Whether the signer signed `data`."""
        return self._keys.verify(signer, data, signature)

    def keep(self, message: Signed) -> None:
        """Collect all valid signatures of a message."""
        for k, (signer, signature) in enumerate(zip(message.signers, message.signatures, strict=False)):
            data = statement(message.order, message.signers[: k + 1])
            if self.verify(signer, data, signature):
                self._signatures[signer, data] = signature


class Traitor:
    """General `me`, one of `traitors`, which lies as `rng` decides."""

    def __init__(self, rules: Rules, me: GeneralId, traitors: frozenset[GeneralId], rng: Random) -> None:
        """`rules.signatures` must be able to sign for all traitors."""
        self._collection = SignatureCollection(rules.signatures)
        self._rules = replace(rules, signatures=self._collection)
        self._me, self._traitors, self._rng = me, traitors, rng
        self._signed: set[Chain] = set()

    def hear(self, messages: Iterable[Message]) -> None:
        """Collect the signatures of loyal generals."""
        for message in messages:
            if isinstance(message, Signed) and message.source not in self._traitors:
                self._collection.keep(message)
                chain = message.signers
                self._signed |= {(message.order, chain[: k + 1]) for k in range(len(chain))}

    def lie(self, number: int) -> list[Message]:
        """Return the traitor's messages of round `number`, counted from 1."""
        others = [i for i in range(self._rules.n) if i not in self._traitors]
        lies: list[Message] = []
        for dest in others:
            for slot in slots(self._rules, self._traitors, number, dest, self._signed):
                message = self._rng.choice(slot)
                if message is not None and message.source == self._me:
                    lies.append(message)
        return lies
