"""An event loop whose time is only a number: it never waits, it moves on to what happens next.

Everything is scheduled by asyncio itself, so that the code under test can't tell the difference; only the selector,
which would wait for sockets, moves the clock instead. What happens depends on nothing but what is scheduled.

Who runs is told by context variables: what a `Process` schedules, and what that schedules in turn, belongs to it. A
process can be killed between any two of its callbacks, and also between any two of its effects on the world; and it
can be paused. No cleanup of a killed process runs, as after kill -9.
"""

import asyncio
import selectors
import traceback
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from random import Random
from typing import Any, TypeVar, TypeVarTuple

from quorate.runtime.interfaces import DamagedStateError

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

NO_FILE = -1
MOST_TURNS_AT_ONE_TIME = 20_000
THREAD_S = (0.0001, 0.02)  # how long work takes that is given to a thread


class SimulationError(Exception):
    """The simulated world ends: something is broken, nothing is left to happen, or time stands still."""


class UncaughtError(SimulationError):
    """Somebody's callback raised what nobody could catch."""

    def __init__(self, name: str, error: Exception) -> None:
        """Say whose, and where."""
        last = traceback.extract_tb(error.__traceback__)[-1:]
        where = "".join(f" in {frame.name}, {frame.filename}:{frame.lineno}" for frame in last)
        super().__init__(f"{name}: {type(error).__name__}: {error}{where}")


class Process:
    """Callbacks that live and die together."""

    def __init__(self, loop: "SimulatedLoop", name: str) -> None:
        """Begin alive, and not paused; give `context` to what belongs to this process."""
        self.name = name
        self._loop = loop
        self.alive = True
        self.context = copy_context()
        self.context.run(_running.set, self)
        self.after_callback: Callable[[], None] = lambda: None
        self._on_death: list[Callable[[], None]] = []
        self._points_left: int | None = None
        self._paused = False
        self._backlog: list[_Guard] = []

    def on_death(self, call: Callable[[], None]) -> None:
        """Have `call` called when the process is killed, for whatever reason, after all that were given before."""
        self._on_death.append(call)

    def kill(self) -> None:
        """End at once: nothing that belongs to this process runs any more, or has any effect."""
        if self.alive:
            self.alive = False
            self._backlog.clear()
            for call in self._on_death:
                call()

    def kill_after(self, points: int | None) -> None:
        """End so many points from now, or don't (None). Callbacks that begin are points, and effects on the world."""
        self._points_left = points

    def acts(self) -> bool:
        """Pass one point at which it may be killed; return whether it is still alive to do what it wants."""
        if self._points_left is not None:
            self._points_left -= 1
            if self._points_left < 0:
                self._points_left = None
                self.kill()
        return self.alive

    def pause(self) -> None:
        """Run nothing until `resume`, as after SIGSTOP: what becomes due waits, in its order."""
        self._paused = True

    def resume(self) -> None:
        """Run what has become due meanwhile, at once."""
        self._paused = False
        backlog, self._backlog = self._backlog, []
        for guard in backlog:
            self._loop.call_again(guard)

    def run(self, guard: "_Guard") -> None:
        """Run a callback that is due, unless it must wait or is too late."""
        if not self.alive or (guard.handle is not None and guard.handle.cancelled()):
            return
        if self._paused:
            self._backlog.append(guard)
        elif self.acts():
            try:
                guard.callback(*guard.args)
            except Exception as error:  # noqa: BLE001  # as asyncio does
                self._loop.fail(self.name, error)
            if self.alive:
                self.after_callback()


_running: ContextVar[Process | None] = ContextVar("process", default=None)


def running_process() -> Process | None:
    """Return whose code this is called from; None if it is nobody's."""
    return _running.get()


class _Guard:
    """A callback of a process, on its way through the loop."""

    __slots__ = ("args", "callback", "context", "handle", "process")

    def __init__(
        self, process: Process, callback: Callable[..., object], args: tuple[Any, ...], context: Context
    ) -> None:
        self.process = process
        self.callback = callback
        self.args = args
        self.context = context
        self.handle: asyncio.Handle | None = None

    def __call__(self) -> None:
        self.process.run(self)


