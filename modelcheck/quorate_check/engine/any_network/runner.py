"""A process that runs real steps for the search, and answers in ids.

Ids are handed out by the search alone, in the order of its pairs. A runner has the same ids, because it hands them out
in the same order: it is told at which pairs the search met something new, and runs those as well. What it meets first
itself has a provisional, negative id in its answers, and is forgotten when it has answered. So no local state and no
message ever goes from one process to another, whatever they are made of.
"""

from __future__ import annotations

from dataclasses import dataclass

from quorate_check.core.behaviour import outcomes
from quorate_check.core.system import System, UnusableSystemError
from quorate_check.engine.layout import Ints
from quorate_check.engine.tables import Tables
from quorate_check.engine.useless import idle_answers
from quorate_check.engine.views import Judge

Code = list[int]  # as in `Tables.program`, with provisional ids
Pair = tuple[bool, int, int]  # whether it is only tried, local id, message id or -1 - event


@dataclass(frozen=True, slots=True)
class Request:
    """Pairs to be run, or tried for uselessness, and those at which the search has handed out ids since the last."""

    trial: bool
    news: list[Pair]
    pairs: Ints


@dataclass(frozen=True, slots=True)
class RunResult:
    """What comes of a pair, under each name of the nodes; whether it met what is new."""

    has_news: bool
    codes: list[Code]


@dataclass(frozen=True, slots=True)
class IdleTrial:
    """What `idle_answers` returns, whether it met what is new, and how many steps were run for it."""

    has_news: bool
    answers: list[tuple[int, ...]] | None
    steps: int


Answer = RunResult | IdleTrial | str | None  # why the system can't be searched; None: the search has to look for itself


@dataclass(frozen=True, slots=True)
class Reply:
    """Answers in the order of the pairs, and what each provisional id becomes under each permutation."""

    answers: list[Answer]
    images: dict[int, list[int]]


class Table(Tables):
    """A step table that tells what it is asked, and that can be cut back to the ids that the search has."""

    @property
    def size(self) -> int:
        """How many ids were handed out."""
        return len(self.locals) + len(self.messages)

    def meet(self, local: int, code: int) -> Code:
        """Run a pair, hand out ids to what is new, and return what comes of it."""
        before, event = self.locals[local], self.event_of(code)
        return self._code(
            outcomes(self.system, before, event, tuple(self.system.step(before, event)), arrives=code >= 0)
        )


class Runner(Table):
    """Runs steps of `system` for a search in another process."""

    def __init__(self, system: System) -> None:
        super().__init__(system, Judge(system))
        self._bases = 0, 0  # how many local states and messages the search has

    def answer(self, request: Request) -> Reply:
        """Return what comes of each pair."""
        for trial, local, code in request.news:
            if trial:
                idle_answers(self, local, code)
            else:
                self.meet(local, code)
        self._bases = len(self.locals), len(self.messages)
        one = self._try if request.trial else self._answer
        answers = [one(local, code) for local, code in request.pairs.tolist()]
        reply = Reply(answers, self._images())
        self._cut()
        return reply

    def _answer(self, local: int, code: int) -> Answer:
        size, witnesses = self.size, len(self.step_witnesses)
        try:
            self._run(local, code)
        except UnusableSystemError as error:
            return str(error)
        except Exception:  # noqa: BLE001 - raised again where the search looks for itself
            return None
        if (local, code) in self.broken_pairs or len(self.step_witnesses) > witnesses:
            return None
        pairs = [(local, code), *(self._image(local, code, q) for q in range(1, len(self.group)))]
        return RunResult(self.size > size, [self._provisional_code(self._places[pair]) for pair in pairs])

    def _try(self, local: int, message: int) -> Answer:
        size, steps = self.size, self.step_executions
        try:
            answers = idle_answers(self, local, message)
        except Exception:  # noqa: BLE001 - the same
            return None
        ids = None if answers is None else [tuple(map(self._message, outcome)) for outcome in answers]
        return IdleTrial(self.size > size, ids, self.step_executions - steps)

    def _local(self, number: int) -> int:
        return number if number < self._bases[0] else -1 - 2 * (number - self._bases[0])

    def _message(self, number: int) -> int:
        return number if number < self._bases[1] else -2 - 2 * (number - self._bases[1])

    def _provisional_code(self, place: int) -> Code:
        if not place:
            return []
        code = [int(self.program[place])]
        for after, messages in self.outcomes_at(place):
            code += [self._local(after), len(messages), *map(self._message, messages)]
        return code

    def _images(self) -> dict[int, list[int]]:
        if not self.group:
            return {}
        images = dict[int, list[int]]()
        for number in range(self._bases[0], len(self.locals)):
            images[self._local(number)] = list(map(self._local, self.rename_local[:, number].tolist()))
        for number in range(self._bases[1], len(self.messages)):
            images[self._message(number)] = list(map(self._message, self.rename_message[:, number].tolist()))
        return images

    def _cut(self) -> None:
        """Forget what the search doesn't know of, and all that was run."""
        self.local_ids.cut(self._bases[0])
        self.message_ids.cut(self._bases[1])
        self._places.clear()
        self._fresh.clear()
        self.broken_pairs.clear()
        self.program_size = 1
