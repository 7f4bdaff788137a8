"""A path as a regression test: it fails while the path breaks its promise, and is skipped if a step is impossible.

A protocol may register tests for its paths that need no checker. Any other path is embedded in its test as `--save`
writes it, and replayed by the checker.
"""

from __future__ import annotations

from quorate_check.api import registry
from quorate_check.core.path import Path
from quorate_check.core.system import System
from quorate_check.tell.path_text import breakage
from quorate_check.tell.pytest_text import docstring, snake
from quorate_check.tell.saved import SavedPath


def regression_test(saved: SavedPath, system: System, path: Path) -> str:
    """Return the text of a test that walks `path` and asserts that it keeps its promise, or reaches its witness."""
    if path.reached:
        condition = "result.path is not None and result.path.reached"
        return _replay_test(saved, "reaches a witness", "is_reached", f"{path.broken} was seen at its end.", condition)
    reason = breakage(system, path)
    sentence = " ".join(filter(None, (f"{path.broken} broke here: {reason.sentence}.", reason.why)))
    entry = registry.subject(saved.subject)
    protocol_test = None if entry is None or entry.test is None else entry.test(saved, path, sentence)
    return protocol_test or _replay_test(saved, "breaks a promise", "holds", sentence, "result.path is None")


def _replay_test(saved: SavedPath, ending: str, claim: str, sentence: str, condition: str) -> str:
    """Return the text of a test that replays a path and asserts `condition`, an expression of `result`."""
    return f'''"""A path of {saved.subject!r} that {ending}, written by model-check --pytest."""

import pytest

from quorate_check.api.registry import system_of
from quorate_check.tell.saved import parse, replay

PATH = {saved.text().splitlines()!r}


def test_{snake(saved.broken)}_{claim}_on_this_path() -> None:
{docstring(sentence)}
    saved = parse("\\n".join(PATH))
    result = replay(saved, system_of(saved))
    if result.obstacle is not None:
        pytest.skip(result.conclusion)
    assert {condition}, result.conclusion
'''
