"""On a network of any number of messages the sizes of sets say early that one state doesn't cover another."""

import random

import numpy as np
import pytest

from quorate_check.engine.any_network import kernel
from quorate_check.engine.any_network.memory import empty_store

FEW, MANY = 40, kernel.MOST_SIZE + 3


@pytest.mark.parametrize("nodes", range(1, 10))
@pytest.mark.parametrize("most", [FEW, MANY])
def test_sizes_are_compared_number_by_number(nodes: int, most: int) -> None:
    """Where there are more nodes than numbers, by the sums of several; what is too large for a number is cut off."""
    chance = random.Random(nodes)
    shape = kernel.Shape(nodes, 1, 0, 0, 0)
    store = empty_store(shape, 2 * nodes)
    one, other = np.arange(nodes), np.arange(nodes, 2 * nodes)
    verdicts = set()
    for _ in range(300):
        first = [chance.randint(0, most) for _ in range(nodes)]
        second = [size + chance.randint(-1 if chance.random() < 0.1 else 0, 3) for size in first]
        store.set_size[:] = first + [max(0, size) for size in second]
        sums = [
            [min(kernel.MOST_SIZE, int(store.set_size[ids[field :: kernel.SIZE_FIELDS]].sum())) for ids in (one, other)]
            for field in range(kernel.SIZE_FIELDS)
        ]
        expected = all(a <= b for a, b in sums)
        sizes = [kernel.sizes_of(shape, store, ids) for ids in (one, other)]
        assert kernel.no_larger(*sizes) is expected
        low_and_high = [(word & kernel.LOW, word >> 32) for word in sizes]
        assert [low | high << 32 for low, high in low_and_high] == sizes
        verdicts.add(expected)
    assert verdicts == {True, False}
