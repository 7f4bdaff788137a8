"""What every test run begins with."""

import os
import signal


def pytest_configure() -> None:
    """Let processes that tests start hear of Ctrl-C: a shell that runs the tests in the background has it ignored.

    Nor does what is printed depend on how wide somebody likes it.
    """
    os.environ.pop("COLUMNS", None)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
