"""`model-check generals`: the table of claims, or one instance."""

from dataclasses import dataclass
from enum import Enum

from quorate.generals import Protocol, Rules
from quorate_check.api import extras
from quorate_check.cli.junit import status_of
from quorate_check.cli.output import Output
from quorate_check.cli.paths import draw, needs_one_search
from quorate_check.cli.progress import Display
from quorate_check.cli.running import interruptible
from quorate_check.core.system import UnusableSystemError
from quorate_check.core.verdict import Verdict
from quorate_check.generals.claims import CLAIMS
from quorate_check.generals.examine import examine
from quorate_check.generals.examined import Examined, Method, Row, Story
from quorate_check.generals.report import conclusion, instance_line, print_examined, print_table, verdict
from quorate_check.generals.rounds import TooLargeError
from quorate_check.generals.subject import IC1, IC2, Instance, is_oral
from quorate_check.generals.watch import Progress, Watch
from quorate_check.tell.junit import Case, Status, Suite
from quorate_check.tell.summary import SideCheck

WAITING = "examining"


class By(Enum):
    """How an instance may be examined, as --method names it."""

    ENUMERATION = "enumeration"
    PROJECTION = "projection"
    Z3 = "z3"


METHODS = {By.ENUMERATION: Method.ENUMERATION, By.PROJECTION: Method.VIEW_PROJECTION, By.Z3: Method.Z3}


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of the command; None for those not given."""

    protocol: Protocol | None
    n: int | None
    traitors: int | None
    rounds: int | None
    loss: bool
    forge: bool
    by: By | None = None


def generals(output: Output, asked: Asked) -> Verdict:
    """Examine and report what was asked for; of the table VIOLATED says that a claim is wrong."""
    if asked.protocol is None:
        if asked != Asked(None, None, None, None, loss=False, forge=False):
            raise UnusableSystemError(
                "an instance of your own begins with --protocol; without it all claims are checked"
            )
        needs_one_search(output, "name one with --protocol")
        return _table(output)
    instance, method = _instance(asked, asked.protocol), None if asked.by is None else METHODS[asked.by]
    if method in {Method.VIEW_PROJECTION, Method.Z3} and not is_oral(instance):
        raise UnusableSystemError("--method projection and z3 are for om with a traitor and good messengers")
    if method is Method.Z3 and not extras.has_z3():
        raise UnusableSystemError(extras.MISSING)
    with interruptible(output.progress) as stop, Display(output.progress, "generals", WAITING, watched_line) as display:
        try:
            found = examine(instance, Watch(stop, display.report), method)
        except TooLargeError as error:
            raise UnusableSystemError(f"the instance is too large: {error}") from error
    print_examined(output.text, found)
    if found.stories:
        draw(output, found.stories[0].picture)
    output.write_json(found.as_dict())
    output.write_junit([_suite(found)])
    return found.verdict


def watched_line(progress: Progress) -> str:
    """Return how far an examination has come."""
    return f"{progress.done:,} of {progress.of:,} {progress.unit}, {progress.steps:,} steps"


def all_claims(output: Output) -> list[Row]:
    """Examine the claims in order, up to one that is interrupted."""
    rows: list[Row] = []
    with interruptible(output.progress) as stop, Display(output.progress, "generals", WAITING, watched_line) as display:
        for number, claim in enumerate(CLAIMS, start=1):
            display.renamed(f"generals, claim {number} of {len(CLAIMS)}")
            rows.append(Row(claim.sentence, claim.verdict, examine(claim.instance, Watch(stop, display.report))))
            if rows[-1].found.stopped is not None:
                break
    return rows


def beside(output: Output) -> SideCheck:
    """Examine the claims for the default check."""
    rows = all_claims(output)
    return SideCheck("generals", conclusion(rows).split(" (")[0], sum(row.found.seconds for row in rows), verdict(rows))


def _table(output: Output) -> Verdict:
    rows = all_claims(output)
    print_table(output.text, rows)
    found = verdict(rows)
    output.write_json({"rows": [row.as_dict() for row in rows], "as_claimed": found is Verdict.HOLDS})
    output.write_junit([_suite_of_claims(rows)])
    return found


def _suite_of_claims(rows: list[Row]) -> Suite:
    """Return a case for each claim, an error for one that wasn't examined to the end."""
    cases = []
    for row in rows:
        found = row.found
        if found.stopped is not None:
            cases.append(Case(row.claim, Status.ERROR, f"unknown: {found.stopped}", seconds=found.seconds))
            continue
        status = Status.PASSED if row.as_claimed else Status.FAILED
        said = f"{found.verdict.value}, and {row.expected.value} is expected"
        cases.append(Case(row.claim, status, said, "\n".join(map(_told, found.stories)), found.seconds))
    left = [Case(claim.sentence, Status.ERROR, "not examined") for claim in CLAIMS[len(rows) :]]
    return Suite("generals: claims", (*cases, *left), sum(row.found.seconds for row in rows))


def _suite(found: Examined) -> Suite:
    """Return an instance: a case for each promise, and one for the examination.

    Where not every run was played to its end, a promise that isn't broken was judged only if none is.
    """
    stories = {story.broken: _told(story) for story in found.stories}
    broken = {IC1: found.ic1_violations, IC2: found.ic2_violations}
    conclusion = found.verdict.value if found.stopped is None else f"unknown: {found.stopped}"
    cases = []
    for name, times in broken.items():
        if times:
            cases.append(Case(name, Status.FAILED, f"broken {times:,} times", stories.get(name, "")))
        elif found.stopped is not None:
            cases.append(Case(name, Status.ERROR, conclusion))
        elif any(broken.values()) and found.method is not Method.ENUMERATION:
            cases.append(Case(name, Status.SKIPPED, "not judged wherever the other promise broke"))
        else:
            cases.append(Case(name))
    whole = Case("the examination", status_of(found.verdict), conclusion, seconds=found.seconds)
    return Suite(instance_line(found), (*cases, whole), found.seconds)


def _told(story: Story) -> str:
    return "\n".join(story.lines)


def _instance(asked: Asked, protocol: Protocol) -> Instance:
    if asked.n is None or asked.traitors is None:
        raise UnusableSystemError(f"--protocol {protocol.value} needs --n and --traitors, as in --n 4 --traitors 1")
    m = _rounds(asked, protocol, asked.traitors)
    if protocol is Protocol.BRACHA and asked.forge:
        raise UnusableSystemError(
            "--forge: to change a general's word in Bracha's broadcast is to make him a traitor; give more --traitors"
        )
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
