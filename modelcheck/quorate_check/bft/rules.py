"""The rules of the Byzantine core's steps: the actions of Bft.tla, each with its group there and its sentence."""

from __future__ import annotations

import inspect
import re
from functools import cache

from quorate_check.tell.described import Rule
from quorate_spec.bft import actions

_GROUP = re.compile(r"^# (?P<group>.+)$|^def (?P<action>\w+)\(", re.MULTILINE)


def rule(action: str) -> Rule:
    """Return the rule of an action of the specification, with the name of the group in which Bft.tla has it."""
    sentence = " ".join((inspect.getdoc(getattr(actions, action)) or "").split())
    return Rule("".join(part.capitalize() for part in action.split("_")), _groups()[action], sentence)


@cache
def _groups() -> dict[str, str]:
    """Return the group of each action: the heading before it, which is the same in TLA+ and in Python."""
    groups, group = {}, ""
    for match in _GROUP.finditer(inspect.getsource(actions)):
        if match["action"] is None:
            group = match["group"]
        else:
            groups[match["action"]] = group
    return groups
