"""The compiled half of the search: expand states into successors, insert successors into an exact set.

Neither kernel calls Python: where a step isn't known yet, or an array is full, the kernel stops and says so, Python
mends it, and the kernel goes on. Every value is a signed 64-bit integer, because Numba turns mixed signed and unsigned
arithmetic into floating point; packed words use 63 bits.

All of it is one file, because Numba's cache notices a change only in the file of the function that it has compiled: a
helper in another file could be edited and the old one go on running.

A packed state is a few words with the fields of `layout.py`: a local id per node, how many messages belong to the
round under way, a message id per slot (0: empty), a count per budget. A successor record is those words and three more:

    parent's index | (acting node + 1) << 32     0 in the high half if no node acted
    acting node's old local id | stabilizer << 32     how many permutations leave the state as it is; with
                                                      sizes[LABELS] the move's label
    hash
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array

from quorate_check.engine.caching import compiled

# Positions in `sizes`: numbers that stay the same during a call.
WORDS, NODES, CAPACITY, EVENTS, BUDGETS, KIND, DROPS, DUPLICATES = range(8)
SHARDS, PERMUTATIONS, ALIKE, KEY_WORDS, AT_ONCE, REMOVES, ENDS, LABELS = range(8, 16)
SIZES = 16
UNORDERED, ORDERED, LOCKSTEP = range(3)  # values of sizes[KIND]
EACH, PAIRS, ALL = range(3)  # values of group_over
# Positions in the counts that `expand` and `insert` bring up to date.
CONSUMED, TRANSITIONS, OVER_CAPACITY, MISSING, RETRIES, BEYOND, UNDECIDED = range(7)
STATES, ORBITS, FRESH = range(3)

EXTRA = 3  # words of a successor record beyond the state
UNKNOWN = -1  # a step that Python hasn't executed yet
QUIET, BUSY = 1, 0  # a local state in which no event is enabled but faults, and another
NOBODY = -1  # the local id in a row of `missing` that reports a deadlock
MESSAGE_LOST = -2  # a move in which no node acts
NEXT_ROUND = -3  # the same: a lockstep round begins
# Labels of moves, where they are asked for: (message id, or number of the event at the node, from 1) << 2 | how.
ARRIVES, STAYS, IS_LOST, HAPPENS = range(4)  # HAPPENS to nobody: a round begins
CUT = 1 << 30  # marks the label of a move that the network has no room for
UNLIMITED = -1  # a budget without a limit, and without a count
BLOCK = 64  # records that are inserted between two looks at how much room is left
ENTRY_BITS = 32  # of what a table of states holds
AHEAD = 16  # records between asking for memory and needing it

USEFUL, SILENT = range(2)  # what is known of a message at a local state; more: where its answers stand in `answers`

MIX = -7046029254386353131  # 2**64 / golden ratio, odd, as a signed integer
PARENT = (1 << 32) - 1  # the part of a record's word that is its parent's index
_LOW = PARENT
_TAG = (1 << 31) - 1
_LAST = (1 << 62) - 1  # greater than any id


@intrinsic
def prefetch(_, array, index):  # noqa: ARG001 - Numba gives it to `code`
    """Ask for the cache line of array[index], which must be in bounds, without waiting for it."""

    def code(context, builder, signature, arguments):
        data = make_array(signature.args[0])(context, builder, arguments[0]).data
        address, number = ir.PointerType(ir.IntType(8)), ir.IntType(32)
        form = ir.FunctionType(ir.VoidType(), [address, number, number, number])
        function = builder.module.declare_intrinsic("llvm.prefetch", [address], form)
        # To be read, to be kept in every cache, data.
        at = builder.bitcast(builder.gep(data, [arguments[1]]), address)
        builder.call(function, [at, number(0), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(array, types.int64), code


def _word_at(context, builder, kind, array, byte):
    """Return a pointer to the word that begins at array[byte]."""
    data = make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [byte]), ir.PointerType(ir.IntType(64)))


@intrinsic
def _load(_, array, byte):  # noqa: ARG001 - as above
    """Return the eight bytes from array[byte] on as an integer; they must be in bounds."""

    def code(context, builder, signature, arguments):
        return builder.load(_word_at(context, builder, signature.args[0], *arguments), align=1)

    return types.int64(array, types.int64), code


@intrinsic
def _store(_, array, byte, value):  # noqa: ARG001 - as above
    """Write an integer to the eight bytes from array[byte] on, which must be in bounds."""

    def code(context, builder, signature, arguments):
        builder.store(arguments[2], _word_at(context, builder, signature.args[0], *arguments[:2]), align=1)
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int64), code


@intrinsic
def _scratch(_, length):  # noqa: ARG001 - as above
    """Return an array of `length` integers that lives until the kernel returns, and that nothing else can change.

    So the compiler may keep it in registers. To be called outside of loops.
    """
    form = types.Array(types.int64, 1, "C")

    def code(context, builder, _, arguments):
        array = make_array(form)(context, builder)
        width = context.get_constant(types.intp, 8)
        data = builder.alloca(context.get_data_type(types.int64), arguments[0])
        populate_array(array, data=data, shape=(arguments[0],), strides=(width,), itemsize=width, meminfo=None)
        return array._getvalue()  # noqa: SLF001 - as Numba's own

    return form(types.int64), code


@compiled(inline="always")
def _mix(h, word):
    h = (h ^ word) * MIX
    return h ^ (h >> 32)


@compiled(inline="always")
def _hash(words, start, count):
    h = 0
    for w in range(count):
        h = _mix(h, words[start + w])
    return _mix(h, 0)


@compiled(inline="always")
def _hash_of_state(words, start, count, ignored):
    """Return the hash of a state without the bits in `ignored`."""
    h = 0
    for w in range(count):
        h = _mix(h, words[start + w] & ~ignored[w])
    return _mix(h, 0)


@compiled(inline="always")
def _slot(h, slots):
    """Return where a state with this hash is looked for first in a table of `slots`, of which at most 2**32 can be."""
    return ((h >> 1) & _TAG) * slots >> 31


@compiled(inline="always")
def _index_bits(slots):
    """Return how many bits of an entry in a table of `slots` are the state's number."""
    bits = 0
    while slots >> bits:
        bits += 1
    return bits


