"""The replay of one member's trace on the core.

A member's secret key is in no trace. So the replayed core gets the signatures that the step recorded, each only for
what it is a valid signature of.

A step counts when its write is durable, or when a crash shows that it was. The steps that a crash has lost never
happened: nothing of them has left their member.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from msgspec import DecodeError, ValidationError, convert, json

from quorate import bft
from quorate.bft import (
    Config,
    Durable,
    Event,
    Message,
    NodeId,
    Output,
    Persist,
    Prepared,
    Propose,
    Receive,
    State,
    Statement,
    Timeout,
    Vote,
)
from quorate.bft.validation import check_message
from quorate.bft_server.trace_lines import BootLine, CheckpointLine, StepLine, digest, outline
from quorate.runtime.keys import PublicKeys, RememberingVerifier
from quorate.runtime.trace_file import DurableLine, PartLine
from quorate_check.bft.traces.findings import RuleViolationError, TraceRule
from quorate_check.bft.traces.format import MemberLine, message_of
from quorate_check.core.system import UnusableSystemError
from quorate_check.traces.reading import Place


class ClusterKeys:
    """The members' keys, which all starts in all traces have; valid signatures are remembered for all traces."""

    def __init__(self) -> None:
        """Know no start yet."""
        self._identity: tuple[bytes, Mapping[NodeId, bytes]] | None = None
        self._verifier = RememberingVerifier(PublicKeys("", {}))

    def verifier(self, boot: BootLine, place: Place) -> RememberingVerifier:
        """Return the verifier of the keys of a start; raise UnusableSystemError if another start had others."""
        identity = boot.cluster, boot.keys
        if self._identity is None:
            self._identity, self._verifier = identity, RememberingVerifier(PublicKeys("", boot.keys))
        if self._identity != identity:
            raise UnusableSystemError(f"{place}: another cluster, or other keys, than at other starts in these traces")
        return self._verifier


class NotRecordedError(Exception):
    """The core signs what no recorded signature is valid for."""


@dataclass
class RecordedSigner:
    """Signs with the signatures that the messages of a step have (quorate.bft.Signer)."""

    member: int
    verifier: RememberingVerifier
    signatures: list[bytes] = field(default_factory=list)

    def sign(self, message: bytes) -> bytes:
        """Return the recorded signature of `message`; raise NotRecordedError if there is none."""
        for signature in self.signatures:
            if self.verifier.verify(self.member, message, signature):
                return signature
        raise NotRecordedError


@dataclass(frozen=True, slots=True)
class MemberStep:
    """A step of a member, the `number`th since its start; `event` is None for a restart, which has the number 0.

    `before` is None for the state in which a trace begins, and for a step before a checkpoint. `left` says whether
    `sent` has left the member by now.
    """

    place: Place
    boot: int
    number: int
    before: State | None
    event: Event | None
    after: State
    sent: tuple[Message, ...] = ()
    left: bool = True


@dataclass(frozen=True, slots=True)
class _Unwritten:
    """A step whose write isn't known to be durable, with the disk after that write."""

    step: MemberStep
    disk: Durable


