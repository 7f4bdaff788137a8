"""How a global state is packed into a few 63-bit words.

Fields, in order: a local id per node, the number of messages of the round under way (lockstep only), a message id per
slot, a count per budget. No field crosses a word. Ids start narrow and widen as more are handed out, so states stay
small without knowing beforehand how many local states there are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quorate_check.core.behaviour import kind
from quorate_check.core.system import System, UnusableSystemError

Ints = npt.NDArray[np.int64]

WORD_BITS = 63
WORD_BYTES = 8
MAX_WORDS = 16
MAX_NODES = 16


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Where each field lies: field f is `(words[word[f]] >> shift[f]) & mask[f]`.

    Where states are stored, word w is the bytes from byte[w] on, of which `word_mask[w]` masks those that are its own;
    the last of `byte` is how many bytes a state has.
    """

    words: int
    local_bits: int
    message_bits: int
    word: Ints
    shift: Ints
    mask: Ints
    budgets_only: Ints
    byte: Ints
    word_mask: Ints

    @property
    def size(self) -> int:
        """How many bytes a stored state has."""
        return int(self.byte[-1])


def layout(system: System, local_bits: int, message_bits: int) -> Layout:
    """Lay out `system` for ids of these widths; raise UnusableSystemError if that takes too many words."""
    nodes, capacity = len(system.initial), system.network.capacity
    count_bits = capacity.bit_length() if kind(system).in_rounds else 0
    budget_bits = [(limit or 0).bit_length() for limit in system.limits().values()]
    bits = [local_bits] * nodes + [count_bits] + [message_bits] * capacity + budget_bits
    used: list[int] = []
    word, shift = [], []
    for width in bits:
        home = next((w for w, u in enumerate(used) if u + width <= WORD_BITS), len(used))
        if home == len(used):
            used.append(0)
        word.append(home)
        shift.append(used[home])
        used[home] += width
    if nodes > MAX_NODES or len(used) > MAX_WORDS:
        raise UnusableSystemError(
            f"{system.name}: {nodes} nodes and {capacity} messages in flight need {len(used)} words a state; "
            f"at most {MAX_NODES} nodes and {MAX_WORDS} words can be packed: lower the nodes or the messages"
        )
    masks = [(1 << width) - 1 for width in bits]
    budgets_only = [0] * len(used)
    for f in range(len(bits) - len(budget_bits), len(bits)):
        budgets_only[word[f]] |= masks[f] << shift[f]
    sizes = [max(1, -(-width // 8)) for width in used]
    byte = [sum(sizes[:w]) for w in range(len(used) + 1)]
    word_mask = [-1 if size == WORD_BYTES else (1 << 8 * size) - 1 for size in sizes]
    as_array = [np.array(values, np.int64) for values in (word, shift, masks, budgets_only, byte, word_mask)]
    return Layout(len(used), local_bits, message_bits, *as_array)
