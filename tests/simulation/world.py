"""A run of a scenario: a safety phase, in which things go wrong; then peace, in which everything must come right."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import blake2b
from pathlib import Path
from random import Random
from typing import Any

from quorate.client.client import connect_tcp
from quorate.raft import Configuration, Durable, NodeId, Role
from quorate.raft_server.interfaces import PeerMessage
from quorate.raft_server.settings import Settings, served_config
from quorate.runtime.addresses import Address
from quorate_check.history.operations import History, OperationOutcome
from quorate_check.history.record import Recorder
from simulation.checks import (
    AnsweredOnceInTime,
    AppliedAgree,
    BrokenPromiseError,
    Check,
    CommittedIsDurable,
    DurableBeforeSent,
    NothingGoesBack,
    OneLeaderPerTerm,
    OneVotePerTerm,
    judge_sentence,
)
from simulation.clients import KEYS, NUMBER, SENTENCE, ExactClient, PlainClient, Reader, Record, ask_once
from simulation.connections import Standing, founders, joined
from simulation.disk import SimulatedDisk
from simulation.members import Operator, Roles
from simulation.network import SimulatedNetwork
from simulation.node import CLIENT_PORT, SimulatedNode
from simulation.scenario import Fault, Scenario
from simulation.streams import StreamLoop
from simulation.weather import Weather
from simulation.wiping import Wiping

SETTLES_WITHIN_S = 10.0
LOOKS_EVERY_S = 0.02
COMES_RIGHT = "everything comes right in the end"


@dataclass(frozen=True, slots=True)
class Run:
    """What happened: a digest of all of it, the history of the clients, and how often what happened."""

    digest: str
    history: History
    counts: Counter[str]


@dataclass
class World:
    """One run of `scenario`. Traces go to `traces`, if that is a folder; `only` names the checks, all if None."""

    scenario: Scenario
    traces: Path | None = None
    only: frozenset[str] | None = None
    loop: StreamLoop = field(init=False)
    nodes: dict[NodeId, SimulatedNode] = field(init=False)
    counts: Counter[str] = field(default_factory=Counter, init=False)

    def __post_init__(self) -> None:
        scenario = self.scenario
        self._digest = blake2b(digest_size=16)
        self.loop = StreamLoop(self._rng("loop"))
        self._disks = {
            member: SimulatedDisk(self.loop, self._rng(f"disk {member}"), lies=scenario.lying_disks)
            for member in scenario.members
        }
        self._checks = self._make_checks()
        self.network = SimulatedNetwork(self.loop, self._rng("network"), [*scenario.members], self._sends)
        self.record = Record(Recorder(self._strictly_growing_ns()), self._note)
        self._settings = Settings(
            request_timeout_s=1.0,
            disk_retry_s=0.2,
            snapshot_retry_s=0.5,
            chunk_bytes=200,
            digest_entries=8,
            snapshot_bytes=scenario.snapshot_bytes,
        )
        standings = founders(scenario.members, self._rng("storages")) if scenario.changes else {}
        self.nodes = {
            member: self._node(member, scenario.members, standings.get(member)) for member in scenario.members
        }
        wiping = Wiping(self.loop, self._rng("wiping"), self.network, self.nodes, self._replaced)
        self._weather = Weather(self.loop, self.network, self.nodes, wiping, self._goes_wrong)
        self._peace = False

    def _node(self, member: NodeId, members: tuple[NodeId, ...], standing: Standing | None) -> SimulatedNode:
        return SimulatedNode(
            id=member,
            config=replace(served_config(members), max_entries=16),
            settings=self._settings,
            loop=self.loop,
            network=self.network,
            disk=self._disks[member],
            rng=self._rng(f"node {member}"),
            checks=self._checks,
            answers=self._answers,
            traces=self.traces,
            standing=standing,
        )

    def _join(self, place: Mapping[str, Any], address: Address, incarnation: bytes) -> None:
        """Start a new node, which has this place."""
        member = place["id"]
        if member in self.nodes:
            raise BrokenPromiseError("no id is used twice", f"a new node gets the id {member} of another")
        self._note("joins", member)
        self._disks[member] = SimulatedDisk(self.loop, self._rng(f"disk {member}"))
        self.network.members.append(member)
        self.nodes[member] = self._node(member, (), joined(place, address, incarnation, self._rng(f"storage {member}")))
        self.nodes[member].restart()

    def _make_checks(self) -> tuple[Check, ...]:
        self._answers = AnsweredOnceInTime(self.loop.time)
        checks: tuple[Check, ...] = (
            OneLeaderPerTerm(),
            OneVotePerTerm(),
            NothingGoesBack(),
            CommittedIsDurable(self._all_disks, self._disks),
            DurableBeforeSent(lambda node: self._disks[node].durable),
            AppliedAgree(),
            self._answers,
        )
        return tuple(check for check in checks if self.only is None or check.name in self.only)

    def _all_disks(self, node: NodeId) -> tuple[Durable, ...]:
        """What a node has on its disk, and had on those that it lost."""
        disk = self._disks[node]
        return disk.durable, *disk.former

    def _replaced(self, node: NodeId) -> None:
        self._note("replaced", node)
        self.counts["replaced"] += 1
        for check in self._checks:
            check.replaced(node)

    def _rng(self, what: str) -> Random:
        return Random(f"{self.scenario.seed} {what}")

    def _strictly_growing_ns(self) -> Callable[[], int]:
        last = -1

        def clock() -> int:
            nonlocal last
            last = max(last + 1, round(self.loop.time() * 1e9))
            return last

        return clock

    def _note(self, *what: object) -> None:
        self._digest.update(repr((self.loop.time(), what)).encode())

    def _sends(self, message: PeerMessage, source: NodeId, dest: NodeId, data: bytes) -> None:
        self._note(source, dest, data)
        self.counts[type(message).__name__] += 1
        for check in self._checks:
            check.sends(message, source, dest)

    def _goes_wrong(self, fault: Fault, node: NodeId) -> None:
        self._note(fault.kind.value, node)
        self.counts[fault.kind.value] += 1

    def run(self) -> Run:
        """Run it all; BrokenPromiseError if a promise is broken, and other exceptions as they come."""
        try:
            self.loop.run(self._run())
        finally:
            for node in self.nodes.values():
                node.close()
            self.loop.close()
        judge_sentence(self.record.words.get(SENTENCE, ""), self.record.attempted, self.record.acknowledged)
        self.counts["lives"] = sum(node.lives for node in self.nodes.values())
        for outcome, count in self.record.outcomes.items():
            self.counts[outcome.value] = count
        return Run(self._digest.hexdigest(), self.record.recorder.history, self.counts)

    async def _run(self) -> None:
        for node in self.nodes.values():
            node.restart()
        self._look_out()
        self._weather.expect(self.scenario.faults)
        size = self.scenario.size + self.scenario.changes
        addresses = [(f"node{number}", CLIENT_PORT) for number in range(1, size + 1)]

        def goes_on() -> bool:
            return not self._peace

        operator = Operator(
            self.nodes, self._rng("operator"), self.counts, goes_on, self._join, moves=not self.scenario.traced
        )
        operating = self.loop.create_task(operator.run(self.scenario.changes, self.scenario.lasts_ms / 1000))
        async with asyncio.TaskGroup() as clients:
            kinds = (
                (PlainClient, self.scenario.plain),
                (Reader, self.scenario.readers),
                (ExactClient, self.scenario.exact),
            )
            for kind, count in kinds:
                for number in range(count):
                    name = f"{kind.__name__[0].lower()}{number}"
                    clients.create_task(kind(name, addresses, self.record, self._rng(name), goes_on).run())
            await asyncio.sleep(self.scenario.lasts_ms / 1000)
            self._make_peace()
        await operating
        await self._settle()
        await self._ask_all()
        await self._settle()
        self._judge_members(operator.outlook)

    def _look_out(self) -> None:
        if self.only is None or self._answers.name in self.only:
            self._answers.look(frozenset(node.id for node in self.nodes.values() if node.paused))
        self.loop.call_later(LOOKS_EVERY_S, self._look_out)

    def _make_peace(self) -> None:
        self._peace = True
        self._note("peace")
        self._weather.clear_up()

    # What must come right.

    async def _settle(self) -> None:
        """Wait until there is one leader and all logs are equal, committed and applied."""
        until = self.loop.time() + SETTLES_WITHIN_S
        while (why := self._unsettled()) is not None:
            if self.loop.time() > until:
                raise BrokenPromiseError(COMES_RIGHT, f"{SETTLES_WITHIN_S:g} s after all faults, {why}")
            await asyncio.sleep(LOOKS_EVERY_S)

    def _unsettled(self) -> str | None:
        return next(self._reasons_to_wait(), None)

    def _members(self) -> Configuration:
        """The configuration of the leader with the latest term, of the founders if there is none."""
        states = [state for node in self.nodes.values() if (state := node.state) is not None]
        leading = {state.current_term: state for state in states if state.role is Role.LEADER}
        return leading[max(leading)].configuration if leading else Configuration(self.scenario.members)

    def _judge_members(self, outlook: set[Roles]) -> None:
        members = self._members()
        roles = frozenset({*((m, "voter") for m in members.voters), *((m, "learner") for m in members.learners)})
        if roles not in outlook:
            wanted = [sorted(each) for each in outlook]
            raise BrokenPromiseError("changes last", f"the members are {sorted(roles)}, not any of {wanted}")

    def _reasons_to_wait(self) -> Iterator[str]:
        members = self._members()
        if absent := set(members.members) - self.nodes.keys():
            yield f"nodes {absent} have not come"
        if members.is_joint:
            yield f"a change is not complete: {members}"
        nodes = [self.nodes[member] for member in members.members]
        states = [state for node in nodes if (state := node.state) is not None]
        if len(states) < len(nodes):
            yield f"only nodes {[state.id for state in states]} are up"
        leaders = [state.id for state in states if state.role is Role.LEADER]
        if len(leaders) != 1 or len({state.current_term for state in states}) != 1:
            yield f"nodes {leaders} lead, terms are {[state.current_term for state in states]}"
        ends = {(state.log.last_index, state.log.last_term, state.commit_index) for state in states}
        if len(ends) != 1 or any(last != commit for last, _, commit in ends):
            yield f"logs end so, (last index, its term, commit index): {sorted(ends)}"
        first = max(state.log.first_index for state in states)
        if len({state.log.slice(first, state.log.last_index) for state in states}) != 1:
            yield f"logs differ from index {first} on"
        if behind := [node.id for node in nodes if node.server.status().machine_index < states[0].log.last_index]:
            yield f"nodes {behind} have not applied all"
        if len({node.machine.capture()() for node in nodes}) != 1:
            yield "state machines differ"

    async def _ask_all(self) -> None:
        """Write and read at each node; whatever was written before must be there."""
        for node in map(self.nodes.__getitem__, self._members().members):
            connection = await connect_tcp(node.address)
            name = f"last{node.id}"
            for words in (
                ("set", "z", name),
                ("incr", NUMBER),
                *(("get", key) for key in (*KEYS, NUMBER, SENTENCE, "z")),
            ):
                outcome = await self.record.ask(name, words, partial(ask_once, connection))
                if outcome is not OperationOutcome.DONE:
                    raise BrokenPromiseError(COMES_RIGHT, f"in peace, node {node.id} says {outcome} to {words}")
            connection.close()
