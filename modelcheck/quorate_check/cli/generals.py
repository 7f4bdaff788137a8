"""`model-check generals`: the table of claims, or one instance."""

from dataclasses import dataclass

from quorate.generals import Protocol, Rules
from quorate_check.cli.output import Output
from quorate_check.generals.examined import Row
from quorate_check.generals.report import print_examined, print_table
from quorate_check.generals.rounds import TooLargeError
from quorate_check.subjects.generals import Instance
from quorate_check.subjects.generals_claims import CLAIMS
from quorate_check.subjects.generals_examine import examine
from quorate_check.system import UnusableSystemError
from quorate_check.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of the command; None for those not given."""

    protocol: Protocol | None
    n: int | None
    traitors: int | None
    rounds: int | None
    loss: bool
    forge: bool


def generals(output: Output, asked: Asked) -> Verdict:
    """Examine and report what was asked for; of the table VIOLATED says that a claim is wrong."""
    if asked.protocol is None:
        if (asked.n, asked.traitors, asked.rounds, asked.loss, asked.forge) != (None, None, None, False, False):
            raise UnusableSystemError(
                "an instance of your own begins with --protocol; without it all claims are checked"
            )
        return _table(output)
    instance = _instance(asked, asked.protocol)
    try:
        found = examine(instance)
    except TooLargeError as error:
        raise UnusableSystemError(f"the instance is too large: {error}") from error
    print_examined(output.text, found)
    output.write_json(found.as_dict())
    return found.verdict


def _table(output: Output) -> Verdict:
    rows = [Row(claim.sentence, claim.verdict, examine(claim.instance)) for claim in CLAIMS]
    print_table(output.text, rows)
    wrong = any(not row.as_claimed for row in rows)
    output.write_json({"rows": [row.as_dict() for row in rows], "as_claimed": not wrong})
    return Verdict.VIOLATED if wrong else Verdict.HOLDS


def _instance(asked: Asked, protocol: Protocol) -> Instance:
    if asked.n is None or asked.traitors is None:
        raise UnusableSystemError(f"--protocol {protocol.value} needs --n and --traitors, as in --n 4 --traitors 1")
    m = _rounds(asked, protocol, asked.traitors)
    if protocol is Protocol.BRACHA and (asked.loss or asked.forge):
        raise UnusableSystemError("--loss and --forge: Bracha's broadcast is examined with good messengers only")
    if protocol is Protocol.SIGNED and asked.forge and not asked.traitors:
        raise UnusableSystemError("--forge: a forged signature needs a traitor whose message it is on; --traitors is 0")
    try:
        return Instance(Rules(protocol, asked.n, asked.traitors, m), loss=asked.loss, forge=asked.forge)
    except ValueError as error:
        raise UnusableSystemError(str(error)) from error


def _rounds(asked: Asked, protocol: Protocol, traitors: int) -> int:
    match protocol:
        case Protocol.VOTE:
            if asked.rounds not in {None, 1}:
                raise UnusableSystemError(f"--rounds {asked.rounds}: a vote has one round")
            return 0
        case Protocol.BRACHA:
            if asked.rounds is not None:
                raise UnusableSystemError(f"--rounds {asked.rounds}: Bracha's broadcast has no rounds; leave it out")
            return 0
        case _:
            return traitors if asked.rounds is None else asked.rounds
