"""One function, with an operation of its own, and one line make a command, in a copy of the sources."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import quorate

FUNCTION = '''

class SwapCase(PlainWrite, frozen=True, tag=200):
    """Turn small letters into large ones and back; the reply is the value."""

    key: bytes

    def do(self, keys: Keyspace) -> Reply:
        """Put it in."""
        value = (keys.get(self.key) or b"").swapcase()
        keep_time(keys, self.key, value)
        return value


def swap_case(request: Request) -> SwapCase:
    """SWAPCASE key."""
    return SwapCase(request[1])
'''
LINE = '    b"swapcase": Writes(2, _one, bits.swap_case, "Swaps the cases of letters."),\n'
BEFORE = "    # Keys.\n"

PROGRAM = """
import asyncio
from front_support import MapBackend, serving
from quorate.store.machine import KeyValueMachine
from redis_server import Talker


async def main():
    backend = MapBackend()
    async with serving(backend) as (_, port):
        talker = Talker(*await asyncio.open_connection("127.0.0.1", port))
        print(await talker.replies(["SET", "k", "aB"], ["SWAPCASE", "k"], ["GET", "k"], ["SWAPCASE"]))
        print(await talker.replies(["MULTI"], ["SWAPCASE", "k"], ["EXEC"]))
        print(await talker.replies(["WATCH", "k"], ["SWAPCASE", "k"], ["MULTI"], ["GET", "k"], ["EXEC"]))
        (session,) = await talker.replies(["QUORATE.SESSION"])
        once = ["QUORATE.DO", session, 1, "SWAPCASE", "k"]
        print(await talker.replies(once, once, ["GET", "k"]))
        print(await talker.replies(["COMMAND", "INFO", "swapcase"], ["COMMAND", "GETKEYS", "SWAPCASE", "k"]))
        print(await talker.replies(["COMMAND", "LIST", "FILTERBY", "PATTERN", "swap*"]))
        talker.writer.close()
        copy = KeyValueMachine()
        copy.restore(backend.machine.capture()())
        assert copy.capture()() == backend.machine.capture()()


asyncio.run(main())
"""
PRINTED = """\
[b'OK', b'Ab', b'Ab', "error: ERR wrong number of arguments for 'swapcase' command"]
[b'OK', b'QUEUED', [b'aB']]
[b'OK', b'Ab', b'OK', b'QUEUED', None]
[b'aB', b'aB', b'aB']
[[[b'swapcase', 2, [b'write'], 1, 1, 1, [], [], [], []]], [b'k']]
[[b'swapcase']]
"""


def test_one_function_and_one_line_add_a_command(tmp_path: Path) -> None:
    """It works alone, in a batch, a transaction and a session, is watched, goes to the log, and is told by COMMAND."""
    shutil.copytree(Path(quorate.__file__).parent, tmp_path / "quorate", ignore=shutil.ignore_patterns("__pycache__"))
    kv = tmp_path / "quorate" / "store"
    with (kv / "bits.py").open("a") as functions:
        functions.write(FUNCTION)
    table = (kv / "commands.py").read_text()
    assert table.count(BEFORE) == 1
    (kv / "commands.py").write_text(table.replace(BEFORE, LINE + BEFORE))
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[1])])
    done = subprocess.run(  # our own interpreter and text
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PYTHONPATH": path},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == (PRINTED, "")