@compiled(inline="always")
def _candidate(table, slot, bits, tag):
    """Return the first slot from `slot` on that is empty, or whose state may be that of the hash that `tag` is from."""
    slots = table.shape[0]
    while table[slot] != 0 and np.int64(table[slot]) >> bits != tag:
        slot = slot + 1 if slot + 1 < slots else 0
    return slot


@compiled()
def owner(packed, sizes, word, shift, mask):
    """Return the shard that a state belongs to; it depends on the nodes' ids alone, not on how they are packed."""
    if sizes[SHARDS] == 1:
        return 0
    h = 0
    for i in range(sizes[NODES]):
        h = _mix(h, (packed[word[i]] >> shift[i]) & mask[i])
    return (_mix(h, 0) & _TAG) % sizes[SHARDS]


@compiled()
def find(table, key):
    """Return the value stored under `key` in an open-addressing table of (key + 1, value) pairs, else UNKNOWN."""
    mask = (table.shape[0] >> 1) - 1
    slot = _mix(key, 0) & mask
    while True:
        stored = table[2 * slot]
        if stored == key + 1:
            return table[2 * slot + 1]
        if stored == 0:
            return UNKNOWN
        slot = (slot + 1) & mask


@compiled()
def put(table, keys, values):
    """Store each value under its new key in a table as of `find`, which has room for them."""
    mask = (table.shape[0] >> 1) - 1
    for i in range(keys.shape[0]):
        slot = _mix(keys[i], 0) & mask
        while table[2 * slot] != 0:
            slot = (slot + 1) & mask
        table[2 * slot] = keys[i] + 1
        table[2 * slot + 1] = values[i]


@compiled(inline="always")
def _enqueue(flight, size, start, message, link):
    """Put `message` behind those of its link, and of lesser ones, in flight[start:size]; return the new size."""
    at = size
    while at > start and link[flight[at - 1]] > link[message]:
        at -= 1
    for k in range(size, at, -1):
        flight[k] = flight[k - 1]
    flight[at] = message
    return size + 1


@compiled(inline="always")
def _include(flight, size, message, capacity):
    """Put `message` into a sorted set with 0 in empty slots; return its new size, or one more than there is room for.

    Here and in `_rename` all slots are gone through, for a processor would guess wrong where the filled ones end.
    """
    place, present = 0, False
    for k in range(capacity):
        present |= flight[k] == message
        place += (flight[k] != 0) & (flight[k] < message)
    if present:
        return size
    if size < capacity:
        for k in range(capacity - 1, 0, -1):
            flight[k] = flight[k - 1] if k > place else flight[k]
        flight[place] = message
    return size + 1


@compiled(inline="always")
def _pack(target, base, local, flight, size, current, sizes, word, shift):
    """Write a state into `target`; `base` holds its budgets."""
    nodes = sizes[NODES]
    for w in range(sizes[WORDS]):
        target[w] = base[w]
    for i in range(nodes):
        target[word[i]] |= local[i] << shift[i]
    target[word[nodes]] |= current << shift[nodes]
    for k in range(sizes[CAPACITY] if sizes[KIND] == UNORDERED else size):
        target[word[nodes + 1 + k]] |= flight[k] << shift[nodes + 1 + k]


@compiled(inline="always")
def _compare(one, other, count):
    for i in range(count):
        if one[i] != other[i]:
            return -1 if one[i] < other[i] else 1
    return 0


@compiled(inline="always")
def _copy(source, target, count):
    for i in range(count):  # faster than a slice for a handful
        target[i] = source[i]


@compiled(inline="always")
def _rename(p, local, flight, size, sizes, renaming, link, renamed, to_local, to_flight):
    """Write to `to_local` and `to_flight` what permutation p makes of a state."""
    for i in range(sizes[NODES]):
        to_local[i] = renaming.rename_local[p, local[renaming.inverse[p, i]]]
    if sizes[KIND] == UNORDERED:
        for k in range(sizes[CAPACITY]):
            renamed[k] = (renaming.rename_message[p, flight[k]] - 1) & _LAST  # an empty slot comes after all messages
        for k in range(sizes[CAPACITY]):
            place = 0
            for j in range(sizes[CAPACITY]):
                place += (renamed[j] < renamed[k]) | ((renamed[j] == renamed[k]) & (j < k))
            to_flight[place] = (renamed[k] + 1) & _LAST
    else:
        count = 0
        for k in range(size):
            count = _enqueue(to_flight, count, 0, renaming.rename_message[p, flight[k]], link)


