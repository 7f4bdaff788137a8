"""CONFIG: shows tools the settings of a server, none of which can be changed while it runs."""

from typing import Final

from quorate.store.answers import MOST_NAMES, Caller, CommandError
from quorate.store.entries import Answers
from quorate.store.glob import MOST_PATTERN_BYTES, compile_glob
from quorate.store.resp import Request, Value


def _get(caller: Caller, request: Request) -> Value:
    patterns = request[2:]
    if len(patterns) > MOST_NAMES or max(map(len, patterns)) > MOST_PATTERN_BYTES:
        raise CommandError(f"ERR at most {MOST_NAMES} patterns of {MOST_PATTERN_BYTES} bytes can be asked for")
    matches = [compile_glob(pattern.lower()).fullmatch for pattern in patterns]
    return {key: value for key, value in caller.settings.items() if any(match(key) for match in matches)}


def _refuse(_caller: Caller, _request: Request) -> Value:
    raise CommandError("ERR settings can't be changed while the server runs: change its configuration")


SUBCOMMANDS: Final = {
    b"get": Answers(-3, _get, "pattern [pattern ...] Returns the settings whose names match."),
    b"set": Answers(-4, _refuse, "name value [name value ...] Is refused: change the node's configuration."),
    b"resetstat": Answers(2, _refuse, "Is refused."),
    b"rewrite": Answers(2, _refuse, "Is refused."),
}
