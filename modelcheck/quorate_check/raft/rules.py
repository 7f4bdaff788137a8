"""The rules of a step of the Raft core: the specification's actions with its effect, and their passages in the paper.

The actions are those that `model-check conform` finds, so the rules of a step follow from its effect. The specification
has no queue of writes. For a step of a server with one, and for a step that isn't judged and has no explanation, the
rule is that of the action for its event.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import cache
from typing import Any

from quorate.raft import ChangeMembers, ElectionTimeout, HeartbeatTimeout, Message, StepDown
from quorate_check.conformance.report import NO_RULE
from quorate_check.core.system import Deliver
from quorate_check.raft.conformance.explain import explain
from quorate_check.raft.conformance.mapping import map_message
from quorate_check.raft.conformance.nearest import HANDLERS
from quorate_check.raft.conformance.steps import local_step
from quorate_check.raft.subject import (
    CheckerEvent,
    CheckQuorum,
    ClientRead,
    ClientRequest,
    Compact,
    Confirmation,
    CoreNode,
    Restart,
    Transfer,
)
from quorate_check.tell.described import Rule
from quorate_spec.raft import actions

SECTION = re.compile(r"(?:dissertation )?§[\d.]*\d")
FOR_EVENT: dict[type, Callable[..., Any]] = {
    ElectionTimeout: actions.timeout,
    HeartbeatTimeout: actions.append_entries,
    ClientRequest: actions.client_request,
    ClientRead: actions.begin_reads,
    ChangeMembers: actions.change_members,
    Restart: actions.restart,
    StepDown: actions.step_down,
    Transfer: actions.transfer_leadership,
    CheckQuorum: actions.step_down,
    Compact: actions.compact,
}


def rules(
    before: CoreNode, event: CheckerEvent, after: CoreNode, sent: tuple[Message, ...], *, is_judged: bool = True
) -> tuple[Rule, ...]:
    """Return the rules of the actions with the effect of a step; NO_RULE if a `is_judged` step has no explanation."""
    queues = bool(before.queue or after.queue)
    sequence = None if queues else explain(local_step(before, event, after, sent))
    if sequence is not None:
        return tuple(dict.fromkeys(map(rule, sequence)))
    if is_judged and not queues:
        return (NO_RULE,)
    if isinstance(event, Deliver) and not isinstance(event.message, Confirmation):
        return (rule(HANDLERS[type(map_message(event.message))].__name__),)
    action = FOR_EVENT.get(type(event))
    return () if action is None else (rule(action.__name__),)


@cache
def rule(action: str) -> Rule:
    """Return the rule of an action of the specification: its name, the sections in its docstring, and its sentence."""
    text = inspect.cleandoc(getattr(actions, action).__doc__ or "")
    sections = ", ".join(dict.fromkeys(SECTION.findall(text)))
    sentence = re.sub(r"\s*\((?:dissertation )?§[^)]*\)", "", text).strip().replace("`", "")
    return Rule("".join(part.capitalize() for part in action.split("_")), sections, sentence)
