"""The compiled half of the search of any network: expand, close, canonise, and keep what nothing else covers.

A state is a tuple of local ids, for each node the set of messages that it has sent, and how much of each budget is
used. What was sent is never used up, so a state *covers* another of the same tuple if its nodes have sent no less and
no more of any budget is used: whatever the other may do, it may do. Only states that no other covers are kept.

*Closing* a state adds what its nodes can send without changing any local state or budget. That is as good as sent: the
same tuple with more sent is reachable, and covers the state that isn't closed. Then what is useless is *left out*; see
`useless.py`.

Sets are interned, so that a state is a few ids. A message has a place: 62 of a link's messages share a word of bits.
Where a step isn't known yet the state is put back, and Python runs the step. Every value is a signed 64-bit integer,
and all of it is one file, for the reasons given in `engine/kernel.py`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from quorate_check.engine.caching import compiled

BITS = 62  # messages in a word
UNKNOWN = -1
NONE = -1  # no state, at the end of a list
MIX = -7046029254386353131  # 2**64 / golden ratio, odd, as a signed integer
LOW = (1 << 31) - 1  # the lower half of a word

# Positions in `counts`.
STATES, MAXIMA, TUPLES, SETS, MEMBERS, FULL, MISSING, RETRIES, TRANSITIONS, EXPANSIONS, ORBITS, COVERINGS = range(12)
COUNTS = 12

# Columns of `members`; behind them the sets, by node.
STATE, SIZES, MORE_SIZES, SETS_FROM = range(4)
FEW = 2  # members that a new tuple has room for

# The sizes of a state's sets, four numbers in one word: a state that covers another has none that is less. So most of
# the members that don't are told by two words, without a look at their sets.
SIZE_FIELDS = 4
SIZE_BITS = 16  # one of which stays 0
MOST_SIZE = (1 << (SIZE_BITS - 1)) - 1  # larger ones count as this
SIZE_GUARDS = -0x7FFF7FFF7FFF8000  # the highest bit of each number


class Shape(NamedTuple):
    """Numbers that stay the same during a call."""

    nodes: int
    words: int  # of bits for each link
    events: int
    permutations: int
    budgets: int


class Steps(NamedTuple):
    """What is known of the system; see `Tables` for the step table, `Wiring` for the places of messages."""

    pairs: Any  # find(pairs, local << 32 | message) is where the outcomes of a delivery stand in `program`
    program: Any
    spontaneous: Any  # [local, event]: the same for an event
    event_budget: Any
    budget_limit: Any
    budget_shift: Any
    budget_mask: Any
    beyond: Any
    delivery: Any  # [local, word of all links]: messages whose arrival has been run; nodes may be in equal local states
    change: Any  # of these, those that some outcome changes the local state for
    answer: Any  # and those that some outcome answers without changing it
    place: Any  # [message]: its word among all links' words, times BITS, plus its bit
    message_at: Any
    rename_local: Any
    rename_message: Any
    permutation: Any
    inverse: Any


class Useless(NamedTuple):
    """What is known of messages at local states, as masks like those of `Steps`; see `useless.py`.

    No local states: nothing is left out.
    """

    wanted: Any  # what the kernel wants to know of, and what that needs
    entered: Any  # deliveries that have been tried
    decided: Any  # of what is wanted, what the rest tells of
    stirs: Any  # a delivery may change something, now or wherever the receiver can still get
    loud: Any  # or is answered
    dirty: Any  # [local]: what is known has changed, and hasn't been carried back
    fresh: Any  # [local]: more is wanted
    answer_of: Any  # find(answer_of, local << 32 | message) is the number of what it may still be answered by
    answers: Any  # [number, word of all links]
    span: Any  # [number, 2]: the first of the words that aren't empty, and the end of them
    numbers: Any  # an open-addressing table of answers
    row: Any  # room to work in
    counts: Any


class Store(NamedTuple):
    """Sets, tuples and states, each in an array with an open-addressing table of numbers + 1 beside it."""

    set_bits: Any  # [set, destination * words + word]
    set_size: Any
    set_source: Any
    set_renamed: Any  # [set, permutation]: the renamed set + 1, or 0
    set_table: Any
    tuple_nodes: Any  # [tuple, node]
    tuple_members: Any  # [tuple, 3]: the first row of its kept states in `members`, how many, and for how many is room
    tuple_table: Any
    state_tuple: Any
    state_sets: Any  # [state, node]
    state_used: Any
    state_parent: Any
    state_covered: Any
    state_table: Any
    members: Any  # [row]: a kept state, its size and its sets, so that those of a tuple are read in one go
    missing: Any  # [row, 3]: state, local, message or -1 - event
    retries: Any
    counts: Any


class Scratch(NamedTuple):
    """Room to work in."""

    local: Any
    after: Any
    sets: Any
    least: Any
    renamed: Any
    least_sets: Any
    renamed_sets: Any
    ties: Any
    sent: Any  # bits of all links
    now: Any
    todo: Any
    row: Any


@intrinsic
def lowest(typing_context, word):  # noqa: ARG001 - Numba's form
    """The position of the lowest bit that is set."""

    def generate(_context, builder, _signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.int64), generate


@intrinsic
def count_bits(typing_context, word):  # noqa: ARG001 - Numba's form
    """How many bits are set."""

    def generate(_context, builder, _signature, arguments):
        return builder.ctpop(arguments[0])

    return types.int64(types.int64), generate


@compiled(inline="always", counted=False)
def mix(h, word):
    """Return a hash with another word in it."""
    h = (h ^ word) * MIX
    return h ^ (h >> 32)


@compiled(counted=False)
def find(table, key):
    """Return the value stored under `key` in a table of (key + 1, value) pairs, else UNKNOWN."""
    mask = (table.shape[0] >> 1) - 1
    slot = mix(key, 0) & mask
    while True:
        stored = table[2 * slot]
        if stored == key + 1:
            return table[2 * slot + 1]
        if stored == 0:
            return UNKNOWN
        slot = (slot + 1) & mask


@compiled(counted=False)
def learn(steps, local, message):
    """Enter in the masks of `local` what a delivery that has been run is to it."""
    place = steps.place[message]
    word, bit = place // BITS, 1 << (place % BITS)
    steps.delivery[local, word] |= bit
    p = find(steps.pairs, local << 32 | message)
    count = steps.program[p]
    p += 1
    for _ in range(count):
        if steps.program[p] != local:
            steps.change[local, word] |= bit
        elif steps.program[p + 1] > 0:
            steps.answer[local, word] |= bit
        p += 2 + steps.program[p + 1]


@compiled(counted=False)
def learn_all(steps, rows):
    """Learn every delivery of `rows`, which are as in `Store.missing`."""
    for r in range(rows.shape[0]):
        if rows[r, 2] >= 0:
            learn(steps, rows[r, 1], rows[r, 2])


@compiled(inline="always", counted=False)
def _request(store, state, local, code):
    """Ask Python to run a step."""
    counts = store.counts
    if counts[MISSING] < store.missing.shape[0]:
        row = counts[MISSING]
        store.missing[row, 0] = state
        store.missing[row, 1] = local
        store.missing[row, 2] = code
        counts[MISSING] += 1


@compiled(counted=False)
def _send(steps, place, sent, todo):
    """Add the messages of an outcome at `place`; return whether any is new. New ones are marked in `todo`."""
    fresh = False
    for k in range(steps.program[place + 1]):
        at = steps.place[steps.program[place + 2 + k]]
        word, bit = at // BITS, 1 << (at % BITS)
        if not sent[word] & bit:
            sent[word] |= bit
            todo[word] |= bit
            fresh = True
    return fresh


@compiled(counted=False)
def close(shape, steps, store, state, local, sent, todo, actor):
    """Add to `sent` what can be sent while every local state stays; return whether all steps for that are known.

    `todo` holds what is new in `sent`. All that reaches the node `actor` is looked at; for others the rest is closed.
    """
    n, words = shape.nodes, shape.words
    for i in range(n):
        if steps.beyond[local[i]]:
            return True  # not expanded, so nothing is sent there
    complete = True
    for i in range(n):
        if actor != i and actor != n:  # noqa: PLR1714 - Numba compiles no tuple here
            continue
        for e in range(shape.events):
            if steps.event_budget[e] >= 0:
                continue
            p = steps.spontaneous[local[i], e]
            if p == UNKNOWN:
                _request(store, state, local[i], -1 - e)
                complete = False
                continue
            count = steps.program[p]
            p += 1
            for _ in range(count):
                if steps.program[p] == local[i]:
                    _send(steps, p, sent, todo)
                p += 2 + steps.program[p + 1]
        for j in range(n):
            for w in range(words):
                at = (j * n + i) * words + w
                todo[at] |= sent[at]
    more = True
    while more:
        more = False
        for i in range(n):
            for j in range(n):
                for w in range(words):
                    at = (j * n + i) * words + w
                    new = todo[at]
                    if new == 0:
                        continue
                    todo[at] = 0
                    unknown = new & ~steps.delivery[local[i], at]
                    while unknown:
                        _request(store, state, local[i], steps.message_at[at * BITS + lowest(unknown)])
                        unknown &= unknown - 1
                        complete = False
                    new &= steps.answer[local[i], at]
                    while new:
                        message = steps.message_at[at * BITS + lowest(new)]
                        new &= new - 1
                        p = find(steps.pairs, local[i] << 32 | message)
                        count = steps.program[p]
                        p += 1
                        for _ in range(count):
                            if steps.program[p] == local[i] and _send(steps, p, sent, todo):
                                more = True
                            p += 2 + steps.program[p + 1]
    return complete


@compiled(inline="always", counted=False)
def _ask(useless, local, word, messages):
    """Want to know of messages at a local state; return whether that is known already."""
    unknown = messages & ~useless.decided[local, word]
    if unknown:
        useless.wanted[local, word] |= unknown
        useless.fresh[local] = 1
    return unknown == 0


@compiled(counted=False)
def leave_out(shape, steps, useless, local, sent):
    """Take the useless messages out of `sent`; return whether it is known which those are."""
    n, words = shape.nodes, shape.words
    if useless.wanted.shape[0] == 0:
        return True
    for i in range(n):
        if steps.beyond[local[i]]:  # not expanded, so nothing arrives there
            for w in range(n * n * words):
                sent[w] = 0
            return True
    complete = True
    for i in range(n):
        at_node = local[i]
        for j in range(n):
            for w in range(words):
                at = (j * n + i) * words + w
                complete &= _ask(useless, at_node, at, sent[at])
                idle = sent[at] & ~useless.stirs[at_node, at]
                replies = idle & useless.loud[at_node, at]
                sent[at] ^= idle ^ replies
                while replies:
                    bit = replies & -replies
                    message = steps.message_at[at * BITS + lowest(replies)]
                    replies ^= bit
                    number = max(0, find(useless.answer_of, at_node << 32 | message))
                    silent = True
                    for v in range(useless.span[number, 0], useless.span[number, 1]):
                        there = local[v // words % n]
                        complete &= _ask(useless, there, v, useless.answers[number, v])
                        silent &= useless.answers[number, v] & useless.loud[there, v] == 0
                    if silent:
                        sent[at] ^= bit
    return complete


@compiled(counted=False)
def intern(shape, store, source, bits, start):
    """Return the number of the set of messages that `source` has sent, NONE if there is no room for a new one."""
    width = shape.nodes * shape.words
    h = source
    for w in range(width):
        h = mix(h, bits[start + w])
    mask = store.set_table.shape[0] - 1
    slot = mix(h, 0) & mask
    while store.set_table[slot]:
        number = store.set_table[slot] - 1
        same = store.set_source[number] == source
        for w in range(width):
            if not same:
                break
            same = store.set_bits[number, w] == bits[start + w]
        if same:
            return number
        slot = (slot + 1) & mask
    number = store.counts[SETS]
    if number == store.set_size.shape[0]:
        return NONE
    size = 0
    for w in range(width):
        store.set_bits[number, w] = bits[start + w]
        size += count_bits(bits[start + w])
    store.set_size[number] = size
    store.set_source[number] = source
    store.set_table[slot] = number + 1
    store.counts[SETS] = number + 1
    if shape.permutations:
        store.set_renamed[number, 0] = number + 1
    return number


@compiled(counted=False)
def _renamed_set(shape, steps, store, number, p, row):
    """Return the number of a set under a permutation, NONE if there is no room for it."""
    entry = store.set_renamed[number, p]
    if entry:
        return entry - 1
    n, words = shape.nodes, shape.words
    source = store.set_source[number]
    target = steps.permutation[p, source]
    for w in range(n * words):
        row[w] = 0
    for w in range(n * words):
        bits = store.set_bits[number, w]
        while bits:
            message = steps.message_at[(source * n * words + w) * BITS + lowest(bits)]
            bits &= bits - 1
            at = steps.place[steps.rename_message[p, message]]
            row[at // BITS - target * n * words] |= 1 << (at % BITS)
    renamed = intern(shape, store, target, row, 0)
    if renamed != NONE:
        store.set_renamed[number, p] = renamed + 1
    return renamed


@compiled(counted=False)
def canonise(shape, steps, store, scratch):
    """Put the least renaming of scratch.after, scratch.sets in scratch.least, scratch.least_sets.

    Return how many permutations leave the tuple of local ids as it is; NONE if there was no room for a set.
    """
    n = shape.nodes
    local, sets, least, renamed = scratch.after, scratch.sets, scratch.least, scratch.renamed
    for i in range(n):
        least[i] = local[i]
        scratch.least_sets[i] = sets[i]
    if not shape.permutations:
        return 1
    ties = 1
    scratch.ties[0] = 0
    for p in range(1, shape.permutations):
        order = 0
        for i in range(n):
            renamed[i] = steps.rename_local[p, local[steps.inverse[p, i]]]
            if order == 0:
                if renamed[i] > least[i]:
                    order = 1
                    break
                if renamed[i] < least[i]:
                    order = -1
        if order > 0:
            continue
        if order < 0:
            for i in range(n):
                least[i] = renamed[i]
            ties = 0
        scratch.ties[ties] = p
        ties += 1
    for t in range(ties):
        p = scratch.ties[t]
        smaller = t == 0
        decided = smaller
        for i in range(n):
            number = _renamed_set(shape, steps, store, sets[steps.inverse[p, i]], p, scratch.row)
            if number == NONE:
                return NONE
            scratch.renamed_sets[i] = number
            if not decided and number != scratch.least_sets[i]:
                smaller = number < scratch.least_sets[i]
                decided = True
        if smaller:
            for i in range(n):
                scratch.least_sets[i] = scratch.renamed_sets[i]
    return ties


@compiled(inline="always", counted=False)
def _is_within(shape, store, one, other):
    """Whether a set holds nothing that another doesn't."""
    if one == other:
        return True
    if store.set_size[one] >= store.set_size[other]:
        return False
    for w in range(shape.nodes * shape.words):
        if store.set_bits[one, w] & ~store.set_bits[other, w]:
            return False
    return True


