"""A run that is told which programs are there skips no test for want of one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from patience import PROGRAM_S

FILES = [Path(__file__).with_name(name) for name in ("conftest.py", "nightly.py")]
ONE = """
import pytest

def test_it():
    pytest.skip("redis-server isn't installed")
"""
MARKED = """
import pytest

@pytest.mark.skipif(True, reason="no Java on the PATH")
def test_it():
    pass
"""
MODULE = """
import pytest

pytest.skip("z3 is an extra", allow_module_level=True)
"""


@pytest.mark.parametrize(
    ("text", "required", "status"),
    [
        (ONE, "", 0),
        (ONE, "java redis-cli", 0),
        (ONE, "java redis-server", 1),
        (MARKED, "redis-server", 0),
        (MARKED, "java", 1),
        (MODULE, "java", 5),
        (MODULE, "z3 java", 2),
    ],
)
def test_a_skip_for_want_of_what_is_there_fails_the_run(tmp_path: Path, text: str, required: str, status: int) -> None:
    """However it skips itself; 5 is pytest's word for a run without tests, 2 for one that couldn't collect them."""
    for file in FILES:
        (tmp_path / file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "test_it.py").write_text(text, encoding="utf-8")
    environment = {**os.environ, "QUORATE_REQUIRED": required}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    ran = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=PROGRAM_S, check=False
    )
    assert ran.returncode == status, ran.stdout
