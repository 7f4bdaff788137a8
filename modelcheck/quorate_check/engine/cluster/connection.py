"""The driver's side of a Ray cluster: to be connected with it, and to have actors there that run the driver's code."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
from collections.abc import Iterator, Sequence
from typing import Any

from quorate_check.core.system import UnusableSystemError
from quorate_check.engine.cluster.machine import Machine, OnMachine, digest

LOCAL = "local"
MISSING = "Ray is missing: pip install 'quorate[cluster]'"
STORE_BYTES = 256 << 20  # for messages under way, on a machine where we start Ray
DEADLINE_S = 600.0  # for one answer
START_S = 120.0  # for all actors to be there


class Connection:
    """A connection with the Ray cluster at `address`, which the module `ray` has."""

    def __init__(self, ray: Any, address: str) -> None:  # noqa: ANN401 - the module
        self.ray, self.address = ray, address

    def begin(self, kind: type[OnMachine], arguments: Sequence[tuple[Any, ...]]) -> tuple[list[Any], list[Machine]]:
        """Return an actor for each of `arguments`, on a CPU of its own, and where they are.

        Raises UnusableSystemError if they can't be had, or if the code there isn't the code here.
        """
        remote = self.ray.remote(num_cpus=1)(kind)
        try:
            actors = [remote.remote(*own) for own in arguments]
            machines: list[Machine] = self.ray.get([a.machine.remote() for a in actors], timeout=START_S)
        except self.ray.exceptions.RayError as error:
            raise self.refusal(first_line(error)) from None
        if any(m.code != digest() for m in machines):
            raise self.refusal("its machines have another version of quorate; install this one")
        return actors, machines

    def refusal(self, reason: str) -> UnusableSystemError:
        """Return the error that says why the cluster can't be used."""
        return UnusableSystemError(f"--ray {self.address}: {reason}")

    def all(self, answers: Sequence[Any]) -> list[Any]:
        """Return the values of Ray's references; raise what Ray does for an actor that is lost, or that is late."""
        values: list[Any] = self.ray.get(list(answers), timeout=DEADLINE_S)
        return values


@contextlib.contextmanager
def connect(address: str, actors: int) -> Iterator[Connection]:
    """Be a driver of the cluster; start one of this process's own if the address is `local`."""
    if importlib.util.find_spec("ray") is None:
        raise UnusableSystemError(MISSING)
    os.environ.setdefault("RAY_IGNORE_UNHANDLED_ERRORS", "1")  # what an actor that dies leaves undone is said by us
    ray: Any = importlib.import_module("ray")
    connection = Connection(ray, address)
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR", "include_dashboard": None}
    try:
        if address == LOCAL:
            quiet["include_dashboard"] = False
            ray.init(address=LOCAL, num_cpus=actors, object_store_memory=STORE_BYTES, **quiet)
        else:
            ray.init(address=address, **quiet)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise connection.refusal(first_line(error)) from None
    try:
        there = int(ray.cluster_resources().get("CPU", 0))
        if there < actors:
            raise connection.refusal(f"the cluster has {there} CPUs for {actors} workers; add machines, or give fewer")
        yield connection
    finally:
        ray.shutdown()


def first_line(error: Exception) -> str:
    """Return Ray's own words in one line, or those of what an actor raised."""
    error = getattr(error, "cause", None) or error
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
