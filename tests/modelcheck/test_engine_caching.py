"""An installation that can't be written to, for a user who has no home: all works, and is compiled in each run."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from nightly import by_night
from patience import PROGRAM_S

PROGRAM = """
from quorate_check.cli import main
from quorate_check.engine.caching import compiling
assert main(["--version"]) == 0
print(main(["raft", "--max-log", "1", "--in-flight", "1", "--depth", "2"]))
print(compiling())
"""


@by_night
def test_what_cannot_be_kept_is_compiled_in_each_run(tmp_path: Path) -> None:
    """Numba finds no folder for it and raises an error at each function; the command must not end in that."""
    for package in ("quorate_check", "quorate", "quorate_spec"):
        found = importlib.util.find_spec(package)
        assert found is not None
        assert found.origin is not None
        shutil.copytree(Path(found.origin).parent, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    # Also the superuser can't make a folder where a file is.
    (tmp_path / "quorate_check" / "engine" / "__pycache__").touch()
    environment = {**os.environ, "HOME": os.devnull, "PYTHONPATH": str(tmp_path)}
    for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME"):
        environment.pop(name, None)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        timeout=PROGRAM_S,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    first, *_, status, note = done.stdout.splitlines()
    assert first.startswith("model-check ")
    assert status == "3"  # bounded by depth
    assert note == "compiling the search (in every run, until NUMBA_CACHE_DIR names a folder that can be written to)"
