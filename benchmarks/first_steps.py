"""How long a stranger takes from `pip install` to a counterexample of a system of their own, without the reading.

    .venv/bin/python benchmarks/first_steps.py

The wheel of this checkout goes into an empty environment, beside pytest. The system is that of docs/tutorial.md as it
begins. pytest runs twice: the first time it compiles the search.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILE = re.compile(r"^```python\n# (\w+\.py)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def run(*command: str | Path, cwd: Path, status: int = 0) -> str:
    """Run a command, print how long it took, and return what it printed; raise RuntimeError for another status."""
    begin = time.monotonic()
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != status:
        raise RuntimeError(f"{command}: {done.returncode}\n{done.stdout}{done.stderr}")
    words = [Path(command[0]).name, *map(str, command[1:])]
    print(f"{time.monotonic() - begin:6.1f} s  {' '.join(words)}", flush=True)
    return done.stdout


def main() -> None:
    """Do what a stranger does."""
    page, _, _ = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8").partition("```console")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        source = folder / "source"
        shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".*", "build"))
        run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", ".", cwd=source)
        (wheel,) = source.glob("*.whl")
        run(sys.executable, "-m", "venv", "empty", cwd=folder)
        programs = folder / "empty" / "bin"
        run(programs / "pip", "install", "--quiet", "pytest", wheel.relative_to(folder), cwd=folder)
        own = folder / "own"
        own.mkdir()
        for name, text in FILE.findall(page):
            (own / name).write_text(text, encoding="utf-8")
        for _ in range(2):
            told = run(programs / "pytest", "-q", cwd=own, status=1)
            assert "Atomic is broken" in told, told


if __name__ == "__main__":
    main()