@compiled(inline="always", counted=False)
def _no_more(shape, steps, one, other):
    """Whether no more of any budget is used by one than by another."""
    if one == other:
        return True
    for b in range(shape.budgets):
        mask, shift = steps.budget_mask[b], steps.budget_shift[b]
        if (one >> shift) & mask > (other >> shift) & mask:
            return False
    return True


@compiled(counted=False)
def _tuple_number(shape, store, nodes, fresh):
    """Return the number of a tuple of local ids; fresh[0] says whether it is new. NONE if there is no room."""
    n = shape.nodes
    h = 0
    for i in range(n):
        h = mix(h, nodes[i])
    mask = store.tuple_table.shape[0] - 1
    slot = mix(h, 0) & mask
    fresh[0] = 0
    while store.tuple_table[slot]:
        number = store.tuple_table[slot] - 1
        same = True
        for i in range(n):
            if store.tuple_nodes[number, i] != nodes[i]:
                same = False
                break
        if same:
            return number
        slot = (slot + 1) & mask
    number = store.counts[TUPLES]
    if number == store.tuple_members.shape[0]:
        return NONE
    for i in range(n):
        store.tuple_nodes[number, i] = nodes[i]
    for column in range(3):
        store.tuple_members[number, column] = 0
    store.tuple_table[slot] = number + 1
    store.counts[TUPLES] = number + 1
    fresh[0] = 1
    return number


