"""`model-check generals`: the table of claims, or one instance."""

from dataclasses import dataclass
from enum import Enum

from quorate.generals import Protocol, Rules
from quorate_check.api import extras
from quorate_check.cli.junit import status_of
from quorate_check.cli.output import Output
from quorate_check.cli.paths import draw, refuse_path_files
from quorate_check.cli.progress import Display
from quorate_check.cli.running import interruptible
from quorate_check.core.system import UnusableSystemError
from quorate_check.core.verdict import Verdict
from quorate_check.generals.claims import CLAIMS
from quorate_check.generals.examine import examine
from quorate_check.generals.report import conclusion, instance_line, print_examined, print_table, verdict
from quorate_check.generals.result import BrokenRun, Examination, Method, Row
from quorate_check.generals.rounds import TooLargeError
from quorate_check.generals.subject import IC1, IC2, Instance, is_oral
from quorate_check.generals.watch import Watch, WorkProgress
from quorate_check.tell.junit import Case, Status, Suite
from quorate_check.tell.summary import SideCheck

WAITING = "examining"


class MethodName(Enum):
    """The methods by which an instance may be examined, as --method names them."""

    ENUMERATION = "enumeration"
    PROJECTION = "projection"
    Z3 = "z3"


METHODS = {
    MethodName.ENUMERATION: Method.ENUMERATION,
    MethodName.PROJECTION: Method.VIEW_PROJECTION,
    MethodName.Z3: Method.Z3,
}


@dataclass(frozen=True, slots=True)
class InstanceOptions:
    """The options of the command; None for those not given."""

    protocol: Protocol | None
    n: int | None
    traitors: int | None
    rounds: int | None
    loss: bool
    forge: bool
    method: MethodName | None = None


def generals(output: Output, options: InstanceOptions) -> Verdict:
    """Examine one instance, or all claims, and report it; VIOLATED means of the claims that one is wrong."""
    if options.protocol is None:
        if options != InstanceOptions(None, None, None, None, loss=False, forge=False):
            raise UnusableSystemError("an instance of your own needs --protocol; without it all claims are checked")
        refuse_path_files(output, "name one with --protocol")
        return _table(output)
    instance, method = _instance(options, options.protocol), None if options.method is None else METHODS[options.method]
    if method in {Method.VIEW_PROJECTION, Method.Z3} and not is_oral(instance):
        raise UnusableSystemError(
            "--method projection and z3 need --protocol om and a traitor, and no --loss or --forge"
        )
    if method is Method.Z3 and not extras.has_z3():
        raise UnusableSystemError(extras.MISSING)
    with interruptible(output.progress) as stop, Display(output.progress, "generals", WAITING, watched_line) as display:
        try:
            examined = examine(instance, Watch(stop, display.report), method)
        except TooLargeError as error:
            raise UnusableSystemError(f"the instance is too large: {error}") from error
    print_examined(output.text, examined)
    if examined.stories:
        draw(output, examined.stories[0].picture)
    output.write_json(examined.as_dict())
    output.write_junit([_suite(examined)])
    return examined.verdict


def watched_line(progress: WorkProgress) -> str:
    """Return the progress of an examination."""
    return f"{progress.done:,} of {progress.total:,} {progress.unit}, {progress.steps:,} steps"


def all_claims(output: Output) -> list[Row]:
    """Examine the claims in order, up to one that is interrupted."""
    rows: list[Row] = []
    with interruptible(output.progress) as stop, Display(output.progress, "generals", WAITING, watched_line) as display:
        for number, claim in enumerate(CLAIMS, start=1):
            display.rename(f"generals, claim {number} of {len(CLAIMS)}")
            rows.append(Row(claim.sentence, claim.verdict, examine(claim.instance, Watch(stop, display.report))))
            if rows[-1].result.stopped is not None:
                break
    return rows


