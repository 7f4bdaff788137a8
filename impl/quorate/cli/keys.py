"""`quorate keys` and `quorate evidence`: makes the keys of nodes, and checks evidence against traitors."""

import sys
from pathlib import Path

from quorate.bft import is_proof
from quorate.bft_server.evidence import EvidenceError, from_line, tell
from quorate.cli.errors import DONE, NEGATIVE, CommandFailedError
from quorate.runtime.keys import PUBLIC_NAME, KeyFileError, read_public, secret_path, write_keys


def make_keys(folder: Path, cluster: str, nodes: int) -> int:
    """Write keys for nodes 1 to `nodes`, and print their paths."""
    put_keys(folder, cluster, tuple(range(1, nodes + 1)))
    sys.stdout.write(f"{folder / PUBLIC_NAME} is for every node, and for anybody who checks evidence\n")
    for node in range(1, nodes + 1):
        sys.stdout.write(f"{secret_path(folder, node)} is for node {node} alone\n")
    return DONE


def put_keys(folder: Path, cluster: str, ids: tuple[int, ...]) -> None:
    """Write the keys of all nodes; raises CommandFailedError if that isn't possible."""
    try:
        write_keys(folder, cluster, ids)
    except KeyFileError as error:
        raise CommandFailedError(str(error)) from error


def judge_evidence(file: Path, keys: Path) -> int:
    """Print whom each line convicts; return NEGATIVE if a line convicts nobody."""
    try:
        public = read_public(keys)
        lines = file.read_text(encoding="utf-8").splitlines()
    except KeyFileError as error:
        raise CommandFailedError(str(error)) from error
    except OSError as error:
        raise CommandFailedError(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CommandFailedError(f"{file}: this is not UTF-8 text") from error
    if not lines:
        sys.stdout.write(f"{file} is empty: it convicts nobody\n")
    status = DONE
    for number, line in enumerate(lines, start=1):
        try:
            evidence, cluster = from_line(line)
        except EvidenceError as error:
            raise CommandFailedError(f"{file}, line {number}: {error}") from error
        if cluster == public.cluster and is_proof(evidence, public, cluster.encode()):
            sys.stdout.write(f"proved: {tell(evidence)}\n")
            continue
        status = NEGATIVE
        why = f"it is of the cluster {cluster!r}" if cluster != public.cluster else "a signature is missing or false"
        sys.stdout.write(f"not proved, {why}: {tell(evidence)}\n")
    return status
