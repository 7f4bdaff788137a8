"""Reports for CI, read as CI systems read them."""

from functools import cache
from pathlib import Path
from xml.etree import ElementTree as ET

import xmlschema

SCHEMA = Path(__file__).parent / "junit-10.xsd"


@cache
def schema() -> xmlschema.XMLSchema:
    """What a report must be."""
    return xmlschema.XMLSchema(SCHEMA)


def read_junit(text: str) -> dict[tuple[str, str], str]:
    """What a report says of each case: passed, failure, error or skipped.

    Its structure has been validated then, its counts are those of its cases, no two cases have the same names, and a
    case that didn't pass says why.
    """
    schema().validate(text)
    top = ET.fromstring(text.encode())  # noqa: S314 - our own
    found: dict[tuple[str, str], str] = {}
    for level in (top, *top):
        cases = list(level.iter("testcase"))
        assert int(level.attrib.get("tests", len(cases))) == len(cases)
        for count, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(level.attrib.get(count, -1)) in {-1, sum(case.find(tag) is not None for case in cases)}
    for case in top.iter("testcase"):
        status = case[0].tag if len(case) and case[0].tag != "system-out" else "passed"
        assert status == "passed" or case[0].attrib["message"]
        found[case.attrib["classname"], case.attrib["name"]] = status
    assert len(found) == len(list(top.iter("testcase")))
    return found
