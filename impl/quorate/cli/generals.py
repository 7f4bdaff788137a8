"""`quorate generals`: generals as processes, some of them traitors; and the story of the nine generals."""

import asyncio
import json
import secrets
import sys
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass

from quorate.cli.children import wait_or_kill
from quorate.cli.errors import DONE, NEGATIVE, CommandFailedError
from quorate.cli.output import console
from quorate.generals import COMMANDER, General, Message, Order, Protocol, Receive, RoundEnd, Rules, enlist, step
from quorate.generals.ed25519 import SEED_BYTES, keys
from quorate.generals.messages import Vote
from quorate.generals.process import Posting

PATIENCE_S = 60.0
STOP_PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class War:
    """The options of `quorate generals`; the last `traitors` generals are traitors, or the first of them too."""

    protocol: Protocol
    n: int
    traitors: int
    rounds: int | None
    order: Order
    commander_lies: bool
    loss: float
    forge: float
    seed: int
    port: int

    def liars(self) -> list[int]:
        """Return the ids of the traitors."""
        if self.commander_lies:
            return [COMMANDER, *range(self.n - self.traitors + 1, self.n)]
        return list(range(self.n - self.traitors, self.n))

    def postings(self) -> list[Posting]:
        """Return each general's posting; raises CommandFailedError if the options contradict each other."""
        if self.commander_lies and not self.traitors:
            raise CommandFailedError("--traitor-commander: there are no traitors; add --traitors 1")
        m = self.traitors if self.rounds is None else self.rounds
        try:
            rules = Rules(self.protocol, self.n, self.traitors, m)
        except ValueError as error:
            raise CommandFailedError(str(error)) from error
        if self.port + self.n > 1 << 16:
            raise CommandFailedError(f"--port {self.port}: {self.n} ports from there on are needed")
        own = self._seeds()
        public = [key.hex() for key in keys(own, ()).public]
        return [
            Posting(
                protocol=rules.protocol.value,
                n=rules.n,
                f=rules.f,
                m=rules.m,
                general=i,
                order=self._opinion(i),
                traitors=self.liars(),
                first_port=self.port,
                seed=self.seed,
                loss=self.loss,
                forge=self.forge,
                public=public,
                # Traitors sign for each other.
                seeds=[(k, own[k].hex()) for k in (self.liars() if i in self.liars() else [i])] if own else [],
            )
            for i in range(rules.n)
        ]

    def _seeds(self) -> tuple[bytes, ...]:
        """Return new secret keys; none if the protocol signs nothing."""
        signers = self.n if self.protocol is Protocol.SIGNED else 0
        return tuple(secrets.token_bytes(SEED_BYTES) for _ in range(signers))

    def _opinion(self, i: int) -> Order:
        """Return the commander's order, if there is one; otherwise every second general has the opposite opinion."""
        return self.order if self.protocol.has_commander or i % 2 == 0 else self.order.other


@dataclass(frozen=True, slots=True)
class Conduct:
    """The report that a general's process wrote."""

    general: int
    decision: Order | None
    heard: list[tuple[int, int, str]]


def fight(war: War) -> int:
    """Run a process for each general, and print messages and decisions; return NEGATIVE if IC1 or IC2 is violated."""
    reports = asyncio.run(_fight(war))
    screen = console()
    liars = war.liars()
    for report in reports:
        title = f"general {report.general}" + (", a traitor" if report.general in liars else "")
        screen.print(f"{title}:")
        for number, source, words in report.heard if report.general not in liars else []:
            screen.print(f"  round {number}: {source} tells him “{words}”")
        if report.general not in liars:
            screen.print(f"  he does: {'nothing' if report.decision is None else report.decision.name}")
    broken = violations(war.protocol, {r.general: r.decision for r in reports if r.general not in liars})
    screen.print(textwrap.fill(" ".join(broken) or "All loyal generals do the same.", screen.width))
    return NEGATIVE if broken else DONE


def violations(protocol: Protocol, decisions: Mapping[int, Order | None]) -> list[str]:
    """Return a sentence for each condition that the decisions of the loyal generals violate."""
    commander = decisions.get(COMMANDER) if protocol.has_commander else None
    lieutenants = [decision for i, decision in decisions.items() if i != COMMANDER or not protocol.has_commander]
    result = []
    if len(set(lieutenants)) > 1:
        result.append("IC1 is broken: the army splits.")
    if commander is not None and any(decision is not commander for decision in lieutenants):
        result.append("IC2 is broken: the commander is loyal, and not every loyal lieutenant obeys him.")
    return result


