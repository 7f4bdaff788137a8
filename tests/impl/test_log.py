"""The log against the plainest model there is: a list of entries, and how many of them are compacted."""

from dataclasses import dataclass, field
from itertools import combinations_with_replacement, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impl_cluster import entries_of, log_of
from quorate.raft import Entry, Log, Snapshot
from quorate.raft.log import BLOCK

AROUND_A_BLOCK = st.one_of(
    st.integers(0, 4), st.integers(BLOCK - 2, BLOCK + 2), st.integers(2 * BLOCK - 2, 2 * BLOCK + 2)
)


@dataclass
class Model:
    """All entries ever, and the snapshot that hides the first of them."""

    entries: list[Entry] = field(default_factory=list)
    snapshot: Snapshot | None = None

    @property
    def start(self) -> int:
        """How many entries are compacted."""
        return 0 if self.snapshot is None else self.snapshot.last_included_index

    def log(self) -> Log:
        """The same log, built in one go."""
        return Log(self.snapshot).append(tuple(self.entries[self.start :]))


def check_equal(log: Log, model: Model) -> None:
    """Everything that can be asked of the log agrees with the model."""
    last = len(model.entries)
    assert (log.first_index, log.last_index) == (model.start + 1, last)
    assert log.last_term == (model.entries[-1].term if model.entries else 0)
    assert log.entries == tuple(model.entries[model.start :])
    for index in range(-1, last + 2):
        expected = model.entries[index - 1].term if max(1, model.start) <= index <= last else None
        assert log.term_at(index) == (0 if index == 0 == model.start else expected)
    assert log == model.log()
    assert hash(log) == hash(model.log())


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, int]]:
    """Some appends, truncations, and compactions, most of them near the edge of a block."""
    kinds = st.sampled_from(["append", "append", "truncate", "compact", "install"])
    return draw(st.lists(st.tuples(kinds, AROUND_A_BLOCK), max_size=8))


@settings(max_examples=60, deadline=None)
@given(histories())
def test_a_log_is_a_list_however_it_came_about(history: list[tuple[str, int]]) -> None:
    """Equal logs are equal values with equal hashes, whatever was appended, truncated or compacted on the way."""
    log, model = Log(), Model()
    for term, (kind, amount) in enumerate(history, start=1):
        before, frozen = log, hash(log)
        if kind == "append":
            new = tuple(Entry(term, b"%d" % position) for position in range(amount))
            log = log.append(new)
            model.entries += new
        elif kind == "truncate":
            keep = max(model.start, len(model.entries) - amount)
            log = log.truncate_from(keep + 1)
            del model.entries[keep:]
        elif kind == "compact" and len(model.entries) > model.start:
            index = min(len(model.entries), model.start + 1 + amount)
            model.snapshot = Snapshot(index, model.entries[index - 1].term, b"s")
            log = log.compact(model.snapshot)
        elif kind == "install":
            index = len(model.entries) + 1 + amount
            model.snapshot = Snapshot(index, term, b"s")
            model.entries += [Entry(term, None)] * (amount + 1)
            log = log.compact(model.snapshot)
        check_equal(log, model)
        assert hash(before) == frozen, "a log is a value: nobody can change it"