class _Clock(selectors.BaseSelector):
    """A selector that watches nothing, and lets time pass instead of waiting."""

    def __init__(self) -> None:
        self.now = 0.0
        self.turns = 0

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:  # noqa: ANN401
        return selectors.SelectorKey(fileobj, NO_FILE, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:  # noqa: ANN401
        return selectors.SelectorKey(fileobj, NO_FILE, 0, None)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise SimulationError(f"at {self.now:.6f} s nothing is left to happen, and what was awaited hasn't come")
        self.turns = self.turns + 1 if timeout <= 0 else 0
        if self.turns > MOST_TURNS_AT_ONE_TIME:
            raise SimulationError(f"at {self.now:.6f} s callbacks call each other and no time passes")
        self.now += max(timeout, 0.0)
        return []

    def get_map(self) -> dict[Any, selectors.SelectorKey]:
        return {}

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:  # noqa: ANN401
        raise KeyError(fileobj)


class SimulatedLoop(asyncio.SelectorEventLoop):
    """Runs everything in an order that `rng` and the callbacks decide, and nothing else."""

    def __init__(self, rng: Random) -> None:
        """Begin at time 0; `rng` says how long threads take."""
        self._clock = _Clock()
        self.rng = rng
        self._failure: Exception | None = None
        super().__init__(self._clock)
        self.set_exception_handler(self._uncaught)

    def time(self) -> float:
        """Seconds since the beginning."""
        return self._clock.now

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """Schedule for the process that the context belongs to."""
        if context is None:
            context = copy_context()
        process = context.get(_running)
        if process is None:
            return super().call_soon(callback, *args, context=context)
        guard = _Guard(process, callback, args, context)
        guard.handle = super().call_soon(guard, context=context)
        return guard.handle

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Schedule for the process that the context belongs to."""
        if context is None:
            context = copy_context()
        process = context.get(_running)
        if process is None:
            return super().call_at(when, callback, *args, context=context)
        guard = _Guard(process, callback, args, context)
        guard.handle = handle = super().call_at(when, guard, context=context)
        return handle

    def call_again(self, guard: _Guard) -> None:
        """Schedule what had to wait; it can still be cancelled by its first handle."""
        super().call_soon(guard, context=guard.context)

    def run_in_executor(  # type: ignore[override]  # as much of it as is used
        self, _: None, func: Callable[[*Ts], T], *args: *Ts
    ) -> "asyncio.Future[T]":
        """Do the work of a thread in the loop, some time later."""
        future: asyncio.Future[T] = self.create_future()

        def work() -> None:
            if future.cancelled():
                return
            try:
                future.set_result(func(*args))
            except DamagedStateError as error:  # which whoever waits expects
                future.set_exception(error)

        self.call_later(self.rng.uniform(*THREAD_S), work)
        return future

    def fail(self, name: str, error: Exception) -> None:
        """End the simulation, because in the process of this name `error` was raised and nobody could catch it."""
        if self._failure is None:
            self._failure = error if isinstance(error, SimulationError) else UncaughtError(name, error)
            self.stop()

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run until `main` has ended, and return its result; raise what it raises, or what failed meanwhile."""
        task = self.create_task(main)
        task.add_done_callback(lambda _: self.stop())
        self.run_forever()
        if self._failure is not None:
            raise self._failure
        return task.result()

    def _uncaught(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.fail("the simulation", error if isinstance(error, Exception) else RuntimeError(context["message"]))

    def close(self) -> None:
        """Forget everything that has not happened: nobody is left to see what cleaning up does."""
        for task in asyncio.all_tasks(self):
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # asyncio's only way to say it is meant
            coroutine = task.get_coro()
            assert isinstance(coroutine, Coroutine)
            with suppress(RuntimeError):
                coroutine.close()
        super().close()
