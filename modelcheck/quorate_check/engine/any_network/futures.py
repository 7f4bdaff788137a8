"""The compiled half of `useless.py`: what a delivery does wherever its receiver may get is carried back to where it is.

All masks are by local state, with a bit for each message, as in `kernel.Steps`. Answers are sets of messages, and equal
ones have one number; number 0 is no answer.
"""

from __future__ import annotations

from quorate_check.engine.any_network.kernel import BITS, UNKNOWN, find, lowest, mix
from quorate_check.engine.caching import compiled

ANSWERS, KEYS, REVISIONS = range(3)  # positions in `counts`
NO_ROOM, NEXT_PASS = -1, 2
MASKS = ("wanted", "entered", "decided", "stirs", "loud")


@compiled(counted=False)
def spread(before, after, beyond, useless):
    """Want to know of what local states that follow make of a message, too, unless it stirs where it is."""
    more = True
    while more:
        more = False
        for e in range(before.shape[0]):
            b, a = before[e], after[e]
            if beyond[a]:
                continue
            for w in range(useless.wanted.shape[1]):
                new = useless.wanted[b, w] & ~useless.stirs[b, w] & ~useless.wanted[a, w]
                if new:
                    useless.wanted[a, w] |= new
                    useless.fresh[a] = 1
                    more = True


@compiled(counted=False)
def list_new(useless, message_at, pairs):
    """List as (local, message) what is wanted and hasn't been entered; return how many there are."""
    count = 0
    for local in range(useless.wanted.shape[0]):
        for w in range(useless.wanted.shape[1]):
            new = useless.wanted[local, w] & ~useless.entered[local, w]
            while new:
                if count < pairs.shape[0]:
                    pairs[count, 0] = local
                    pairs[count, 1] = message_at[w * BITS + lowest(new)]
                new &= new - 1
                count += 1
    return count


@compiled(counted=False)
def _number(useless):
    """Return the number of the answers in useless.row, a new one if need be; there has to be room."""
    width, mask = useless.answers.shape[1], useless.numbers.shape[0] - 1
    h = 0
    for w in range(width):
        h = mix(h, useless.row[w])
    slot = mix(h, 0) & mask
    while useless.numbers[slot]:
        number = useless.numbers[slot]
        same = True
        for w in range(width):
            if useless.answers[number, w] != useless.row[w]:
                same = False
                break
        if same:
            return number
        slot = (slot + 1) & mask
    number = useless.counts[ANSWERS]
    useless.counts[ANSWERS] = number + 1
    useless.numbers[slot] = number
    for w in range(width):
        useless.answers[number, w] = useless.row[w]
    _measure(useless, number)
    return number


@compiled(counted=False)
def _measure(useless, number):
    """Note between which words the messages of an answer lie."""
    useless.span[number, 0] = useless.span[number, 1] = 0
    for w in range(useless.answers.shape[1]):
        if useless.answers[number, w]:
            if not useless.span[number, 1]:
                useless.span[number, 0] = w
            useless.span[number, 1] = w + 1


@compiled(counted=False)
def number_again(useless):
    """Enter all answers in `numbers`, which is empty."""
    mask = useless.numbers.shape[0] - 1
    for number in range(1, useless.counts[ANSWERS]):
        h = 0
        for w in range(useless.answers.shape[1]):
            h = mix(h, useless.answers[number, w])
        slot = mix(h, 0) & mask
        while useless.numbers[slot]:
            slot = (slot + 1) & mask
        useless.numbers[slot] = number
        _measure(useless, number)


@compiled(counted=False)
def _set_answer(useless, key, number):
    """Enter which answers a delivery may bring."""
    table = useless.answer_of
    mask = (table.shape[0] >> 1) - 1
    slot = mix(key, 0) & mask
    while table[2 * slot] and table[2 * slot] != key + 1:
        slot = (slot + 1) & mask
    if not table[2 * slot]:
        table[2 * slot] = key + 1
        useless.counts[KEYS] += 1
    table[2 * slot + 1] = number