@compiled(counted=False)
def _state_slot(shape, store, number, sets, used):
    """Return where a state stands in the table, or would."""
    h = mix(number, used)
    for i in range(shape.nodes):
        h = mix(h, sets[i])
    mask = store.state_table.shape[0] - 1
    slot = mix(h, 0) & mask
    while store.state_table[slot]:
        state = store.state_table[slot] - 1
        if store.state_tuple[state] == number and store.state_used[state] == used:
            same = True
            for i in range(shape.nodes):
                if store.state_sets[state, i] != sets[i]:
                    same = False
                    break
            if same:
                return slot
        slot = (slot + 1) & mask
    return slot


@compiled(counted=False)
def sizes_of(shape, store, sets):
    """Return the sizes of sets in one word; the nodes share its numbers by turns, and each is a sum."""
    sizes = 0
    for field in range(SIZE_FIELDS):
        size = 0
        for i in range(field, shape.nodes, SIZE_FIELDS):
            size += store.set_size[sets[i]]
        sizes |= min(size, MOST_SIZE) << (field * SIZE_BITS)
    return sizes


@compiled(inline="always", counted=False)
def no_larger(one, other):
    """Whether no number of one word of sizes is larger than that of another."""
    return ((other | SIZE_GUARDS) - one) & SIZE_GUARDS == SIZE_GUARDS


