"""The step table of a search whose steps other processes run.

They answer in ids. The search goes through the answers in the order in which it would run the steps itself, and hands
out the ids of what is new there. So ids, and all counts, are the same for any number of processes.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np

from quorate_check.core.behaviour import broken_by_step
from quorate_check.core.system import System, UnusableSystemError
from quorate_check.engine.any_network.runner import Answer, Code, IdleTrial, Pair, Reply, Request, RunResult, Table
from quorate_check.engine.layout import Ints
from quorate_check.engine.useless import idle_answers, idle_as_named
from quorate_check.engine.views import Judge

LEAST = 256  # pairs that are worth being shared
RUN, STIRS, IDLE = range(3)  # what was done with a pair: run, or tried, and something or nothing came of it


class Team(Protocol):
    """Those who run steps."""

    size: int

    def ask(self, requests: Sequence[Request]) -> list[Reply]:
        """Return the answers to one request for each of them; raise LostError if one of them has ended."""

    def figures(self) -> Mapping[str, int] | None:
        """Return what of them goes into `Exploration.stored`."""


class LostError(Exception):
    """Somebody of the team has ended; the text says who."""


class Translation:
    """A reply, and the ids for its provisional ids, as far as they are known."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.ids = dict[int, int]()

    def real(self, numbers: Sequence[int]) -> list[int] | None:
        """Return ids for those of a runner, None if some aren't known."""
        if all(number >= 0 for number in numbers):
            return list(numbers)
        ids = [number if number >= 0 else self.ids.get(number) for number in numbers]
        complete = [number for number in ids if number is not None]
        return complete if len(complete) == len(numbers) else None


