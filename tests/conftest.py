"""What every test run begins with, and what no run may skip."""

import os
import re
import signal
import sys
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

from nightly import NIGHTLY

# How long an example takes says how busy the machine is, and nothing of what is tested.
settings.register_profile("quorate", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("quorate")

# Programs that are known to be there: a test that is skipped for want of one has looked for it in the wrong place.
REQUIRED = os.environ.get("QUORATE_REQUIRED", "").split()


def pytest_configure() -> None:
    """Let processes that tests start hear of Ctrl-C: a shell that runs the tests in the background has it ignored.

    Nor does what is printed depend on how wide somebody likes it.
    """
    os.environ.pop("COLUMNS", None)
    if not NIGHTLY:
        # TLC's runs are short by day: a JVM that compiles quickly needs a third less time for them.
        os.environ["JAVA_TOOL_OPTIONS"] = f"{os.environ.get('JAVA_TOOL_OPTIONS', '')} -XX:TieredStopAtLevel=1".strip()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def _no_bytecode() -> None:
    """Keep no bytecode of modules that tests write.

    Python takes a module for unchanged that is as long as before and was written within the same second.
    """
    sys.dont_write_bytecode = True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the pages, which take long: at the end one worker would wait for the other's."""
    items.sort(key=lambda item: item.path.name != "test_pages.py")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that is skipped for want of a program that is there."""
    report = yield
    _fail_if_required(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fail a module that is skipped for want of a program that is there."""
    report = yield
    _fail_if_required(report)
    return report


def _fail_if_required(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.outcome != "skipped" or not isinstance(report.longrepr, tuple):
        return
    reason = report.longrepr[2]
    named = [name for name in REQUIRED if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", reason, re.IGNORECASE)]
    if named:
        report.outcome = "failed"
        report.longrepr = f"{named[0]} is there (QUORATE_REQUIRED), so this must not be: {reason}"
