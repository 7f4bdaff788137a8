"""An append to a log, and a read from it, costs the same at a million entries as at a hundred.

    python benchmarks/log_append.py

For comparison: the append to a plain tuple, the obvious value for a pure core, which copies the tuple.
"""

from time import perf_counter

from quorate.raft import Entry, Log

SIZES = (100, 1_000, 10_000, 100_000, 1_000_000)
ENTRY = Entry(1, b"SET key value")


def append_to_log_us(size: int) -> float:
    """Return the microseconds of one append: the mean of 2,000 in a row, which fill whole blocks."""
    log = Log().append((ENTRY,) * size)
    begin = perf_counter()
    for _ in range(2_000):
        log = log.append((ENTRY,))
    return (perf_counter() - begin) / 2_000 * 1e6


def slice_of_log_us(size: int) -> float:
    """Return the microseconds of a read of 64 entries: the mean of 2,000 places spread over the log."""
    log = Log().append((ENTRY,) * size)
    places = [1 + place * (size - 64) // 2_000 for place in range(2_000)]
    begin = perf_counter()
    for place in places:
        log.slice(place, place + 63)
    return (perf_counter() - begin) / 2_000 * 1e6


def append_to_tuple_us(size: int) -> float:
    """Return the microseconds of one append to a tuple: the mean of as many as take less than a second."""
    entries, appends = (ENTRY,) * size, max(5, min(2_000, 10_000_000 // size))
    begin = perf_counter()
    for _ in range(appends):
        entries = (*entries, ENTRY)
    return (perf_counter() - begin) / appends * 1e6


def main() -> None:
    """Print a line for each size."""
    print(f"{'entries':>10}  {'append µs':>10}  {'slice 64 µs':>11}  {'tuple append µs':>15}")
    for size in SIZES:
        measured = append_to_log_us(size), slice_of_log_us(size), append_to_tuple_us(size)
        print(f"{size:>10,}  {measured[0]:>10.2f}  {measured[1]:>11.2f}  {measured[2]:>15.2f}")


if __name__ == "__main__":
    main()