@compiled(inline="always")
def _canonize(
    local, flight, size, sizes, renaming, link, of, renamed, spare_local, spare_flight, best_local, best_flight,
):  # fmt: skip
    """Rename a state, in place, to the least that some permutation makes of it.

    Returns that permutation and how many make the same. Only permutations that sort interchangeable nodes by orbit are
    tried: renaming leaves a local state in its orbit, so the candidates are the same for all states that are equal up
    to renaming. They are compared by ids and not as packed, because the packing changes when ids outgrow their fields.
    """
    nodes, inverse, mates, mate_before = sizes[NODES], renaming.inverse, renaming.mates, renaming.mate_before
    # Which place each node would have if its mates were sorted by orbit? Most often that leaves one permutation of the
    # nodes. Places are counted, here and below, because a sort of so few would spend its time on mispredicted branches.
    code, tied = 0, False
    for i in range(nodes):
        of[i] = renaming.orbit[local[i]]
    for i in range(nodes):
        place = 0
        for j in range(nodes):
            equal = (of[j] == of[i]) & (j < i) & (mates[i, j] != 0)
            place += ((of[j] < of[i]) & (mates[i, j] != 0)) | equal
            tied |= equal
        code = code * renaming.mate_count[i] + place
    best, ties = renaming.permutation_of[code], 1
    if sizes[ALIKE] == 1 and not tied:
        _rename(best, local, flight, size, sizes, renaming, link, renamed, best_local, best_flight)
    else:
        first, last = best, best + sizes[ALIKE]
        if tied:
            first, last = 0, sizes[PERMUTATIONS]
        best, ties = -1, 0
        for p in range(first, last):
            sorted_by_orbit = True
            for i in range(1, nodes):
                if mate_before[i] >= 0:
                    sorted_by_orbit &= of[inverse[p, mate_before[i]]] <= of[inverse[p, i]]
            if not sorted_by_orbit:
                continue
            _rename(p, local, flight, size, sizes, renaming, link, renamed, spare_local, spare_flight)
            order = -1 if best < 0 else _compare(spare_local, best_local, nodes)
            if order == 0:
                order = _compare(spare_flight, best_flight, size)
            if order < 0:
                best, ties = p, 1
                _copy(spare_local, best_local, nodes)
                _copy(spare_flight, best_flight, size)
            elif order == 0:
                ties += 1
    _copy(best_local, local, nodes)
    _copy(best_flight, flight, size)
    return best, ties


@compiled(inline="always")
def _usefulness(local, message, table, undecided, counts):
    """Return what is known of a message at its receiver; UNKNOWN if Python has yet to say, and is asked to."""
    use = find(table, local << 32 | message)
    if use == UNKNOWN and counts[UNDECIDED] < undecided.shape[0]:
        undecided[counts[UNDECIDED], 0], undecided[counts[UNDECIDED], 1] = local, message
        counts[UNDECIDED] += 1
    return use


@compiled(inline="always")
def _without_useless(local, flight, size, kind, destination, link, table, answers, undecided, counts):
    """Remove useless messages from flight[:size], in place; return how many are left, UNKNOWN if that can't be said.

    In queues only the first of a link is removed, and only if its answers would be the first on theirs: so removing
    is to deliver a message and then its answer, and needs no more room.
    """
    incomplete, more = False, True
    while more:
        more, count = False, 0
        for k in range(size):
            message = flight[k]
            head = kind == UNORDERED or count == 0 or link[flight[count - 1]] != link[message]
            use = USEFUL
            if head:
                use = _usefulness(local[destination[message]], message, table, undecided, counts)
            removed = use > USEFUL
            if use > SILENT:
                for a in range(use + 1, use + 1 + answers[use]):
                    answer = answers[a]
                    further = _usefulness(local[destination[answer]], answer, table, undecided, counts)
                    incomplete |= further == UNKNOWN
                    removed &= further == SILENT
                    if kind == ORDERED:
                        for j in range(count):
                            removed &= link[flight[j]] != link[answer]
                        for j in range(k, size):
                            removed &= link[flight[j]] != link[answer]
            incomplete |= use == UNKNOWN
            if removed:
                more = kind == ORDERED
            else:
                flight[count] = message
                count += 1
        size = count
    return UNKNOWN if incomplete else size


class Fields(NamedTuple):
    """Where each field of a packed state lies, as in `layout.Layout`."""

    word: Any
    shift: Any
    mask: Any
    budgets_only: Any


class StepTable(NamedTuple):
    """What nodes do.

    `pairs` finds, by local id << 32 | message id, and `spontaneous[local id, event]` gives the place in `program` where
    a step's outcomes stand: how many there are, then for each the new local id, the number of messages, and these.
    `done` and `quiet` say of each local state whether a node that is in it is done, and whether it is QUIET.
    """

    pairs: Any
    program: Any
    spontaneous: Any
    event_budget: Any
    budget_limit: Any
    beyond: Any
    done: Any
    quiet: Any


class Messages(NamedTuple):
    """What is known of each message: to which node and on which link it travels, and whether it ends a round."""

    destination: Any
    link: Any
    is_round_end: Any
    round_ends: Any


class Useless(NamedTuple):
    """What is known of messages at local states.

    `table` finds, by local id << 32 | message id, USEFUL, SILENT, or the place in `answers` where it stands how many
    answers it may have, and these.
    """

    table: Any
    answers: Any