@compiled(counted=False)
def enter_again(useless, old):
    """Enter the answers of an older table in `answer_of`, which is empty."""
    useless.counts[KEYS] = 0
    for slot in range(old.shape[0] >> 1):
        if old[2 * slot]:
            _set_answer(useless, old[2 * slot] - 1, old[2 * slot + 1])


@compiled(counted=False)
def enter(facts, sent, names, place, rename_local, rename_message, useless):
    """Enter what was tried, under every name; a row of `facts` is local, message, whether it stirs, number sent."""
    for p in range(names):
        at = 0
        for k in range(facts.shape[0]):
            local, message = facts[k, 0], facts[k, 1]
            if p:
                local, message = rename_local[p, local], rename_message[p, message]
            word, bit = place[message] // BITS, 1 << (place[message] % BITS)
            first, at = at, at + facts[k, 3]
            if useless.entered[local, word] & bit:
                continue
            useless.entered[local, word] |= bit
            useless.dirty[local] = 1
            if facts[k, 2]:
                useless.stirs[local, word] |= bit
                useless.loud[local, word] |= bit
            elif facts[k, 3]:
                useless.loud[local, word] |= bit
                number = find(useless.answer_of, local << 32 | message)
                for w in range(useless.row.shape[0]):
                    useless.row[w] = useless.answers[max(0, number), w]
                for s in range(first, at):
                    there = place[rename_message[p, sent[s]] if p else sent[s]]
                    useless.row[there // BITS] |= 1 << (there % BITS)
                _set_answer(useless, local << 32 | message, _number(useless))


@compiled(counted=False)
def settle(before, after, message_at, useless):
    """Carry back, from each local state to those that it follows, what a delivery may bring; return whether all was.

    It isn't if there is no more room for answers. What was decided and is something else now is counted as revised.
    """
    more = True
    while more:
        more = False
        for e in range(before.shape[0]):
            b, a = before[e], after[e]
            if not useless.dirty[a] and not useless.fresh[b]:
                continue
            change = _carry_back(useless, message_at, b, a)
            if change == NO_ROOM:
                return False
            if change:
                useless.dirty[b] = NEXT_PASS
                more = True
        for local in range(useless.dirty.shape[0]):
            useless.dirty[local] = 1 if more and useless.dirty[local] == NEXT_PASS else 0
            useless.fresh[local] = 0
    return True


@compiled(counted=False)
def _carry_back(useless, message_at, b, a):
    """Add to what is known at local state b what is known at a, which follows it; return whether that was news."""
    change = 0
    for w in range(useless.wanted.shape[1]):
        stirring = useless.stirs[a, w] & ~useless.stirs[b, w]
        loud = useless.loud[a, w] & ~useless.loud[b, w]
        if stirring | loud:
            useless.stirs[b, w] |= stirring
            useless.loud[b, w] |= loud
            change = 1
            if (stirring | loud) & useless.decided[b, w]:
                useless.counts[REVISIONS] += 1
        replies = useless.loud[a, w] & ~useless.stirs[b, w] & useless.wanted[b, w]
        while replies:
            bit = replies & -replies
            message = message_at[w * BITS + lowest(replies)]
            replies ^= bit
            there = find(useless.answer_of, a << 32 | message)
            here = find(useless.answer_of, b << 32 | message)
            if there == UNKNOWN or there == here:
                continue
            if useless.counts[ANSWERS] + 1 >= useless.answers.shape[0]:
                return NO_ROOM
            if 4 * (useless.counts[KEYS] + 1) >= useless.answer_of.shape[0]:
                return NO_ROOM
            for v in range(useless.row.shape[0]):
                useless.row[v] = useless.answers[there, v] | useless.answers[max(0, here), v]
            number = _number(useless)
            if number != here:
                _set_answer(useless, b << 32 | message, number)
                change = 1
                if bit & useless.decided[b, w]:
                    useless.counts[REVISIONS] += 1
    return change
