"""What an actor says of where it runs, so that the driver can refuse a machine with other code."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PACKAGES = ("quorate_spec", "quorate", "quorate_check")  # actors search, or run steps, which any of these may decide


@dataclass(frozen=True, slots=True)
class Machine:
    """Where an actor runs: its node of the cluster, the bytes of memory installed there, a digest of its code."""

    node: str
    memory: int
    code: str


class OnMachine:
    """An actor that can say where it runs."""

    def machine(self) -> Machine:
        """Return where the actor runs."""
        ray: Any = importlib.import_module("ray")
        installed = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return Machine(ray.get_runtime_context().get_node_id(), installed, digest())


def digest() -> str:
    """Return a digest of all our code as this process has it."""
    total = hashlib.sha256()
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        assert spec is not None
        for folder in map(Path, spec.submodule_search_locations or ()):
            for path in sorted(folder.rglob("*.py")):
                total.update(f"{name} {path.relative_to(folder).as_posix()}\n".encode() + path.read_bytes())
    return total.hexdigest()
