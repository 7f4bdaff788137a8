"""The log as an immutable value: appending makes a new log, which shares all blocks but the last with the old one.

Entries are cut into blocks at absolute multiples of BLOCK; the entries after the last multiple are the tail. So logs
with equal entries have equal blocks, and the generated `==` and `hash` are right. Appending copies the tail (less than
BLOCK pointers) and, once per BLOCK entries, the list of blocks.

The snapshot before the first entry is kept only here, so no second offset can contradict it. The configuration of the
cluster is the last one in the log, or else that of the snapshot; so what shortens a log restores the one before.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from quorate.raft.configuration import Configuration
from quorate.raft.messages import Entry, Snapshot

BLOCK: Final = 256


@dataclass(frozen=True, slots=True)
class Log:
    """Entries `first_index` to `last_index`, after `snapshot`; indices are 1-based and survive compaction.

    `configurations` is an index of the entries that have one, in order.
    """

    snapshot: Snapshot | None = None
    blocks: tuple[tuple[Entry, ...], ...] = ()
    tail: tuple[Entry, ...] = ()
    configurations: tuple[tuple[int, Configuration], ...] = ()

    @property
    def snapshot_index(self) -> int:
        """The index of the last compacted entry, 0 if there is none."""
        return 0 if self.snapshot is None else self.snapshot.last_included_index

    @property
    def snapshot_term(self) -> int:
        """The term of the last compacted entry, 0 if there is none."""
        return 0 if self.snapshot is None else self.snapshot.last_included_term

    @property
    def first_index(self) -> int:
        """The index of the first entry after the snapshot, even if there is none yet."""
        return self.snapshot_index + 1

    @property
    def last_index(self) -> int:
        """The index of the last entry, which may be compacted; 0 if there was never one."""
        return self._tail_start + len(self.tail)

    @property
    def last_term(self) -> int:
        """The term of the entry at `last_index`, 0 if there was never one."""
        return self._term(self.last_index)

    @property
    def configuration(self) -> Configuration | None:
        """The latest configuration in the log, committed or not (§6); None if it has none."""
        if self.configurations:
            return self.configurations[-1][1]
        return None if self.snapshot is None else self.snapshot.configuration

    @property
    def configuration_index(self) -> int:
        """The index of the entry with the latest configuration; `snapshot_index` if it isn't in an entry."""
        return self.configurations[-1][0] if self.configurations else self.snapshot_index

    def configuration_at(self, index: int) -> Configuration | None:
        """The latest configuration up to `index`, which isn't before `snapshot_index`."""
        count = bisect_right(self.configurations, index, key=_index_of)
        return Log(self.snapshot, configurations=self.configurations[:count]).configuration

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All entries after the snapshot; takes time in proportion to their number."""
        return self.slice(self.first_index, self.last_index)

    def term_at(self, index: int) -> int | None:
        """The term of the entry at `index`, None if it is compacted or doesn't exist yet.

        The term of the snapshot's last entry is known. Only index 0, before all entries, has term 0.
        """
        return self._term(index) if self.snapshot_index <= index <= self.last_index else None

    def slice(self, first: int, last: int) -> tuple[Entry, ...]:
        """The entries from `first` to `last`, both included; empty if `last < first`."""
        assert first > self.snapshot_index, "the log was asked for an entry that it has compacted"
        assert last <= self.last_index, "the log was asked for an entry that it doesn't have"
        if last < first:
            return ()
        if first > self._tail_start:
            return self.tail[first - self._tail_start - 1 : last - self._tail_start]
        numbers = range((first - 1) // BLOCK, (last - 1) // BLOCK + 1)
        joined = [entry for number in numbers for entry in self._block(number)]
        before = first - 1 - max(self.snapshot_index, numbers[0] * BLOCK)
        return tuple(joined[before : before + last - first + 1])

    def append(self, entries: tuple[Entry, ...]) -> "Log":
        """This log followed by `entries`; the same object if there are none."""
        if not entries:
            return self
        configurations = self.configurations
        for index, entry in enumerate(entries, self.last_index + 1):
            if entry.configuration is not None:
                configurations = (*configurations, (index, entry.configuration))
        start, rest = self._tail_start, self.tail + entries
        end = start + len(rest)
        boundaries = range((start // BLOCK + 1) * BLOCK, end + 1, BLOCK)
        if not boundaries:
            return Log(self.snapshot, self.blocks, rest, configurations)
        cuts = [0, *(boundary - start for boundary in boundaries)]
        full = tuple(rest[low:high] for low, high in pairwise(cuts))
        return Log(self.snapshot, self.blocks + full, rest[cuts[-1] :], configurations)

    def truncate_from(self, index: int) -> "Log":
        """This log without the entries from `index` on; the same object if there are none."""
        if index > self.last_index:
            return self
        last = index - 1
        assert last >= self.snapshot_index, "a snapshot cannot be truncated"
        whole = last // BLOCK - self.snapshot_index // BLOCK
        first_of_tail = max(self.snapshot_index, last // BLOCK * BLOCK) + 1
        configurations = tuple(each for each in self.configurations if _index_of(each) < index)
        return Log(self.snapshot, self.blocks[:whole], self.slice(first_of_tail, last), configurations)

    def compact(self, snapshot: Snapshot) -> "Log":
        """The log after `snapshot`: the entries that follow it if this log has its last entry, otherwise none (§7)."""
        index = snapshot.last_included_index
        assert index >= self.snapshot_index, "a snapshot cannot be replaced by an older one"
        if self.term_at(index) != snapshot.last_included_term:
            return Log(snapshot)
        later_configurations = tuple(each for each in self.configurations if _index_of(each) > index)
        if index >= self._tail_start:
            return Log(snapshot, (), self.tail[index - self._tail_start :], later_configurations)
        number = index // BLOCK
        kept = self._block(number)[index - (number + 1) * BLOCK :]
        later = self.blocks[number + 1 - self.snapshot_index // BLOCK :]
        return Log(snapshot, (kept, *later), self.tail, later_configurations)

    def first_index_of(self, term: int) -> int:
        """The index of the first entry of `term` or later; one past the last if there is none."""
        return bisect_left(range(self.last_index + 1), term, lo=self.first_index, key=self._term)

    def last_index_of(self, term: int) -> int | None:
        """The last index known to have exactly `term`, or None."""
        index = bisect_right(range(self.last_index + 1), term, lo=self.snapshot_index, key=self._term) - 1
        return index if self.term_at(index) == term else None

    def first_difference(self, other: "Log") -> int:
        """The first index after both snapshots at which the logs differ, or one past the end of the shorter log.

        Log Matching (§5.3) makes this a binary search: logs that agree on a term agree on everything before it.
        """
        start = max(self.snapshot_index, other.snapshot_index)
        end = min(self.last_index, other.last_index)
        if end <= start or self.term_at(end) == other.term_at(end):
            return max(start, end) + 1
        return bisect_left(
            range(end + 1), x=True, lo=start + 1, key=lambda index: self.term_at(index) != other.term_at(index)
        )

    @property
    def _tail_start(self) -> int:
        """The index before the tail's first entry."""
        if self.snapshot is None:
            return len(self.blocks) * BLOCK
        return max(self.snapshot_index, (self.snapshot_index // BLOCK + len(self.blocks)) * BLOCK)

    def _block(self, number: int) -> tuple[Entry, ...]:
        """Entries `number * BLOCK + 1` to `(number + 1) * BLOCK`, as far as this log has them."""
        position = number - self.snapshot_index // BLOCK
        return self.blocks[position] if position < len(self.blocks) else self.tail

    def _term(self, index: int) -> int:
        """The term of an index from `snapshot_index` to `last_index`."""
        if index > self._tail_start:
            return self.tail[index - self._tail_start - 1].term
        if index == self.snapshot_index:
            return self.snapshot_term
        number = (index - 1) // BLOCK
        # Counted from the end, because compaction may have taken the beginning of the first block.
        return self._block(number)[index - (number + 1) * BLOCK - 1].term


def _index_of(each: tuple[int, Configuration]) -> int:
    return each[0]
