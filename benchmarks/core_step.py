"""The cost of one step of the core in a server that replicates: per step, and per entry.

    python benchmarks/core_step.py

One round of a cluster of three is repeated on a log of 10,000 entries: the leader takes a batch of proposals, a
follower receives them, both followers' acknowledgements arrive, and the leader's own disk confirms. Each figure is the
least processor time of several runs: other work on the machine can only add to it.
"""

from collections.abc import Callable
from time import thread_time

from quorate.raft import (
    AppendEntries,
    AppendEntriesReply,
    Config,
    Durable,
    ElectionTimeout,
    Entry,
    Event,
    Log,
    Output,
    Persisted,
    Propose,
    Receive,
    RequestVoteReply,
    State,
    restart,
    step,
)

BATCHES = (1, 16, 256, 1024)
CONFIG = Config((1, 2, 3), pre_vote=False, no_op=True, max_entries=1024)
COMMAND = bytes(100)
HELD = Log().append((Entry(1, COMMAND),) * 10_000)
RUNS, ENTRIES_IN_RUN, FEWEST_ROUNDS = 7, 2_000, 20

Costs = dict[str, float]


class Timed:
    """Adds up the processor time of steps, by the name of the step."""

    def __init__(self) -> None:
        """Begin with no times."""
        self.seconds: Costs = {}

    def step(self, name: str, state: State, event: Event) -> Output:
        """Return `step(state, event)`."""
        begin = thread_time()
        output = step(state, event)
        self.seconds[name] = self.seconds.get(name, 0.0) + thread_time() - begin
        return output


def leader() -> State:
    """Return server 1 as a leader whose entries are all acknowledged."""
    state = restart(CONFIG, 1, Durable(1, None, HELD))
    events: list[Event] = [ElectionTimeout(), Receive(RequestVoteReply(2, 1, 2, vote_granted=True))]
    last = HELD.last_index + 1  # the no-op
    events += [Receive(AppendEntriesReply(peer, 1, 2, success=True, match_index=last)) for peer in (2, 3)]
    for event in (*events, Persisted(2, last)):
        state = step(state, event).state
    return state


def round_of(batch: int, leads: State, follows: State, timed: Timed) -> tuple[State, State]:
    """Replicate `batch` entries; return the leader and the follower afterwards."""
    output = timed.step("leader: Propose", leads, Propose((COMMAND,) * batch))
    message = next(m for m in output.send_now if isinstance(m, AppendEntries) and m.dest == follows.id)
    follows = timed.step("follower: AppendEntries", follows, Receive(message)).state
    timed.step("follower: the same again", follows, Receive(message))
    last = output.state.log.last_index
    leads = timed.step("leader: Persisted", output.state, Persisted(2, last)).state
    for name, peer in (("leader: reply that commits", 2), ("leader: the other reply", 3)):
        reply = AppendEntriesReply(peer, 1, 2, success=True, match_index=last)
        leads = timed.step(name, leads, Receive(reply)).state
    return leads, follows


def measure(batch: int) -> Costs:
    """Return the mean microseconds of each kind of step in one run."""
    timed, leads, follows = Timed(), leader(), restart(CONFIG, 2, Durable(1, None, HELD))
    first = AppendEntries(1, 2, 2, HELD.last_index, 1, leads.log.slice(leads.log.last_index, leads.log.last_index), 0)
    follows = step(follows, Receive(first)).state
    rounds = max(FEWEST_ROUNDS, ENTRIES_IN_RUN // batch)
    for _ in range(rounds):
        leads, follows = round_of(batch, leads, follows, timed)
    return {name: seconds / rounds * 1e6 for name, seconds in timed.seconds.items()}


def best(run: Callable[[], Costs]) -> Costs:
    """Return the minimum over several runs for each kind of step."""
    runs = [run() for _ in range(RUNS)]
    return {name: min(costs[name] for costs in runs) for name in runs[0]}


def main() -> None:
    """Print a line for each kind of step and batch size."""
    print(f"{'step':<28}  {'entries':>7}  {'µs a step':>9}  {'µs an entry':>11}")
    measured = {batch: best(lambda batch=batch: measure(batch)) for batch in BATCHES}  # type: ignore[misc]
    for name in measured[1]:
        for batch, costs in measured.items():
            print(f"{name:<28}  {batch:>7}  {costs[name]:>9.1f}  {costs[name] / batch:>11.2f}")


if __name__ == "__main__":
    main()
