"""The signed BFT protocol's entries in the registry: its systems by name."""

from __future__ import annotations

from quorate_check.api.registry import Registered, Subject
from quorate_check.bft.bounds import BftBounds
from quorate_check.bft.conformance import check as conformance
from quorate_check.bft.good_views_bounds import GoodViewsBounds
from quorate_check.bft.member import MemberBounds

REGISTERED = Registered(
    subjects=(
        Subject("bft", lambda bounds: BftBounds(**bounds).system()),
        Subject("bft-liveness", lambda bounds: GoodViewsBounds(**bounds).system()),
        Subject(conformance.SUBJECT, lambda bounds: conformance.Conformance().system(MemberBounds(**bounds))),
    ),
)
