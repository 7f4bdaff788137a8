"""A parser of values and states as TLA+ tools print them.

A set becomes a frozenset, a sequence a tuple, a record or function a Function, a model value a ModelValue. `true` and
`false`, as tla-checker prints them, are read like `TRUE` and `FALSE`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

CACHE_SIZE = 1 << 16  # most variables have few distinct values, and a dump prints each of them many times

_TOKEN = re.compile(r'\s*(?:(\|->|:>|@@|<<|>>|\.\.|[{}\[\](),])|("(?:[^"\\]|\\.)*")|(-?\d+)|([A-Za-z_]\w*))')
_ESCAPED = re.compile(r"\\(.)")
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f"}
_WORDS = {"TRUE": True, "FALSE": False, "true": True, "false": False}
_CONJUNCT = re.compile(r"^\s*(?:/\\ )?(\w+) = ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ModelValue:
    """A value that equals only itself, known by its name."""

    name: str


@dataclass(frozen=True, slots=True)
class Function:
    """A function or record as the set of its (argument, value) pairs."""

    pairs: frozenset[tuple[Value, Value]]

    def __getitem__(self, argument: Value) -> Value:
        """Return the value at `argument`; raise KeyError if it isn't in the domain."""
        return dict(self.pairs)[argument]


Value: TypeAlias = "bool | int | str | ModelValue | Function | frozenset[Value] | tuple[Value, ...]"
State: TypeAlias = dict[str, Value]


class UnreadableError(ValueError):
    """A text is no TLA+ value, or one of a kind that this parser doesn't read."""


@lru_cache(CACHE_SIZE)
def parse(text: str) -> Value:
    """Return the value that `text` denotes; raise UnreadableError if it denotes none."""
    parser = _Parser(list(_tokens(text)))
    value = parser.value()
    if parser.position != len(parser.tokens):
        raise UnreadableError(f"more than one value: {text!r}")
    return value


def parse_state(text: str) -> State:
    r"""Return the variables of a state printed as `/\ name = value` lines (a single one without the conjunction)."""
    conjuncts = list(_CONJUNCT.finditer(text))
    ends = [m.start() for m in conjuncts[1:]] + [len(text)]
    return {m.group(1): parse(text[m.end() : end].strip()) for m, end in zip(conjuncts, ends, strict=True)}


def _tokens(text: str) -> Iterator[str]:
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            raise UnreadableError(f"unreadable from {text[position : position + 40]!r} on")
        yield match.group().lstrip()
        position = match.end()


class _Parser:
    """Recursive descent over tokens; `at` is the next one."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens, self.position = tokens, 0

    def peek(self) -> str:
        return self.tokens[self.position] if self.position < len(self.tokens) else ""

    def take(self) -> str:
        if self.position == len(self.tokens):
            raise UnreadableError("the text ends in the middle of a value")
        self.position += 1
        return self.tokens[self.position - 1]

    def expect(self, token: str) -> None:
        if (other := self.take()) != token:
            raise UnreadableError(f"{other!r} stands where {token!r} should")

    def value(self) -> Value:
        token = self.take()
        match token:
            case "{":
                return frozenset(self.separated("}"))
            case "<<":
                return tuple(self.separated(">>"))
            case "[":
                return Function(frozenset(self.fields()))
            case "(":
                return self.function()
            case _:
                return self.simple(token)

    def simple(self, token: str) -> Value:
        """Return the value that one token is, or begins if it begins an interval."""
        if token[0] == '"':
            return _ESCAPED.sub(lambda m: _CONTROLS.get(m.group(1), m.group(1)), token[1:-1])
        if token.lstrip("-").isdigit():
            return self.number(int(token))
        if token[0].isalpha() or token[0] == "_":
            return _WORDS.get(token, ModelValue(token))
        raise UnreadableError(f"{token!r} begins no value")

    def number(self, first: int) -> Value:
        """Return a number, or the interval that begins with it."""
        if self.peek() != "..":
            return first
        self.take()
        return frozenset(range(first, int(self.take()) + 1))

    def separated(self, end: str) -> Iterator[Value]:
        """Yield values with commas between them, up to `end`."""
        while self.peek() != end:
            yield self.value()
            if self.peek() != end:
                self.expect(",")
        self.take()

    def fields(self) -> Iterator[tuple[Value, Value]]:
        """Yield the fields of a record."""
        while self.peek() != "]":
            name = self.take()
            self.expect("|->")
            yield name, self.value()
            if self.peek() != "]":
                self.expect(",")
        self.take()

    def function(self) -> Value:
        """Return what stands in parentheses: a function as `a :> b @@ c :> d`, or any value."""
        first = self.value()
        if self.peek() == ")":
            self.take()
            return first
        pairs = []
        while True:
            self.expect(":>")
            pairs.append((first, self.value()))
            if self.take() == ")":
                return Function(frozenset(pairs))
            first = self.value()