@compiled(counted=False)
def _is_covered(shape, steps, store, number, sets, sizes, used):
    """Whether a kept state of a tuple covers this one; kept states that this one covers are dropped meanwhile.

    Never both: of the kept states of a tuple none covers another.
    """
    n, counts, members = shape.nodes, store.counts, store.members
    first, m = store.tuple_members[number, 0], 0
    while m < store.tuple_members[number, 1]:
        row = first + m
        other = members[row, STATE]
        its = members[row, SIZES] | members[row, MORE_SIZES] << 32
        if no_larger(sizes, its):
            covers = True
            for i in range(n):
                covers = _is_within(shape, store, sets[i], members[row, SETS_FROM + i])
                if not covers:
                    break
            if covers and _no_more(shape, steps, store.state_used[other], used):
                counts[COVERINGS] += 1
                _swap(members, first, row)  # what has covered one state soon covers another
                return True
        if no_larger(its, sizes):
            covered = True
            for i in range(n):
                covered = _is_within(shape, store, members[row, SETS_FROM + i], sets[i])
                if not covered:
                    break
            if covered and _no_more(shape, steps, used, store.state_used[other]):
                store.state_covered[other] = 1
                counts[MAXIMA] -= 1
                store.tuple_members[number, 1] -= 1
                _swap(members, row, first + store.tuple_members[number, 1])
                continue
        m += 1
    return False


