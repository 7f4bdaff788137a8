"""Every model in manifest.toml has exactly the counts that are pinned there.

    python tests/modelcheck/test_manifest.py --write

writes what is counted now. Commit that only when you can say which change of the core or of the bounds explains each
difference: a count that changes by itself is a bug.
"""

import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from quorate_check import engine
from quorate_check.raft.bounds import RaftBounds

MANIFEST = Path(__file__).with_name("manifest.toml")
COUNTS = ("states", "transitions", "over_capacity", "depth", "orbit_sum")
MEMORY = 1 << 28

HEADER = """\
# The Raft core within bounds: what an exhaustive search counts. Bounds that aren't named have RaftBounds' defaults.
# orbit_sum is what the representatives stand for, where interchangeable servers are reduced to one of them.
# `python tests/modelcheck/test_manifest.py --write` counts again; every difference must have an explanation.
"""


def models() -> list[dict[str, Any]]:
    """The models of the manifest."""
    found: list[dict[str, Any]] = tomllib.loads(MANIFEST.read_text(encoding="utf-8"))["model"]
    return found


def counted(model: dict[str, Any]) -> dict[str, int]:
    """What a search of `model` counts now."""
    bounds = RaftBounds.from_dict({**RaftBounds().as_dict(), **model["bounds"]})
    found = engine.explore(bounds.system(), engine.Limits(memory=MEMORY))
    assert found.path is None, found.conclusion
    assert found.exhaustive, found.conclusion
    return {name: getattr(found, name) for name in COUNTS if getattr(found, name) is not None}


def write() -> None:
    """Count all models and write the manifest."""
    parts = [HEADER]
    for model in models():
        lines = ["[[model]]", f'name = "{model["name"]}"', "", "[model.bounds]"]
        lines += [f"{key} = {toml(value)}" for key, value in model["bounds"].items()]
        lines += ["", "[model.counts]", *(f"{key} = {value:_}" for key, value in counted(model).items()), ""]
        parts.append("\n".join(lines))
    MANIFEST.write_text("\n".join(parts), encoding="utf-8")


def toml(value: bool | int | str) -> str:  # noqa: FBT001 - the value is data
    """Return `value` in TOML."""
    return str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)


@pytest.mark.parametrize("model", models(), ids=lambda model: model["name"])
def test_a_model_has_the_counts_that_are_pinned(model: dict[str, Any]) -> None:
    """An exhaustive search finds the same states, transitions, depth and orbits as when the manifest was written."""
    assert counted(model) == model["counts"]


def test_the_manifest_covers_every_dimension() -> None:
    """The models differ in servers, network, storage, faults and extensions, so that none can change unseen."""
    bounds = [RaftBounds.from_dict({**RaftBounds().as_dict(), **model["bounds"]}).as_dict() for model in models()]
    servers, networks = {b["servers"] for b in bounds}, {b["network"] for b in bounds}
    assert servers >= {1, 2, 3, 4}
    assert networks == {"unordered", "ordered", "lockstep"}
    faults = ("drops", "duplicates", "restarts", "step_downs", "snapshots", "reads")
    for dimension in (*faults, "storage", "pre_vote", "no_op", "symmetry"):
        assert len({b[dimension] for b in bounds if dimension in b}) > 1, dimension


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: python tests/modelcheck/test_manifest.py --write")
    write()