class Renaming(NamedTuple):
    """What nodes, local states and messages are called under each permutation.

    `mates[i, j]` says that nodes i and j are interchangeable; `mate_before[i]` is the last one before i, or -1.
    """

    permutations: Any
    inverse: Any
    permutation_of: Any
    mates: Any
    mate_before: Any
    mate_count: Any
    rename_local: Any
    rename_message: Any
    orbit: Any


class Results(NamedTuple):
    """What an expansion fills: successors by owner, steps that nobody has run, states put back, and counts.

    `undecided` are messages of which it isn't known whether they are useless: rows of local id, message id.
    """

    out: Any
    out_counts: Any
    missing: Any
    retries: Any
    undecided: Any
    counts: Any


@compiled(inline="always", counted=False)
def _expand(todo, states, shard, sizes, fields, table, messages, useless, renaming, results):
    """Write the successors of the states `todo` of one shard, of which `states` are the words, to those that own them.

    A state with an unknown step goes on `retries` and its unknown steps (state, local id, message id or -1 - event) on
    `missing`; nothing else is written for it. An event beyond the last asks whether the local state is QUIET, and the
    local id NOBODY reports a deadlock. With sizes[LABELS] moves that the network has no room for are written, too, as
    CUT. Stops before a state that needs more room than is left;
    counts[CONSUMED] says how many states were dealt with.
    """
    word, shift, mask, budgets_only = fields
    pairs, program, spontaneous, event_budget, budget_limit, beyond, done, quiet = table
    destination, link, is_round_end, round_ends = messages
    permutations, rename_local = renaming.permutations, renaming.rename_local
    useless_table, answers = useless
    out, out_counts, missing, retries, undecided, counts = results
    words, nodes, capacity, kind = sizes[WORDS], sizes[NODES], sizes[CAPACITY], sizes[KIND]
    events, shards = sizes[EVENTS], sizes[SHARDS]
    first_message = nodes + 1
    first_budget = first_message + capacity
    drops, duplicates = sizes[DROPS], sizes[DUPLICATES]
    all_may_drop, all_may_stay = budget_limit[drops] == UNLIMITED, budget_limit[duplicates] == UNLIMITED
    local = _scratch(nodes)
    after = _scratch(nodes)
    used = _scratch(sizes[BUDGETS])
    room = capacity + nodes + 1
    flight, sent = _scratch(room), _scratch(room)
    base = _scratch(words)
    packed = _scratch(words)
    ignored = _scratch(words)
    for w in range(words):
        ignored[w] = budgets_only[w] if sizes[REMOVES] != 0 else 0
    of, spare_local, best_local = _scratch(nodes), _scratch(nodes), _scratch(nodes)
    spare_flight, best_flight, renamed = _scratch(room), _scratch(room), _scratch(room)
    rollback = _scratch(shards)
    # The moves of one state: acting node, slot of the message that is taken (-1: none), place in `program`, budget
    # that is used (-1: none), label.
    most_moves = 3 * capacity + nodes * events + 1
    move_node, move_slot = _scratch(most_moves), _scratch(most_moves)
    move_steps, move_budget, move_label = _scratch(most_moves), _scratch(most_moves), _scratch(most_moves)

    for index in range(todo.shape[0]):
        state = todo[index]
        counts[CONSUMED] = index
        outside = False
        for i in range(nodes):
            local[i] = (states[index, word[i]] >> shift[i]) & mask[i]
            outside |= beyond[local[i]] != 0
        if outside:
            counts[BEYOND] += 1
            continue
        current = (states[index, word[nodes]] >> shift[nodes]) & mask[nodes]
        size = 0
        while size < capacity:
            f = first_message + size
            message = (states[index, word[f]] >> shift[f]) & mask[f]
            if message == 0:
                break
            flight[size] = message
            size += 1
        for k in range(size, capacity + 1):
            flight[k] = 0
        for b in range(sizes[BUDGETS]):
            f = first_budget + b
            used[b] = (states[index, word[f]] >> shift[f]) & mask[f]

        # Which moves are enabled?
        n_moves = 0
        missing_before = counts[MISSING]
        full = False
        alive = sizes[ENDS] == 0 or (kind == LOCKSTEP and current == 0 and size + round_ends.shape[0] > 0)
        for k in range(size):
            if kind != UNORDERED and k > 0 and (kind == LOCKSTEP or link[flight[k]] == link[flight[k - 1]]):
                continue
            if kind == LOCKSTEP and current == 0:
                break
            message = flight[k]
            node = destination[message]
            steps = find(pairs, local[node] << 32 | message)
            if steps == UNKNOWN:
                if counts[MISSING] == missing.shape[0]:
                    full = True
                    break
                missing[counts[MISSING], 0] = state
                missing[counts[MISSING], 1] = local[node]
                missing[counts[MISSING], 2] = message
                counts[MISSING] += 1
                continue
            if steps > 0:
                move_node[n_moves], move_slot[n_moves], move_steps[n_moves] = node, k, steps
                move_budget[n_moves], move_label[n_moves] = -1, message << 2 | ARRIVES
                n_moves += 1
                alive = True
            if is_round_end[message]:
                continue
            if steps > 0 and (all_may_stay or used[duplicates] < budget_limit[duplicates]):
                move_node[n_moves], move_slot[n_moves], move_steps[n_moves] = node, -1, steps
                move_budget[n_moves] = -1 if all_may_stay else duplicates
                move_label[n_moves] = message << 2 | STAYS
                n_moves += 1
            if all_may_drop or used[drops] < budget_limit[drops]:
                move_node[n_moves], move_slot[n_moves], move_steps[n_moves] = -1, k, MESSAGE_LOST
                move_budget[n_moves] = -1 if all_may_drop else drops
                move_label[n_moves] = message << 2 | IS_LOST
                n_moves += 1
        if current == 0:
            waits = sizes[AT_ONCE] != 0 and size > 0
            for i in range(0 if waits else nodes):
                for event in range(events):
                    steps = spontaneous[local[i], event]
                    if steps == 0:
                        continue
                    budget = event_budget[event]
                    if budget >= 0 and used[budget] >= budget_limit[budget]:
                        continue
                    if steps == UNKNOWN:
                        if counts[MISSING] == missing.shape[0]:
                            full = True
                            break
                        missing[counts[MISSING], 0] = state
                        missing[counts[MISSING], 1] = local[i]
                        missing[counts[MISSING], 2] = -1 - event
                        counts[MISSING] += 1
                        continue
                    move_node[n_moves], move_slot[n_moves], move_steps[n_moves] = i, -1, steps
                    move_budget[n_moves], move_label[n_moves] = budget, (event * nodes + i + 1) << 2 | HAPPENS
                    n_moves += 1
            if kind == LOCKSTEP and size + round_ends.shape[0] > 0:
                move_node[n_moves], move_slot[n_moves], move_steps[n_moves] = -1, -1, NEXT_ROUND
                move_budget[n_moves], move_label[n_moves] = -1, HAPPENS
                n_moves += 1
        if not alive and not full and counts[MISSING] == missing_before:
            # No message arrives. Is anybody not done, and does anything happen by itself?
            waits = sizes[AT_ONCE] != 0 and size > 0
            all_done = True
            for i in range(nodes):
                all_done &= done[local[i]] != 0
            for i in range(0 if waits or all_done or current > 0 else nodes):
                alive |= quiet[local[i]] == BUSY
            for i in range(0 if alive or waits or all_done or current > 0 else nodes):
                if quiet[local[i]] == UNKNOWN:
                    if counts[MISSING] == missing.shape[0]:
                        full = True
                        break
                    missing[counts[MISSING], 0] = state
                    missing[counts[MISSING], 1] = local[i]
                    missing[counts[MISSING], 2] = -1 - events
                    counts[MISSING] += 1
            if not alive and not all_done and not full and counts[MISSING] == missing_before:
                if counts[MISSING] == missing.shape[0]:
                    full = True
                else:
                    missing[counts[MISSING], 0] = state
                    missing[counts[MISSING], 1] = NOBODY
                    missing[counts[MISSING], 2] = 0
                    counts[MISSING] += 1
                    missing_before = counts[MISSING]  # nothing has to be run for it
        if full:
            counts[MISSING] = missing_before
            return
        if counts[MISSING] > missing_before:
            retries[counts[RETRIES]] = state
            counts[RETRIES] += 1
            continue

        # Where do they lead?
        for t in range(shards):
            rollback[t] = out_counts[t]
        transitions, over_capacity = 0, 0
        undecided_before, incomplete = counts[UNDECIDED], False
        for move in range(n_moves):
            for w in range(words):
                base[w] = states[index, w] & budgets_only[w]
            if move_budget[move] >= 0:
                f = first_budget + move_budget[move]
                base[word[f]] += 1 << shift[f]
            node, slot, steps = move_node[move], move_slot[move], move_steps[move]
            outcomes, place = 1, 0
            if steps >= 0:
                outcomes, place = program[steps], steps + 1
            for _ in range(outcomes):
                for i in range(nodes):
                    after[i] = local[i]
                count, now = size - (slot >= 0), current
                for k in range(capacity if kind == UNORDERED else count):
                    sent[k] = flight[k + ((k >= slot) & (slot >= 0))]
                if slot >= 0 and now > 0:
                    now -= 1
                if steps >= 0:
                    after[node] = program[place]
                    for k in range(program[place + 1]):
                        if kind == UNORDERED:
                            count = _include(sent, count, program[place + 2 + k], capacity)
                        else:
                            count = _enqueue(sent, count, now, program[place + 2 + k], link)
                        if count > capacity:
                            break
                    place += 2 + program[place + 1]
                elif steps == NEXT_ROUND:
                    for k in range(round_ends.shape[0]):
                        sent[count] = round_ends[k]
                        count += 1
                    now = count
                if count > capacity:
                    over_capacity += 1
                    if sizes[LABELS] == 0:
                        continue
                    if out_counts[0] == out.shape[1]:
                        out_counts[0] = rollback[0]
                        return
                    out[0, out_counts[0], words] = state
                    out[0, out_counts[0], words + 1] = (CUT | move_label[move]) << 32
                    out_counts[0] += 1
                    continue
                transitions += 1
                if sizes[REMOVES] != 0:
                    count = _without_useless(
                        after, sent, count, kind, destination, link, useless_table, answers, undecided, counts
                    )
                    if count == UNKNOWN:
                        incomplete = True
                        continue
                    for k in range(count, capacity):
                        sent[k] = 0
                acting, old, stabilizer = node, 0, 1
                if node >= 0:
                    old = local[node]
                if sizes[PERMUTATIONS] > 0:
                    p, stabilizer = _canonize(
                        after, sent, count, sizes, renaming, link, of, renamed, spare_local, spare_flight, best_local,
                        best_flight,
                    )  # fmt: skip
                    if node >= 0:
                        acting, old = permutations[p, node], rename_local[p, old]
                _pack(packed, base, after, sent, count, now, sizes, word, shift)
                h = _hash_of_state(packed, 0, words, ignored)
                t = owner(packed, sizes, word, shift, mask)
                row = out_counts[t]
                if row == out.shape[1]:
                    for u in range(shards):
                        out_counts[u] = rollback[u]
                    return
                for w in range(words):
                    out[t, row, w] = packed[w]
                out[t, row, words] = (state * shards + shard) | (acting + 1) << 32
                out[t, row, words + 1] = old | (stabilizer if sizes[LABELS] == 0 else move_label[move]) << 32
                out[t, row, words + 2] = h
                out_counts[t] = row + 1
        if incomplete:
            for u in range(shards):
                out_counts[u] = rollback[u]
            if counts[UNDECIDED] == undecided_before:  # there was no room to ask
                return
            retries[counts[RETRIES]] = state
            counts[RETRIES] += 1
            continue
        counts[TRANSITIONS] += transitions
        counts[OVER_CAPACITY] += over_capacity
    counts[CONSUMED] = todo.shape[0]


