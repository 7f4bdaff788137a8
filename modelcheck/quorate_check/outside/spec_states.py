"""The translation of a checker's states of Raft.tla into states of the Python text, and of its traces into paths."""

from __future__ import annotations

import re
from dataclasses import fields
from functools import lru_cache
from typing import Any

from quorate_check.core import behaviour
from quorate_check.core.networks import as_set
from quorate_check.core.path import GlobalState, Path, Step
from quorate_check.core.system import System
from quorate_check.engine.trace import renamings
from quorate_check.outside.judgement import CheckerError
from quorate_check.outside.tla_values import Function, ModelValue, State, Value
from quorate_spec.raft import messages
from quorate_spec.raft.messages import Config
from quorate_spec.raft.state import Answered, Applied, Disk, Progress, Role, Server, progress

NOBODY, NO_OP = ModelValue("Nil"), ModelValue("NoOpValue")
CACHE_SIZE = 1 << 16


def global_state(system: System, state: State) -> GlobalState:
    """Return the state of the Python text for `state`, Raft.tla's variables; raise CheckerError if it is invalid."""
    try:
        nodes = tuple(_server(state, node) for node in system.initial)
        flight = state["messages"]
        assert isinstance(flight, frozenset)
        unused = behaviour.start(system).used
        return GlobalState(nodes, as_set(map(_message, flight)), 0, unused)
    except (KeyError, TypeError, AttributeError, AssertionError, ValueError) as error:
        raise CheckerError(f"a state that Raft.tla doesn't have: {type(error).__name__} {error}") from error


def _server(state: State, initial: Server) -> Server:
    server = initial.id

    def value_of(variable: str) -> Any:  # noqa: ANN401 - any variable's
        values = state[variable]
        assert isinstance(values, Function)
        return values[ModelValue(f"s{server}")]

    def progress_of(variable: str, default: int) -> Progress:
        return progress({_plain(peer): index for peer, index in value_of(variable).pairs}, default)

    return Server(
        id=server,
        first_config=initial.first_config,
        current_term=value_of("currentTerm"),
        voted_for=_plain(value_of("votedFor")),
        log=tuple(_entry(messages.Entry, entry) for entry in value_of("log")),
        snapshot_index=value_of("snapshotIndex"),
        disk=_disk(value_of("disk")),
        role=Role(value_of("role")),
        commit_index=value_of("commitIndex"),
        votes_granted=frozenset(map(_plain, value_of("votesGranted"))),
        next_index=progress_of("nextIndex", 1),
        match_index=progress_of("matchIndex", 0),
        read_round=value_of("readRound"),
        read_index=value_of("readIndex"),
        confirmed_by=frozenset(map(_plain, value_of("confirmedBy"))),
        transfer_target=_plain(value_of("transferTarget")),
        led=value_of("led"),
        applied=tuple(_entry(Applied, entry) for entry in value_of("applied")),
        answered=frozenset(_entry(Answered, record) for record in value_of("answered")),
    )


@lru_cache(CACHE_SIZE)
def _disk(value: Value) -> Disk | None:
    return None if value == NOBODY else _entry(Disk, value)


@lru_cache(CACHE_SIZE)
def _message(record: Function) -> Any:  # noqa: ANN401 - of any of the messages' classes
    """Return a message: mtype names its class, and the fields are the class's, in camel case after an m."""
    kind = getattr(messages, str(record["mtype"]))
    values = {f.name: record["m" + _camel(f.name)] for f in fields(kind)}
    assert len(values) + 1 == len(record.pairs), f"{kind.__name__} has other fields"
    return kind(**{name: _plain(value) for name, value in values.items()})


def _camel(name: str) -> str:
    return re.sub(r"_(\w)", lambda m: m.group(1).upper(), name)


@lru_cache(CACHE_SIZE)
def _entry(kind: type[Any], record: Function) -> Any:  # noqa: ANN401 - of the given kind
    return kind(**{f.name: _plain(record[_camel(f.name)]) for f in fields(kind)})


def _set(value: Value) -> frozenset[Value]:
    assert isinstance(value, frozenset)
    return value


def _plain(value: Value) -> Any:  # noqa: ANN401 - whatever stands for it in the Python text
    match value:
        case ModelValue(name="Nil" | "NoOpValue"):
            return None
        case ModelValue(name=name):
            return int(name[1:]) if re.fullmatch(r"s\d+", name) else name
        case Function() if any(key == "outgoing" for key, _ in value.pairs):
            return Config(*(frozenset(map(_plain, _set(value[f.name]))) for f in fields(Config)))
        case tuple():
            return tuple(_entry(messages.Entry, entry) for entry in value)
        case _:
            return value


def path_along(system: System, states: tuple[GlobalState, ...], broken: str) -> Path:
    """Return the path of `system` through `states`, or through renamings of them if it is symmetric.

    Raises CheckerError if one of them isn't a successor of the one before.
    """
    first = behaviour.start(system)
    if not states or first not in renamings(system, states[0]):
        raise CheckerError("its trace doesn't begin in our initial state")
    state, steps = first, list[Step]()
    for number, target in enumerate(states[1:], start=1):
        images = renamings(system, target)
        offers = [Step(move, after) for move, _, after in behaviour.moves(system, state) if after in images]
        if not offers:
            raise CheckerError(f"step {number} of its trace is none of the Python text's")
        steps.append(min(offers, key=lambda step: repr(step.move)))
        assert steps[-1].after is not None
        state = steps[-1].after
    return Path(first, tuple(steps), broken)
