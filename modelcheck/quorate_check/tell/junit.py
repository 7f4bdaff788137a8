"""Results as JUnit's XML, which CI systems read: suites of cases, each passed, failed, in error or skipped."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from xml.etree.ElementTree import Element, SubElement, indent, tostring

FORBIDDEN = re.compile("[^\\t\\n\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")  # in XML


class Status(Enum):
    """The result of a case; each value but PASSED is the name of an XML element."""

    PASSED = "passed"
    FAILED = "failure"
    ERROR = "error"  # the verdict is unknown
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Case:
    """One check with its result; `message` is one line, `text` the details."""

    name: str
    status: Status = Status.PASSED
    message: str = ""
    text: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Suite:
    """Cases that were checked together."""

    name: str
    cases: tuple[Case, ...]
    seconds: float = 0.0


def junit_text(suites: Sequence[Suite]) -> str:
    """Return the suites as the text of a JUnit XML file."""
    top = Element("testsuites", _counts([case for suite in suites for case in suite.cases]))
    del top.attrib["skipped"]  # in the schema only a testsuite has it
    top.set("time", f"{sum(suite.seconds for suite in suites):.3f}")
    for suite in suites:
        element = SubElement(top, "testsuite", {"name": _clean(suite.name), **_counts(suite.cases)})
        element.set("time", f"{suite.seconds:.3f}")
        for case in suite.cases:
            case_element = SubElement(element, "testcase", {"classname": _clean(suite.name), "name": _clean(case.name)})
            case_element.set("time", f"{case.seconds:.3f}")
            if case.status is not Status.PASSED:
                SubElement(case_element, case.status.value, {"message": _clean(case.message)}).text = _clean(case.text)
            elif case.message:
                SubElement(case_element, "system-out").text = _clean(case.message)
    indent(top)
    # Written as bytes: for a string the declaration would name the encoding of this machine's locale.
    text: bytes = tostring(top, encoding="utf-8", xml_declaration=True)
    return text.decode("utf-8") + "\n"


def _counts(cases: Sequence[Case]) -> dict[str, str]:
    counts = {"tests": len(cases)}
    for name, status in (("failures", Status.FAILED), ("errors", Status.ERROR), ("skipped", Status.SKIPPED)):
        counts[name] = sum(case.status is status for case in cases)
    return {name: str(count) for name, count in counts.items()}


def _clean(text: str) -> str:
    return FORBIDDEN.sub("?", text)