@compiled(counted=False)
def expand(todo, states, shard, sizes, fields, table, messages, useless, renaming, results):
    """Expand as `_expand` does, for systems of any shape."""
    _expand(todo, states, shard, sizes, fields, table, messages, useless, renaming, results)


def expand_of(shape):
    """Return `expand` for systems whose `sizes` are the numbers in `shape`.

    They are literals to the compiler, which unrolls the loops over nodes and messages and leaves out what a kind of
    network doesn't need. It takes seconds, so it is for long searches; Numba keeps what it compiled for each shape.
    """

    @compiled(counted=False)
    def expand(todo, states, shard, _, fields, table, messages, useless, renaming, results):
        _expand(todo, states, shard, shape, fields, table, messages, useless, renaming, results)

    return expand


class Views(NamedTuple):
    """What a worker knows of views, and what it has seen.

    `of[group, local id]` is a view's id, `over` says of how many nodes a group's tuples are; `keys` is a set of keys
    for each group, and `counts` how many it has. `recent` holds tuples of local states whose views were all seen, one
    in a slot: two ids to a word, counted from 1.
    """

    of: Any
    over: Any
    keys: Any
    counts: Any
    recent: Any


@compiled(inline="always")
def _pair(first, second):
    """Return a word with two ids, counted from 1."""
    return (first + 1) | (second + 1) << 31