async def _fight(war: War) -> list[Conduct]:
    processes = [await _start(posting) for posting in war.postings()]
    try:
        async with asyncio.timeout(PATIENCE_S):
            return list(await asyncio.gather(*(_report(i, process) for i, process in enumerate(processes))))
    except (TimeoutError, CommandFailedError) as error:
        for process in processes:
            with suppress(ProcessLookupError):
                process.terminate()
        if isinstance(error, CommandFailedError):
            raise
        raise CommandFailedError(f"the generals didn't finish within {PATIENCE_S:g} s") from None
    finally:
        await asyncio.gather(*(_end(process) for process in processes))


async def _start(posting: Posting) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "quorate.generals"), stdin=pipe, stdout=pipe, stderr=pipe
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(asdict(posting)).encode() + b"\n")
    return process


async def _report(i: int, process: asyncio.subprocess.Process) -> Conduct:
    assert process.stdout is not None
    assert process.stderr is not None
    line = await process.stdout.readline()
    if not line:
        words = (await process.stderr.read()).decode(errors="replace").strip().splitlines()
        why = words[-1] if words else "it wrote no error"
        raise CommandFailedError(f"general {i} didn't report: {why} (--port chooses other ports)")
    report = json.loads(line)
    decision = None if report["decision"] is None else Order(report["decision"])
    return Conduct(report["general"], decision, [(number, source, words) for number, source, words in report["heard"]])


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a process by closing its input; kill it if that takes too long."""
    assert process.stdin is not None
    process.stdin.close()
    await wait_or_kill(process, STOP_PATIENCE_S)


_BEGINNING = """\
Nine generals besiege a city, each with an army. They attack together, or together they retreat:
half an army in front of the walls is lost. Everybody tells everybody what he wants, and each then
does what the majority said. The messengers are good. Generals 0 to 3 want to ATTACK, 4 to 7 to
RETREAT. General 8, the ninth, is a traitor."""
_END = (
    """\
The army splits: 0 to 3 attack, 4 to 7 go home. Each counted right, and heard the same from every
loyal general as all others did. Only the ninth spoke with two tongues, and his vote broke the tie.
There are 256 ways in which he can answer the eight, and 254 of them split the army: all but those
that tell everybody the same.""",
    """\
There are two remedies: all agree on what each one said (quorate generals --protocol om), or nobody
can deny what he signed (sm). model-check generals shows when each of them helps, and how many
generals and rounds it needs.""",
)


def tell_story() -> int:
    """Tell the story of nine generals: four for ATTACK, four for RETREAT, and a traitor that agrees with both sides."""
    screen = console()
    screen.print(textwrap.fill(_BEGINNING, screen.width) + "\n")
    wishes = [Order.ATTACK] * 4 + [Order.RETREAT] * 4
    ninth, rules = len(wishes), Rules(Protocol.VOTE, 9, 1, 0)
    army = [step(enlist(rules, i, wish), RoundEnd()) for i, wish in enumerate(wishes)]
    messages_sent: list[Message] = [message for _, messages in army for message in messages]
    messages_sent += [Vote(ninth, i, wish) for i, wish in enumerate(wishes)]
    for general, _ in army:
        heard = [message for message in messages_sent if message.dest == general.id]
        screen.print("\n".join(_of_one(general, wishes[general.id], heard)))
    for paragraph in _END:
        screen.print("\n" + textwrap.fill(paragraph, screen.width))
    return DONE


def _of_one(general: General, wish: Order, heard: list[Message]) -> Iterator[str]:
    """Yield lines about a general's wish, the votes that it heard, the traitor's last, and its decision."""
    votes = [wish, *(message.order for message in heard)]
    sides = (f"{o.name} from {_names([m.source for m in heard[:-1] if m.order is o])}" for o in reversed(Order))
    for message in heard:
        general, _ = step(general, Receive(message))
    general, _ = step(general, RoundEnd())
    assert general.decision is not None, "a voter decides after one round"
    counts = f"{votes.count(Order.ATTACK)} for ATTACK, {votes.count(Order.RETREAT)} for RETREAT"
    yield f"General {general.id} wants {wish.name}. He hears {' and '.join(sides)},"
    yield f"  and {heard[-1].order.name} from the ninth: {counts}. He does {general.decision.name}."


def _names(ids: list[int]) -> str:
    """Return ids as text, consecutive ones as a range."""
    whole = len(ids) > 2 and ids[-1] - ids[0] == len(ids) - 1
    return f"{ids[0]} to {ids[-1]}" if whole else ", ".join(map(str, ids))