class SharedTables(Table):
    """Knows a system's steps, which it runs itself if there is no team."""

    def __init__(self, system: System, judge: Judge, team: Team | None) -> None:
        super().__init__(system, judge)
        self.team = team
        self._news: list[Pair] = []
        self._ready = dict[tuple[int, int], tuple[Translation, Answer]]()
        self.log = array("q")  # what was done, local id, message id or -1 - event, in the order in which it was done
        self.answers_hash = hashlib.sha256()  # by deliveries that came to nothing

    def _execute(self, distinct: Ints) -> list[tuple[int, str, str]]:
        if self.team is not None:
            unknown = [pair not in self._places for pair in map(tuple, distinct[:, 1:].tolist())]
            self._ask(distinct[unknown, 1:], trial=False)
        for local, code in distinct[:, 1:].tolist():
            self.log.extend((RUN, local, code))
        return super()._execute(distinct)

    def _ask(self, pairs: Ints, *, trial: bool) -> None:
        """Let the team run pairs, if these are many."""
        self._ready.clear()
        if self.team is None or len(pairs) < LEAST:
            return
        shares = [pairs[number :: self.team.size] for number in range(self.team.size)]
        replies = self.team.ask([Request(trial, self._news, share) for share in shares])
        self._news = []
        for share, reply in zip(shares, replies, strict=True):
            translation = Translation(reply)
            for (local, code), answer in zip(share.tolist(), reply.answers, strict=True):
                self._ready[local, code] = translation, answer

    def _learn(self, size: int, pair: Pair) -> None:
        """Have the team learn, too, what was met at a pair, if ids were handed out since there were so many."""
        if self.team is not None and self.size > size:
            self._news.append(pair)

    def _run(self, local: int, code: int) -> None:
        size, ready = self.size, self._ready.get((local, code))
        if ready is None or not self._take(local, code, *ready):
            super()._run(local, code)
        self._learn(size, (False, local, code))

    def _take(self, local: int, code: int, translation: Translation, answer: Answer) -> bool:
        """Take what a runner says of a pair; return whether it says enough."""
        if isinstance(answer, str):
            raise UnusableSystemError(answer)
        if not isinstance(answer, RunResult):
            return False
        if answer.has_news:
            self._translate(translation, answer.codes[0], self.meet(local, code), (local, code))
        codes = [translation.real(ids) for ids in answer.codes]
        if None in codes:
            return False
        for q, own in enumerate(codes):
            pair = self._image(local, code, q) if q else (local, code)
            if pair not in self._places:
                assert own is not None
                self.step_executions += 1
                self._place(*pair, self._record(own))
        return True

    def _translate(self, translation: Translation, theirs: Code, ours: Code, pair: tuple[int, int]) -> None:
        """Learn from what comes of one pair, in a runner's ids and in ours, what its provisional ids stand for."""
        if len(theirs) != len(ours) or any(t >= 0 and t != o for t, o in zip(theirs, ours, strict=True)):
            raise UnusableSystemError(
                f"{self.system.name}: step answered {self.event_of(pair[1])!r} in {self.locals[pair[0]]!r} "
                "differently in another process: keep chance, clocks and globals out of it"
            )
        for number, ours_is in zip(theirs, ours, strict=True):
            if number < 0 and number not in translation.ids:
                translation.ids[number] = ours_is
                renamed = self.rename_local if number % 2 else self.rename_message
                for q, image in enumerate(translation.reply.images.get(number, ())):
                    translation.ids[image] = int(renamed[q, ours_is])

    def idle(self, pairs: Ints) -> Iterator[list[tuple[int, ...]] | None]:
        """Yield what `idle_answers` says of each pair of local and message id."""
        self._ask(pairs, trial=True)
        for local, message in pairs.tolist():
            size = self.size
            yield self._note(local, message, self._idle(local, message))
            self._learn(size, (True, local, message))

    def _note(self, local: int, message: int, answers: list[tuple[int, ...]] | None) -> list[tuple[int, ...]] | None:
        """Enter in the log that a delivery was tried."""
        self.log.extend((STIRS if answers is None else IDLE, local, message))
        if answers is not None:
            self.answers_hash.update(repr(answers).encode())
        return answers

    def _idle(self, local: int, message: int) -> list[tuple[int, ...]] | None:
        translation, answer = self._ready.get((local, message), (None, None))
        if translation is None or not isinstance(answer, IdleTrial) or answer.has_news:
            return idle_answers(self, local, message)
        answers = None if answer.answers is None else [translation.real(outcome) for outcome in answer.answers]
        if answers is not None and None in answers:
            return idle_answers(self, local, message)
        if (local, message) not in self._places:
            self.step_executions += answer.steps
        return None if answers is None else [tuple(outcome) for outcome in answers if outcome is not None]

    def repeat(self, kind: int, local: int, code: int, program: Ints) -> bool:
        """Do once more what a row of the log says; return whether the same comes of it.

        `program` is what all pairs came to. A pair is run and judged under the names under which the search met it;
        under others it does what `program` says, if that is the same but for the names. Of what was tried and stirs,
        only the ids are wanted.
        """
        if not (0 <= local < len(self.locals) and -len(self.events) <= code < len(self.messages)):
            return False
        size = self.size
        if kind == RUN:
            if (local, code) not in self._places and not self._run_again(local, code, program):
                return False
            self.log.extend((RUN, local, code))
            self._note_changes(local, code)
        else:
            answers = idle_as_named(self, local, code)
            if kind == IDLE and answers is None:
                return False
            self._note(local, code, answers if kind == IDLE else None)
        self._learn(size, (kind != RUN, local, code))
        return True

    def remember(self) -> None:
        """Have the kernel know what was repeated."""
        self._remember()

    def _run_again(self, local: int, code: int, program: Ints) -> bool:
        first, before, event = self.program_size, self.locals[local], self.event_of(code)
        outcomes = self._outcomes_of(local, code)
        if outcomes is None:  # it raises, as `broken_pairs` knows
            return True
        for outcome in outcomes:
            self._witness(before, event, outcome)
        if names := [name for outcome in outcomes if (name := broken_by_step(self.system, before, event, outcome))]:
            self.broken_pairs[local, code] = [(name, "") for name in names]
        length = self.program_size - first
        if not np.array_equal(self.program[first : self.program_size], program[first : first + length]):
            return False
        for q in range(1, len(self.group)):
            image = self._image(local, code, q)
            if image in self._places:
                continue
            self._place(*image, self._record(program[self.program_size : self.program_size + length].tolist()))
            renamed = [(self.rename_local[q, a], self.rename_message[q, m]) for a, m in self._sendings((local, code))]
            if sorted((int(a), sorted(m.tolist())) for a, m in renamed) != sorted(
                (a, sorted(m)) for a, m in self._sendings(image)
            ):
                return False
        return True

    def _sendings(self, pair: tuple[int, int]) -> list[tuple[int, list[int]]]:
        return list(self.outcomes_at(self._places[pair]))
