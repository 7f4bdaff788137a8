"""What a history can hold and what the store offers are two lists, of which each command is in both."""

import pytest

from quorate.store.commands import COMMANDS
from quorate.store.entries import Reads, Writes
from quorate_check.history.model import NAMES, REFUSED, UnknownOperationError, validate

ABOUT_THE_MAP = frozenset(name.decode() for name, entry in COMMANDS.items() if isinstance(entry, Reads | Writes))


def test_every_command_on_the_map_is_judged_or_refused_with_a_reason() -> None:
    """And nothing is that the store hasn't: who adds a command decides what histories say of it."""
    assert not NAMES & REFUSED.keys()
    assert NAMES | REFUSED.keys() == ABOUT_THE_MAP


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_is_refused_says_why_in_one_line(name: str) -> None:
    """The reason stands behind the operation's name."""
    with pytest.raises(UnknownOperationError) as refused:
        validate(name, ["key", "1"])
    assert str(refused.value) == f"operation {name!r} can't be judged: {REFUSED[name]}"
    assert "\n" not in str(refused.value)