@compiled(inline="always")
def _is_recent(local, nodes, recent):
    """Whether a tuple of local states is in its slot; it is from now on."""
    h = 0
    for i in range(nodes):
        h = _mix(h, local[i])
    slot, same = _mix(h, 0) & (recent.shape[0] - 1), True
    for w in range(recent.shape[1]):
        word = _pair(local[2 * w], local[2 * w + 1] if 2 * w + 1 < nodes else -1)
        same &= recent[slot, w] == word
        recent[slot, w] = word
    return same


@compiled(inline="always")
def _note(keys, group, key, key_words):
    """Add a key to a set of keys; return whether it is new."""
    mask = keys.shape[1] - 1
    slot = _hash(key, 0, key_words) & mask
    while True:
        if keys[group, slot, 0] == 0:
            for w in range(key_words):
                keys[group, slot, w] = key[w]
            return True
        same = True
        for w in range(key_words):
            same &= keys[group, slot, w] == key[w]
        if same:
            return False
        slot = (slot + 1) & mask


@compiled()
def note_views(state, local, node, old, sizes, views, fresh, n_fresh, key):
    """Write the tuples of views that `state` is the first to show to `fresh`; return how many rows it then has.

    `node` is who acted and `old` its local id before: a group whose view of it didn't change shows nothing new. A row
    is group, state, and the tuple's key: view ids counted from 1, two to a word; a pair has the lesser first.
    """
    nodes, key_words = sizes[NODES], sizes[KEY_WORDS]
    view_of, group_over = views.of, views.over
    for group in range(group_over.shape[0]):
        view = view_of[group, local[node]]
        if view == view_of[group, old]:
            continue
        others = nodes if group_over[group] == PAIRS else 1
        for j in range(others):
            for w in range(key_words):
                key[w] = 0
            if group_over[group] == EACH:
                key[0] = view + 1
            elif group_over[group] == PAIRS:
                if j == node:
                    continue
                other = view_of[group, local[j]]
                key[0] = _pair(min(view, other), max(view, other))
            else:
                for i in range(nodes):
                    key[i >> 1] |= (view_of[group, local[i]] + 1) << (31 * (i & 1))
            if _note(views.keys, group, key, key_words):
                views.counts[group] += 1
                fresh[n_fresh, 0] = group
                fresh[n_fresh, 1] = state
                for w in range(key_words):
                    fresh[n_fresh, 2 + w] = key[w]
                n_fresh += 1
    return n_fresh


@compiled(inline="always")
def _put_state(arena, at, rows, row, words, byte, word_mask):
    """Write the words of a row to the arena, and nothing to the bytes behind them."""
    for w in range(words):
        behind = _load(arena, at + byte[w]) & ~word_mask[w]
        _store(arena, at + byte[w], behind | rows[row, w])


