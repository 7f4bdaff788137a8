"""A replicated log that tolerates traitors: a pure core without input, output or a clock."""

from quorate.bft.decisions import Decisions
from quorate.bft.errors import LocalError, RemoteError
from quorate.bft.events import Event, Receive, Submit, ViewTimeout, WaitOver
from quorate.bft.evidence import Evidence, is_proof
from quorate.bft.messages import Certificate, Decide, Message, NodeId, Prepared, Propose, Timeout, Vote
from quorate.bft.node import restart, step
from quorate.bft.output import Durable, Output, Persist
from quorate.bft.signatures import Signer, SymbolicSigner, SymbolicVerifier, Verifier
from quorate.bft.state import Config, State
from quorate.bft.statements import Phase, Statement, canonical

__all__ = [
    "Certificate",
    "Config",
    "Decide",
    "Decisions",
    "Durable",
    "Event",
    "Evidence",
    "LocalError",
    "Message",
    "NodeId",
    "Output",
    "Persist",
    "Phase",
    "Prepared",
    "Propose",
    "Receive",
    "RemoteError",
    "Signer",
    "State",
    "Statement",
    "Submit",
    "SymbolicSigner",
    "SymbolicVerifier",
    "Timeout",
    "Verifier",
    "ViewTimeout",
    "Vote",
    "WaitOver",
    "canonical",
    "is_proof",
    "restart",
    "step",
]