@compiled(inline="always", counted=False)
def _swap(members, one, other):
    for column in range(members.shape[1]):
        members[one, column], members[other, column] = members[other, column], members[one, column]


@compiled(counted=False)
def _make_room(store, number):
    """Have room for one more member of a tuple, behind all others if need be; return whether there was some."""
    first, count, most = store.tuple_members[number, 0], store.tuple_members[number, 1], store.tuple_members[number, 2]
    if count < most:
        return True
    size, end = max(FEW, 2 * most), store.counts[MEMBERS]
    if end + size > store.members.shape[0]:
        store.counts[FULL] = 1
        return False
    for m in range(count):
        for column in range(store.members.shape[1]):
            store.members[end + m, column] = store.members[first + m, column]
    store.tuple_members[number, 0] = end
    store.tuple_members[number, 2] = size
    store.counts[MEMBERS] = end + size
    return True


@compiled(counted=False)
def insert(shape, steps, store, scratch, used, parent):
    """Keep the state in scratch.after, scratch.sets unless another covers it, and drop those that it covers.

    Return whether there was room.
    """
    n, counts = shape.nodes, store.counts
    ties = canonise(shape, steps, store, scratch)
    if ties == NONE or counts[STATES] == store.state_tuple.shape[0]:
        return False
    sets = scratch.least_sets
    number = _tuple_number(shape, store, scratch.least, scratch.row)
    if number == NONE:
        return False
    if scratch.row[0]:
        counts[ORBITS] += max(1, shape.permutations) // ties
    slot = _state_slot(shape, store, number, sets, used)
    if store.state_table[slot]:
        return True
    if not _make_room(store, number):
        return False
    sizes = sizes_of(shape, store, sets)
    if _is_covered(shape, steps, store, number, sets, sizes, used):
        return True
    state = counts[STATES]
    row = store.tuple_members[number, 0] + store.tuple_members[number, 1]
    store.tuple_members[number, 1] += 1
    store.members[row, STATE] = state
    store.members[row, SIZES] = sizes & LOW
    store.members[row, MORE_SIZES] = sizes >> 32
    store.state_tuple[state] = number
    for i in range(n):
        store.members[row, SETS_FROM + i] = sets[i]
        store.state_sets[state, i] = sets[i]
    store.state_used[state] = used
    store.state_parent[state] = parent
    store.state_covered[state] = 0
    store.state_table[slot] = state + 1
    counts[STATES] = state + 1
    counts[MAXIMA] += 1
    return True