@compiled()
def insert(
    records, first, last, arena, parents, table, state_limit, sizes, word, shift, mask, byte, word_mask, ignored,
    earlier, views, seen_limit, fresh, fresh_limit, counts,
):  # fmt: skip
    """Insert records[first:last] into a shard; return how far it came before an array might have been full.

    `table` holds, by hash, tag << bits | number + 1 of each state in 32 bits; the state itself is compared word by word
    in the arena, so no two states are ever taken for one. New states are appended to the arena.
    Where budgets are `ignored` by hashes, a state is left out, too, if one of the first `earlier` differs by budgets
    only, and has used no more of any. Those are all states of earlier levels, so it doesn't matter who came first.
    """
    words, nodes, size = sizes[WORDS], sizes[NODES], byte[sizes[WORDS]]
    slots = table.shape[0]
    bits = _index_bits(slots)
    low, most = (1 << bits) - 1, (1 << max(0, ENTRY_BITS - bits)) - 1
    local = np.empty(nodes, np.int64)
    key = np.empty(sizes[KEY_WORDS], np.int64)
    begins = np.empty(AHEAD, np.int64)  # where the states after this one are to be looked for
    # A state is first looked for in the table, and then compared in the arena: two waits for memory.
    for r in range(first, min(first + 2 * AHEAD, last)):
        prefetch(table, _slot(records[r, words + 2], slots))
    for r in range(first, min(first + AHEAD, last)):
        begins[r % AHEAD] = _slot(records[r, words + 2], slots)
    for start in range(first, last, BLOCK):
        end = min(start + BLOCK, last)
        if (
            counts[STATES] + BLOCK > state_limit
            or counts[FRESH] > fresh_limit
            or (views.counts.shape[0] > 0 and views.counts.max() > seen_limit)
        ):
            return start
        for r in range(start, end):
            slot = begins[r % AHEAD]
            if r + 2 * AHEAD < last:
                prefetch(table, _slot(records[r + 2 * AHEAD, words + 2], slots))
            if r + AHEAD < last:
                h = records[r + AHEAD, words + 2]
                begin = _candidate(table, _slot(h, slots), bits, (h >> 32) & most)
                prefetch(arena, max(0, (np.int64(table[begin]) & low) - 1) * size)
                begins[r % AHEAD] = begin
            state = counts[STATES]
            tag = (records[r, words + 2] >> 32) & most
            present = False
            slot = _candidate(table, slot, bits, tag)
            while table[slot] != 0:
                number = (np.int64(table[slot]) & low) - 1
                at = number * size
                present, alike = True, True
                for w in range(words):
                    difference = (_load(arena, at + byte[w]) & word_mask[w]) ^ records[r, w]
                    present &= difference == 0
                    alike &= difference & ~ignored[w] == 0
                if alike and not present and number < earlier:
                    present = True
                    for f in range(nodes + 1 + sizes[CAPACITY], nodes + 1 + sizes[CAPACITY] + sizes[BUDGETS]):
                        used = ((_load(arena, at + byte[word[f]]) & word_mask[word[f]]) >> shift[f]) & mask[f]
                        present &= used <= (records[r, word[f]] >> shift[f]) & mask[f]
                if present:
                    break
                slot = _candidate(table, slot + 1 if slot + 1 < slots else 0, bits, tag)
            if present:
                continue
            table[slot] = tag << bits | (state + 1)
            _put_state(arena, state * size, records, r, words, byte, word_mask)
            parents[state] = records[r, words] & _LOW
            counts[STATES] = state + 1
            counts[ORBITS] += max(1, sizes[PERMUTATIONS]) // (records[r, words + 1] >> 32)
            node, old = (records[r, words] >> 32) - 1, records[r, words + 1] & _LOW
            if node >= 0 and (records[r, word[node]] >> shift[node]) & mask[node] != old:
                for i in range(nodes):
                    local[i] = (records[r, word[i]] >> shift[i]) & mask[i]
                if not _is_recent(local, nodes, views.recent):
                    counts[FRESH] = note_views(state, local, node, old, sizes, views, fresh, counts[FRESH], key)
    return last


@compiled()
def locate(records, count, arena, table, byte, word_mask, numbers):
    """Write the numbers of the states in records[:count], all of which are stored, to `numbers`."""
    words, slots = word_mask.shape[0], table.shape[0]
    bits = _index_bits(slots)
    low, most = (1 << bits) - 1, (1 << max(0, ENTRY_BITS - bits)) - 1
    for r in range(count):
        if r + AHEAD < count:
            prefetch(table, _slot(records[r + AHEAD, words + 2], slots))
        h = records[r, words + 2]
        slot, present = _candidate(table, _slot(h, slots), bits, (h >> 32) & most), False
        while not present:
            number, present = (np.int64(table[slot]) & low) - 1, True
            for w in range(words):
                present &= _load(arena, number * byte[words] + byte[w]) & word_mask[w] == records[r, w]
            if not present:
                slot = _candidate(table, slot + 1 if slot + 1 < slots else 0, bits, (h >> 32) & most)
        numbers[r] = number


