"""The latest decisions as an immutable value: appending makes a new value, which shares all blocks but the last.

A member needs only its latest decisions in memory; older ones are on its disk. Blocks begin at absolute multiples of
BLOCK and are dropped as a whole. So equal decisions have equal blocks, and the generated `==` and `hash` are right.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from quorate.bft.messages import Certificate

BLOCK: Final = 256
MOST_BLOCKS: Final = 8


@dataclass(frozen=True, slots=True)
class Decisions:
    """The decisions at the indexes from 1 to `len`; those of the first `forgotten` blocks are not kept."""

    forgotten: int = 0
    blocks: tuple[tuple[Certificate, ...], ...] = ()
    tail: tuple[Certificate, ...] = ()

    def __len__(self) -> int:
        return (self.forgotten + len(self.blocks)) * BLOCK + len(self.tail)

    def __getitem__(self, position: int) -> Certificate:
        """The decision at index `position` + 1; raises IndexError if it isn't kept."""
        found = self.at(position + 1)
        if found is None:
            raise IndexError(position)
        return found

    def __iter__(self) -> Iterator[Certificate]:
        """Yield the decisions that are kept, in order."""
        for block in self.blocks:
            yield from block
        yield from self.tail

    def at(self, index: int) -> Certificate | None:
        """The decision at `index`, None if there is none yet or it isn't kept."""
        number, position = divmod(index - 1, BLOCK)
        number -= self.forgotten
        if not 0 <= number <= len(self.blocks):
            return None
        block = self.blocks[number] if number < len(self.blocks) else self.tail
        return block[position] if position < len(block) else None

    def since(self, count: int) -> tuple[Certificate, ...]:
        """All decisions after the first `count`, which must be kept."""
        return tuple(self[position] for position in range(count, len(self)))

    def append(self, decision: Certificate) -> "Decisions":
        """These decisions and one more."""
        tail = (*self.tail, decision)
        if len(tail) < BLOCK:
            return Decisions(self.forgotten, self.blocks, tail)
        blocks = (*self.blocks, tail)
        surplus = max(0, len(blocks) - MOST_BLOCKS)
        return Decisions(self.forgotten + surplus, blocks[surplus:])

    def extend(self, decisions: Iterable[Certificate]) -> "Decisions":
        """These decisions and several more."""
        extended = self
        for decision in decisions:
            extended = extended.append(decision)
        return extended
