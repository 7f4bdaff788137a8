"""Nurseries in parallel, and the file that stores their answers, so that a later run continues an interrupted one."""

from __future__ import annotations

import hashlib
import json
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quorate.runtime.paths import is_there
from quorate_check.mutants.patches import copy_of

Answer = dict[str, Any]
SUFFIXES = (".py", ".toml")


def digest(*parts: str | Path) -> str:
    """Return a hash of texts and of all files in folders."""
    result = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            result.update(part.encode() + b"\0")
            continue
        for path in sorted(p for p in part.rglob("*") if p.suffix in SUFFIXES):
            result.update(path.relative_to(part).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return result.hexdigest()[:24]


class Memory:
    """Answers by key, stored in a file with a line of JSON each; a line that a crash cut off is ignored."""

    def __init__(self, file: Path, *, fresh: bool) -> None:
        self.file = file
        self.answers: dict[str, Answer] = {}
        self._lock = threading.Lock()
        if fresh:
            file.unlink(missing_ok=True)
        for line in file.read_text(encoding="utf-8").splitlines() if is_there(file) else ():
            try:
                line_values = json.loads(line)
            except ValueError:
                continue
            self.answers[line_values["key"]] = line_values["answer"]

    def store(self, key: str, answer: Answer) -> None:
        """Store an answer, also for later runs."""
        with self._lock:
            self.answers[key] = answer
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with self.file.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"key": key, "answer": answer}) + "\n")


class Nursery:
    """One process that answers one question after the other (see nursery.py)."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "quorate_check.mutants.nursery"]
        self.process = subprocess.Popen(  # noqa: S603 - our own module
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, question: dict[str, Any]) -> Answer:
        """Return the answer to a question; raise RuntimeError if the process has ended."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps(question) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise RuntimeError("the process that searches mutants has ended")
        answer: Answer = json.loads(line)
        return answer

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()


@dataclass(frozen=True, slots=True)
class Task:
    """One mutant: `make` makes it in a copy of the implementation, `judge` asks a nursery about it."""

    name: str
    key: str
    make: Callable[[Path], None]
    judge: Callable[[Nursery, Path], Answer]


def run(
    tasks: Sequence[Task], implementation: Path, workers: int, memory: Memory, stop: Callable[[], str | None]
) -> Iterator[tuple[Task, Answer]]:
    """Yield each task with its answer, stored ones first, the others as they are found, until `stop` gives a reason."""
    todo: queue.SimpleQueue[Task] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[Task, Answer] | BaseException | None] = queue.SimpleQueue()
    unknown = [task for task in tasks if task.key not in memory.answers]
    for task in unknown:
        todo.put(task)
    yield from ((task, memory.answers[task.key]) for task in tasks if task.key in memory.answers)
    nurseries = [Nursery() for _ in range(min(workers, len(unknown)))]
    threads = [
        threading.Thread(target=_work, args=(nursery, implementation, todo, done), daemon=True) for nursery in nurseries
    ]
    try:
        for thread in threads:
            thread.start()
        remaining = len(unknown)
        while remaining and stop() is None:
            try:
                result = done.get(timeout=0.2)
            except queue.Empty:
                continue
            if isinstance(result, BaseException):
                raise result
            assert result is not None
            memory.store(result[0].key, result[1])
            remaining -= 1
            yield result
    finally:
        for nursery in nurseries:
            nursery.close()


def _work(
    nursery: Nursery,
    implementation: Path,
    todo: queue.SimpleQueue[Task],
    done: queue.SimpleQueue[tuple[Task, Answer] | BaseException | None],
) -> None:
    try:
        while True:
            task = todo.get_nowait()
            with tempfile.TemporaryDirectory(prefix="quorate-mutant-") as folder:
                root = Path(folder).resolve()
                target = copy_of(implementation, root)
                task.make(root)
                done.put((task, task.judge(nursery, target)))
    except queue.Empty:
        return
    except Exception as error:  # noqa: BLE001 - raised again in `run`
        done.put(error)