@dataclass
class Replay:
    """The replay of one trace: `take` reads a line, `ready` are the steps that may be judged.

    `lost_steps` counts the steps whose writes a crash has lost. `began_late` is whether the trace begins with more than
    an empty disk.
    """

    keys: ClusterKeys
    ready: deque[MemberStep] = field(default_factory=deque)
    lost_steps: int = 0
    began_late: bool = False
    _unwritten: deque[_Unwritten] = field(default_factory=deque)
    _boot: int = 0
    _left: set[Statement] = field(default_factory=set)  # its own statements of the current index
    _signer: RecordedSigner = field(init=False)
    _state: State = field(init=False)
    _disk: Durable = field(init=False)

    @property
    def waiting(self) -> int:
        """How many steps wait for the disk."""
        return len(self._unwritten)

    def take(self, located: MemberLine) -> None:
        """Read the next line; raise RuleViolationError if it contradicts those before it, or the core."""
        match located.line:
            case BootLine():
                self._start(located.line, located.place)
            case CheckpointLine():
                self._go_on_from(located.line, located.place)
            case StepLine():
                assert located.event is not None, "a step has an event"
                self._step(located.line, located.event, located.place)
            case DurableLine(number=number):
                while self._unwritten and self._unwritten[0].step.number <= number:
                    self._confirm(self._unwritten.popleft())
            case PartLine():
                raise AssertionError("TraceFile joins the parts")

    def end(self) -> None:
        """Have the last steps judged although their writes may not be durable: nothing of them has left."""
        self.ready.extend(replace(each.step, left=False) for each in self._unwritten)
        self._unwritten.clear()

    def _confirm(self, unwritten: _Unwritten) -> None:
        self._disk = unwritten.disk
        self._leave(unwritten.step)

    def _leave(self, step: MemberStep) -> None:
        """Have a step judged, all of which may have left the member."""
        self.ready.append(step)
        self._left = {statement for statement in self._left if statement.index == step.after.index}
        self._left.update(self._own(step.sent))

    def _own(self, messages: Iterable[Message]) -> Iterator[Statement]:
        """Yield what the member itself has signed; it says some of it again."""
        for message in messages:
            if isinstance(message, Propose | Vote | Timeout) and message.source == self._state.id:
                yield message.statement

    def _is_hasty(self, message: Message) -> bool:
        """Whether a message is the member's own and can't have left it yet."""
        return any(
            statement not in self._left and any(statement in self._own(each.step.sent) for each in self._unwritten)
            for statement in self._own([message])
        )

    def _config(self, line: BootLine, place: Place) -> Config:
        self._signer = RecordedSigner(line.node, self.keys.verifier(line, place))
        try:
            config = Config(line.cluster, line.members, self._signer, self._signer.verifier)
        except ValueError as error:
            raise UnusableSystemError(f"{place}: no line of a trace: {error}") from error
        lock = None if line.lock is None else Prepared(line.node, line.node, line.lock)
        _check(config, (line.accepted, lock), place)
        return config

    def _start(self, line: BootLine, place: Place) -> None:
        config, durable, is_first = self._config(line, place), line.durable, self._boot == 0
        self._boot += 1
        before = None if is_first else self._state_found(config, line, place)
        self._state, self._disk = bft.restart(config, line.node, durable), durable
        self.began_late |= is_first and durable != Durable()
        self.ready.append(MemberStep(place, self._boot, 0, before, None, self._state))

    def _state_found(self, config: Config, line: BootLine, place: Place) -> State:
        """Return the state before a crash whose disk a start finds; the steps after it are lost.

        Raises RuleViolationError if no write left such a disk.
        """
        durable, disk = line.durable, self._disk
        state = self._unwritten[0].step.before if self._unwritten else self._state
        if state is None:  # a step before a checkpoint: what memory held then is unknown, and is lost in any case
            state = bft.restart(config, line.node, disk)
        # Steps without a write of their own are as durable as what is before them.
        while self._unwritten and (disk != durable or self._unwritten[0].disk is disk):
            unwritten = self._unwritten.popleft()
            # No message of these has left: it was to be confirmed first that they are durable.
            self.ready.append(replace(unwritten.step, left=False))
            state, disk = unwritten.step.after, unwritten.disk
        if disk != durable:
            raise RuleViolationError(TraceRule.RESTARTED, place, "the disk isn't as any of the last writes left it")
        self.lost_steps += len(self._unwritten)
        self._unwritten.clear()
        return state

    def _go_on_from(self, line: CheckpointLine, place: Place) -> None:
        config = self._config(line.disk, place)
        _check(config, (*line.timeouts, *line.votes, line.proposal), place)
        self._boot, self._disk = 1, line.disk.durable
        disk = self._disk
        unwritten = []
        for step in line.unwritten:
            disk = disk if step.persist is None else disk.after(step.persist)
            sent = tuple(_message(name, fields, place) for name, fields in step.messages)
            unwritten.append((step.number, disk, sent))
        self._state = replace(
            bft.restart(config, line.disk.node, disk),
            known=line.known,
            timeouts=line.timeouts,
            waited=line.waited,
            proposal=line.proposal,
            votes=line.votes,
        )
        self.began_late = True
        if line.proposal is not None and line.disk.proposed_view == line.proposal.view:
            self._left.add(line.proposal.statement)  # which the member may say again
        self.ready.append(MemberStep(place, self._boot, line.number, None, None, self._state))
        for number, after, sent in unwritten:
            state = bft.restart(config, line.disk.node, after)
            self._unwritten.append(_Unwritten(MemberStep(place, self._boot, number, None, None, state, sent), after))

    def _step(self, line: StepLine, event: Event, place: Place) -> None:
        if isinstance(event, Receive) and self._is_hasty(event.message):
            what = "what it signed itself arrives before the step that signed it is durable"
            raise RuleViolationError(TraceRule.SENT, place, what)
        output = self._replayed(line, event, place)
        step = MemberStep(place, self._boot, line.number, self._state, event, output.state, output.send)
        self._state = output.state
        if output.persist is None and not self._unwritten:
            self._leave(step)
        else:
            self._unwritten.append(_Unwritten(step, self._disk_after(output.persist)))

    def _disk_after(self, persist: Persist | None) -> Durable:
        disk = self._unwritten[-1].disk if self._unwritten else self._disk
        return disk if persist is None else disk.after(persist)

    def _replayed(self, line: StepLine, event: Event, place: Place) -> Output:
        """Return what the core does; raise RuleViolationError if it isn't what the line says."""
        self._signer.signatures = list(_signatures(line))
        try:
            output = bft.step(self._state, event)
        except NotRecordedError:
            raise RuleViolationError(TraceRule.REPLAYED, place, "the core signs something else") from None
        except (bft.RemoteError, bft.LocalError, ValueError) as error:  # the last: nobody can sign such a number
            raise RuleViolationError(TraceRule.REPLAYED, place, f"the core refuses the event: {error}") from error
        if digest(output.state) != line.state:
            what = f"the core is in another state: {digest(output.state)}, not {line.state}"
            raise RuleViolationError(TraceRule.REPLAYED, place, what)
        if json.encode([outline(message) for message in output.send]) != json.encode(line.send):
            raise RuleViolationError(TraceRule.REPLAYED, place, "the core sends something else")
        return output


def _check(config: Config, messages: Iterable[Message | None], place: Place) -> None:
    """Raise UnusableSystemError if a member would have refused one of these, and so can't remember it."""
    for message in messages:
        try:
            if message is not None:
                check_message(config, message)
        except bft.RemoteError as error:
            raise UnusableSystemError(f"{place}: no line of a trace: {error}") from error


def _signatures(line: StepLine) -> Iterator[bytes]:
    """Yield the signatures of the messages that a step sends."""
    for _, fields in line.send:
        with suppress(ValidationError):
            yield convert(fields.get("signature"), bytes)


def _message(name: str, fields: Any, place: Place) -> Message:  # noqa: ANN401 - undecoded
    try:
        return message_of(name, fields)
    except (DecodeError, ValidationError) as error:
        raise UnusableSystemError(f"{place}: no line of a trace: {error}") from error
