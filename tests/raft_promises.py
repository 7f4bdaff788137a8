"""A promise that Raft breaks in a few steps, for what happens then."""

from quorate_check import Invariant, Over

NOBODY_LEADS = Invariant(
    "NobodyLeads", "no server ever leads", lambda s: s.record.terms_led, lambda v: not v[0], Over.EACH
)