@compiled()
def review(
    states, done, first, sizes, word, shift, mask, views, seen_limit, fresh, fresh_limit, counts,
):  # fmt: skip
    """Note the views of the states after the first `done`; return how far it came before an array might have been full.

    `first` is the number of the first of them. The last column of `views.of` stands for a local state that shows what
    no other does, so that every view is new.
    """
    nodes = sizes[NODES]
    local = np.empty(nodes, np.int64)
    key = np.empty(sizes[KEY_WORDS], np.int64)
    for index in range(done, states.shape[0]):
        if (index - done) % BLOCK == 0 and (
            counts[FRESH] > fresh_limit or (views.counts.shape[0] > 0 and views.counts.max() > seen_limit)
        ):
            return index
        for i in range(nodes):
            local[i] = (states[index, word[i]] >> shift[i]) & mask[i]
        for node in range(nodes):
            new_view = views.of.shape[1] - 1
            counts[FRESH] = note_views(first + index, local, node, new_view, sizes, views, fresh, counts[FRESH], key)
    return states.shape[0]


@compiled()
def reindex(table, arena, states, byte, word_mask, ignored):
    """Enter every state of the arena into an empty table, by its hash without the bits in `ignored`."""
    slots, words = table.shape[0], word_mask.shape[0]
    bits = _index_bits(slots)
    most = (1 << max(0, ENTRY_BITS - bits)) - 1
    hashes = np.empty(AHEAD, np.int64)  # of the states whose slots were asked for
    for state in range(states + AHEAD):
        if state >= AHEAD:
            h = hashes[state % AHEAD]
            slot = _slot(h, slots)
            while table[slot] != 0:
                slot = slot + 1 if slot + 1 < slots else 0
            table[slot] = ((h >> 32) & most) << bits | (state - AHEAD + 1)
        if state < states:
            h = 0
            for w in range(words):
                h = _mix(h, _load(arena, state * byte[words] + byte[w]) & word_mask[w] & ~ignored[w])
            h = _mix(h, 0)
            hashes[state % AHEAD] = h
            prefetch(table, _slot(h, slots))


@compiled()
def take_out(arena, numbers, byte, word_mask, states):
    """Write the words of the states with these numbers to the rows of `states`."""
    words = word_mask.shape[0]
    for index in range(numbers.shape[0]):
        for w in range(words):
            states[index, w] = _load(arena, numbers[index] * byte[words] + byte[w]) & word_mask[w]


@compiled()
def take_tuples(arena, first, last, byte, word_mask, word, shift, mask, recent, tuples):
    """Write the local ids of the states from `first` to before `last` to rows of `tuples`; return how many rows.

    A tuple may come twice, but seldom: not where it is in its slot of `recent`.
    """
    nodes, size, count = tuples.shape[1], byte[word_mask.shape[0]], 0
    local = np.empty(nodes, np.int64)
    for state in range(first, last):
        for i in range(nodes):
            local[i] = ((_load(arena, state * size + byte[word[i]]) & word_mask[word[i]]) >> shift[i]) & mask[i]
        if not _is_recent(local, nodes, recent):
            _copy(local, tuples[count], nodes)
            count += 1
    return count


@compiled()
def put_in(arena, first, byte, word_mask, states):
    """Write `states`, rows of words, to the arena as the states with numbers from `first` on."""
    words = word_mask.shape[0]
    for index in range(states.shape[0]):
        _put_state(arena, (first + index) * byte[words], states, index, words, byte, word_mask)


@compiled()
def copy_keys(old, new, groups, key_words):
    """Enter every key of the sets `old` into the empty, larger sets `new`."""
    key = np.empty(key_words, np.int64)
    for group in range(groups):
        for slot in range(old.shape[1]):
            if old[group, slot, 0] != 0:
                for w in range(key_words):
                    key[w] = old[group, slot, w]
                _note(new, group, key, key_words)


@compiled()
def repack(states, word, shift, mask, to_word, to_shift, packed):
    """Write `states`, rows of words of one layout, to the empty rows `packed` as another, whose fields are as wide."""
    for index in range(states.shape[0]):
        for f in range(word.shape[0]):
            value = (states[index, word[f]] >> shift[f]) & mask[f]
            packed[index, to_word[f]] |= value << to_shift[f]


@compiled()
def choose(
    records, count, seed, first_walk, walks, depth, arena, alive, sizes, word, shift, mask, views, fresh,
):  # fmt: skip
    """Take one successor at random for each walk that has any among records[:count]; return the rows of `fresh`.

    Walk w's state after d moves is number d * walks + w of the arena. Which successor it takes is drawn from the seed,
    the depth and the walk's number in the whole run, first_walk + w.
    """
    words, nodes = sizes[WORDS], sizes[NODES]
    local = np.empty(nodes, np.int64)
    key = np.empty(sizes[KEY_WORDS], np.int64)
    n_fresh, first = 0, 0
    while first < count:
        parent = records[first, words] & _LOW
        last = first
        while last < count and records[last, words] & _LOW == parent:
            last += 1
        walk = parent % walks
        r = first + (_mix(_mix(_mix(seed, first_walk + walk), depth), 0) & _TAG) % (last - first)
        state = (depth + 1) * walks + walk
        for w in range(words):
            arena[state * words + w] = records[r, w]
        alive[walk] = 1
        node = (records[r, words] >> 32) - 1
        if node >= 0:
            for i in range(nodes):
                local[i] = (records[r, word[i]] >> shift[i]) & mask[i]
            n_fresh = note_views(state, local, node, records[r, words + 1] & _LOW, sizes, views, fresh, n_fresh, key)
        first = last
    return n_fresh