def claims_check(output: Output) -> SideCheck:
    """Examine the claims for the default check."""
    rows = all_claims(output)
    return SideCheck(
        "generals", conclusion(rows).split(" (")[0], sum(row.result.seconds for row in rows), verdict(rows)
    )


def _table(output: Output) -> Verdict:
    rows = all_claims(output)
    print_table(output.text, rows)
    outcome = verdict(rows)
    output.write_json({"rows": [row.as_dict() for row in rows], "as_claimed": outcome is Verdict.HOLDS})
    output.write_junit([_suite_of_claims(rows)])
    return outcome


def _suite_of_claims(rows: list[Row]) -> Suite:
    """Return a case for each claim, an error for one that wasn't examined to the end."""
    cases = []
    for row in rows:
        examined = row.result
        if examined.stopped is not None:
            cases.append(Case(row.claim, Status.ERROR, f"unknown: {examined.stopped}", seconds=examined.seconds))
            continue
        status = Status.PASSED if row.as_claimed else Status.FAILED
        text = f"{examined.verdict.value}, and {row.expected.value} is expected"
        cases.append(Case(row.claim, status, text, "\n".join(map(_story_text, examined.stories)), examined.seconds))
    rest = [Case(claim.sentence, Status.ERROR, "not examined") for claim in CLAIMS[len(rows) :]]
    return Suite("generals: claims", (*cases, *rest), sum(row.result.seconds for row in rows))


def _suite(examined: Examination) -> Suite:
    """Return the suite of an instance: a case for each promise, and one for the examination.

    Methods other than enumeration don't judge a promise in runs in which the other one broke.
    """
    stories = {story.broken: _story_text(story) for story in examined.stories}
    violations = {IC1: examined.ic1_violations, IC2: examined.ic2_violations}
    conclusion = examined.verdict.value if examined.stopped is None else f"unknown: {examined.stopped}"
    cases = []
    for name, times in violations.items():
        if times:
            cases.append(Case(name, Status.FAILED, f"broken {times:,} times", stories.get(name, "")))
        elif examined.stopped is not None:
            cases.append(Case(name, Status.ERROR, conclusion))
        elif any(violations.values()) and examined.method is not Method.ENUMERATION:
            cases.append(Case(name, Status.SKIPPED, "not judged wherever the other promise broke"))
        else:
            cases.append(Case(name))
    whole = Case("the examination", status_of(examined.verdict), conclusion, seconds=examined.seconds)
    return Suite(instance_line(examined), (*cases, whole), examined.seconds)


def _story_text(story: BrokenRun) -> str:
    return "\n".join(story.lines)


def _instance(options: InstanceOptions, protocol: Protocol) -> Instance:
    if options.n is None or options.traitors is None:
        raise UnusableSystemError(f"--protocol {protocol.value} needs --n and --traitors, as in --n 4 --traitors 1")
    m = _rounds(options, protocol, options.traitors)
    if protocol is Protocol.BRACHA and options.forge:
        raise UnusableSystemError(
            "--forge: in Bracha's broadcast a forged message makes its sender a traitor; give more --traitors"
        )
    if protocol is Protocol.SIGNED and options.forge and not options.traitors:
        raise UnusableSystemError("--forge: only messages of traitors get forged signatures, and --traitors is 0")
    try:
        return Instance(Rules(protocol, options.n, options.traitors, m), loss=options.loss, forge=options.forge)
    except ValueError as error:
        raise UnusableSystemError(str(error)) from error


def _rounds(options: InstanceOptions, protocol: Protocol, traitors: int) -> int:
    match protocol:
        case Protocol.VOTE:
            if options.rounds not in {None, 1}:
                raise UnusableSystemError(f"--rounds {options.rounds}: a vote has one round")
            return 0
        case Protocol.BRACHA:
            if options.rounds is not None:
                raise UnusableSystemError(f"--rounds {options.rounds}: Bracha's broadcast has no rounds; leave it out")
            return 0
        case _:
            return traitors if options.rounds is None else options.rounds