@compiled(counted=False)
def _reach(shape, steps, useless, store, scratch, state, i, place, used):
    """Insert what an outcome of node i leads to; return whether that was possible."""
    n, width = shape.nodes, shape.nodes * shape.words
    local, sent, now, todo = scratch.local, scratch.sent, scratch.now, scratch.todo
    for w in range(n * width):
        now[w] = sent[w]
        todo[w] = 0
    fresh = _send(steps, place, now, todo)
    after = steps.program[place]
    if after == local[i] and not fresh:
        return True
    for k in range(n):
        scratch.after[k] = local[k]
    scratch.after[i] = after
    actor = i if after != local[i] else -1
    if not close(shape, steps, store, state, scratch.after, now, todo, actor):
        return False
    if not leave_out(shape, steps, useless, scratch.after, now):
        return False
    for j in range(n):
        same = True
        for w in range(j * width, (j + 1) * width):
            if now[w] != sent[w]:
                same = False
                break
        number = store.state_sets[state, j] if same else intern(shape, store, j, now, j * width)
        if number == NONE:
            return False
        scratch.sets[j] = number
    return insert(shape, steps, store, scratch, used, state)


@compiled(counted=False)
def expand(shape, steps, useless, store, scratch, state):
    """Insert every successor of a state; return whether all could be."""
    n, words = shape.nodes, shape.words
    width = n * words
    number, used, complete = store.state_tuple[state], store.state_used[state], True
    for i in range(n):
        scratch.local[i] = store.tuple_nodes[number, i]
        if steps.beyond[scratch.local[i]]:
            return True
    for j in range(n):
        for w in range(width):
            scratch.sent[j * width + w] = store.set_bits[store.state_sets[state, j], w]
    for i in range(n):
        at_node = scratch.local[i]
        for e in range(shape.events):
            usage, b = used, steps.event_budget[e]
            if b >= 0:
                if (used >> steps.budget_shift[b]) & steps.budget_mask[b] == steps.budget_limit[b]:
                    continue
                usage += 1 << steps.budget_shift[b]
            p = steps.spontaneous[at_node, e]
            if p == UNKNOWN:
                _request(store, state, at_node, -1 - e)
                complete = False
                continue
            count = steps.program[p]
            p += 1
            for _ in range(count):
                store.counts[TRANSITIONS] += 1
                if b >= 0 or steps.program[p] != at_node:  # else what it sends has been added by closing
                    complete &= _reach(shape, steps, useless, store, scratch, state, i, p, usage)
                p += 2 + steps.program[p + 1]
        for j in range(n):
            for w in range(words):
                at = (j * n + i) * words + w
                unknown = scratch.sent[at] & ~steps.delivery[at_node, at]  # known by other names of the nodes only
                while unknown:
                    _request(store, state, at_node, steps.message_at[at * BITS + lowest(unknown)])
                    unknown &= unknown - 1
                    complete = False
                arriving = scratch.sent[at] & steps.change[at_node, at]
                while arriving:
                    message = steps.message_at[at * BITS + lowest(arriving)]
                    arriving &= arriving - 1
                    p = find(steps.pairs, at_node << 32 | message)
                    count = steps.program[p]
                    p += 1
                    for _ in range(count):
                        if steps.program[p] != at_node:
                            store.counts[TRANSITIONS] += 1
                            complete &= _reach(shape, steps, useless, store, scratch, state, i, p, used)
                        p += 2 + steps.program[p + 1]
    return complete