@pytest.mark.parametrize("block", [1, 2, 3])
def test_every_short_log_of_short_blocks_is_a_list(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each length and compaction, then each thing that can be done, wherever the edges of blocks are."""
    monkeypatch.setattr("quorate.raft.log.BLOCK", block)
    for length, start in [(n, m) for n in range(3 * block + 3) for m in range(n + 1)]:
        entries = [Entry(1 + index // 2, b"%d" % index) for index in range(length)]
        model = Model(entries, Snapshot(start, entries[start - 1].term, b"") if start else None)
        log = model.log()
        check_equal(log, model)
        for index in range(start, length + 1):
            shorter = Model(entries[:index], model.snapshot)
            check_equal(log.truncate_from(index + 1), shorter)
            check_equal(shorter.log().append(tuple(entries[index:])), model)
            assert log.slice(start + 1, index) + log.slice(index + 1, length) == tuple(entries[start:])
            assert shorter.log().first_difference(log) == index + 1
        for index in range(start + 1, length + 1):
            snapshot = Snapshot(index, entries[index - 1].term, b"")
            check_equal(log.compact(snapshot), Model(entries, snapshot))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 3 * BLOCK), st.integers(0, 3 * BLOCK), st.integers(0, BLOCK + 5))
def test_a_slice_includes_both_ends(one: int, other: int, compacted: int) -> None:
    """As §5.3 speaks of entries: from an index to an index."""
    log = log_of(*[1] * (3 * BLOCK))
    if compacted:
        log = log.compact(Snapshot(compacted, 1, b""))
    first, last = max(log.first_index, min(one, other)), max(one, other)
    assert log.slice(first, last) == entries_of(*[1] * (last - first + 1), first=first)


@pytest.mark.parametrize("terms", [t for n in range(6) for t in combinations_with_replacement((1, 2, 4), n)], ids=str)
def test_a_term_is_found_where_it_begins_and_ends(terms: tuple[int, ...]) -> None:
    """The two searches behind the backtracking of §5.3, against scanning, however much is compacted."""
    for compacted, term in product(range(len(terms) + 1), range(6)):
        log = log_of(*terms)
        if compacted:
            log = log.compact(Snapshot(compacted, terms[compacted - 1], b""))
        known = {index: log.term_at(index) for index in range(max(1, compacted), len(terms) + 1)}
        having = [index for index, its in known.items() if its == term]
        assert log.last_index_of(term) == (max(having) if having else 0 if term == 0 == compacted else None)
        held = [index for index in range(compacted + 1, len(terms) + 1) if terms[index - 1] >= term]
        assert log.first_index_of(term) == min(held, default=len(terms) + 1)


@settings(deadline=None)
@given(st.integers(0, 600), st.integers(0, 300), st.integers(0, 300), st.integers(0, 900))
def test_the_first_difference_is_where_two_histories_part(common: int, one: int, other: int, compacted: int) -> None:
    """§5.3, Log Matching: two logs that have parted never agree again; against scanning."""
    mine, yours = log_of(*[1] * common, *[2] * one), log_of(*[1] * common, *[3] * other)
    if 0 < compacted <= common + one:
        mine = mine.compact(Snapshot(compacted, 1 if compacted <= common else 2, b""))
    end = min(mine.last_index, yours.last_index)
    parted = mine.first_index
    while parted <= end and mine.term_at(parted) == yours.term_at(parted):
        parted += 1
    assert mine.first_difference(yours) == yours.first_difference(mine) == parted


def test_only_index_0_has_term_0() -> None:
    """A compacted or a missing index has no known term; 0 would match a prev_log_term of 0 (§5.3, §7)."""
    log = log_of(1, 1, 2).compact(Snapshot(2, 1, b""))
    assert [log.term_at(index) for index in (-1, 0, 1, 2, 3, 4)] == [None, None, None, 1, 2, None]
    assert [Log().term_at(index) for index in (0, 1)] == [0, None]


def test_a_snapshot_that_the_log_contradicts_leaves_nothing_of_it() -> None:
    """§7: a log without the snapshot's last entry is discarded whole."""
    snapshot = Snapshot(2, 2, b"")
    assert log_of(1, 1, 1).compact(snapshot) == Log(snapshot)
    assert log_of(1).compact(snapshot) == Log(snapshot)


@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_snapshot_is_never_truncated(index: int) -> None:
    """What it covers is committed: to remove it would be a bug of ours."""
    log = log_of(1, 1, 2).compact(Snapshot(2, 1, b""))
    with pytest.raises(AssertionError):
        log.truncate_from(index)
