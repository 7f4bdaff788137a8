"""What the trace of a BFT member shows of it: its view and leader, its latest decisions, and its latest steps."""

import base64
from collections import deque
from typing import Any, Final

from quorate.bft.decisions import BLOCK
from quorate.cli.demo_web.traced_node import LONGEST_LOG, TracedNode

SHORT: Final = 8  # hexadecimal digits of a digest that a page shows


class TracedMember(TracedNode):
    """A member as its trace shows it. A decision is shown by the digest of its batch: requests are in no trace."""

    def __init__(self) -> None:
        """Know nothing of the member yet."""
        super().__init__()
        self._node = 0
        self._members: list[int] = []
        self._decided: deque[tuple[int, int, str]] = deque(maxlen=LONGEST_LOG)

    def values(self) -> dict[str, Any]:
        """Return what a page shows of the member."""
        index, view = self.state.get("index", 1), self.state.get("view", 1)
        # The members lead in turn (quorate.bft.state).
        leader = self._members[(index + view - 2) % len(self._members)] if self._members else None
        return {
            "boots": self.boots,
            "role": "leader" if leader == self._node else "follower",
            "period": "view",
            "term": view,
            "leader": leader,
            "vote": None,
            "commit": index - 1,
            "last": index - 1,
            "log": list(self._decided),
        }

    def _begin(self, line: dict[str, Any]) -> None:
        boot = line.get("disk", line)
        self._node, self._members = boot["node"], sorted(map(int, boot["keys"]))
        self._decided.clear()
        for certificate in boot["decisions"][-LONGEST_LOG:]:
            self._decide(certificate)
        index = boot["forgotten"] * BLOCK + len(boot["decisions"]) + 1
        self.state = {"index": index, "view": boot["view"]}

    def _step(self, line: dict[str, Any]) -> dict[str, Any]:
        (name, fields), state, before = line["event"], line["state"], self.state
        if name == "Decide" and state.get("index", 1) > before.get("index", 1):
            self._decide(fields["certificate"])
        self.state = state
        return {
            "boot": self.boots,
            "number": line["number"],
            "event": name,
            "from": fields.get("source"),
            "sent": [],  # the page shows messages as they pass
            "routine": state == before and not line["send"],
        }

    def _decide(self, certificate: dict[str, Any]) -> None:
        text = base64.b64decode(certificate["digest"]).hex()[:SHORT]
        self._decided.append((certificate["index"], certificate["view"], text))