@compiled(counted=False)
def search(shape, steps, useless, store, scratch, states, begin, end):
    """Expand `states[begin:end]`; list those that couldn't be expanded whole, and return where it stopped."""
    counts = store.counts
    for k in range(begin, end):
        state = states[k]
        if store.state_covered[state]:
            continue
        if counts[RETRIES] == store.retries.shape[0] or counts[MISSING] == store.missing.shape[0]:
            return k
        if expand(shape, steps, useless, store, scratch, state):
            counts[EXPANSIONS] += 1
        else:
            store.retries[counts[RETRIES]] = state
            counts[RETRIES] += 1
            if counts[STATES] == store.state_tuple.shape[0] or counts[SETS] == store.set_size.shape[0]:
                return k + 1
            if counts[TUPLES] == store.tuple_members.shape[0] or counts[FULL]:
                return k + 1
    return end


@compiled(counted=False)
def rehash_sets(shape, store, table):
    """Enter all sets in a new table."""
    mask = table.shape[0] - 1
    for number in range(store.counts[SETS]):
        h = store.set_source[number]
        for w in range(shape.nodes * shape.words):
            h = mix(h, store.set_bits[number, w])
        slot = mix(h, 0) & mask
        while table[slot]:
            slot = (slot + 1) & mask
        table[slot] = number + 1


@compiled(counted=False)
def rehash_tuples(shape, store, table):
    """Enter all tuples in a new table."""
    mask = table.shape[0] - 1
    for number in range(store.counts[TUPLES]):
        h = 0
        for i in range(shape.nodes):
            h = mix(h, store.tuple_nodes[number, i])
        slot = mix(h, 0) & mask
        while table[slot]:
            slot = (slot + 1) & mask
        table[slot] = number + 1


@compiled(counted=False)
def rehash_states(shape, store, table):
    """Enter all states in a new table."""
    mask = table.shape[0] - 1
    for state in range(store.counts[STATES]):
        h = mix(store.state_tuple[state], store.state_used[state])
        for i in range(shape.nodes):
            h = mix(h, store.state_sets[state, i])
        slot = mix(h, 0) & mask
        while table[slot]:
            slot = (slot + 1) & mask
        table[slot] = state + 1
