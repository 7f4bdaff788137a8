"""What was decided, as a value: to append is to make another, which shares all but its last block with the first.

Only the latest are kept: what a member must still show or compare is young, and older decisions are on its disk.
Blocks begin at absolute multiples of BLOCK and are forgotten as a whole, so how the value came about doesn't show, and
the generated `==` and `hash` compare what it holds.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from quorate.bft.messages import Certificate

BLOCK: Final = 256
MOST_BLOCKS: Final = 8


@dataclass(frozen=True, slots=True)
class Decisions:
    """As many as `len` says, one for each index from 1 on; those of the first `forgotten` blocks are not held."""

    forgotten: int = 0
    blocks: tuple[tuple[Certificate, ...], ...] = ()
    tail: tuple[Certificate, ...] = ()

    def __len__(self) -> int:
        return (self.forgotten + len(self.blocks)) * BLOCK + len(self.tail)

    def __getitem__(self, position: int) -> Certificate:
        """The decision at index `position` + 1; IndexError if it isn't held."""
        found = self.at(position + 1)
        if found is None:
            raise IndexError(position)
        return found

    def __iter__(self) -> Iterator[Certificate]:
        """Yield what is held, in order."""
        for block in self.blocks:
            yield from block
        yield from self.tail

    @property
    def first_held(self) -> int:
        """The lowest index whose decision is held, or would be."""
        return self.forgotten * BLOCK + 1

    def at(self, index: int) -> Certificate | None:
        """The decision at `index`, None if there is none yet or it is forgotten."""
        number, position = divmod(index - 1, BLOCK)
        number -= self.forgotten
        if not 0 <= number <= len(self.blocks):
            return None
        block = self.blocks[number] if number < len(self.blocks) else self.tail
        return block[position] if position < len(block) else None

    def since(self, count: int) -> tuple[Certificate, ...]:
        """All behind the first `count`, which must be held."""
        return tuple(self[position] for position in range(count, len(self)))

    def append(self, decision: Certificate) -> "Decisions":
        """These, then one more."""
        tail = (*self.tail, decision)
        if len(tail) < BLOCK:
            return Decisions(self.forgotten, self.blocks, tail)
        blocks = (*self.blocks, tail)
        surplus = max(0, len(blocks) - MOST_BLOCKS)
        return Decisions(self.forgotten + surplus, blocks[surplus:])

    def extend(self, decisions: Iterable[Certificate]) -> "Decisions":
        """These, then all of those."""
        extended = self
        for decision in decisions:
            extended = extended.append(decision)
        return extended
