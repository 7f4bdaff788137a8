"""Evidence convicts who signed both, and nobody else, whatever is made of it."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.bft import Evidence, Phase, Statement, canonical
from quorate.bft_server.evidence import EvidenceError, EvidenceFile, from_line, read, to_line
from quorate.cli import main
from quorate.runtime.keys import read_secret, secret_path, write_keys

CLUSTER = "test"


def made(folder: Path, *, one: bytes = b"1" * 32, other: bytes = b"2" * 32, culprit: int = 2, by: int = 2) -> Evidence:
    """Two votes of `culprit`'s, signed by `by`, with keys that are made if there are none."""
    if not folder.exists():
        write_keys(folder, CLUSTER, (1, 2, 3, 4))
    secret = read_secret(secret_path(folder, by))
    statements = [Statement(Phase.PREPARE, 5, 1, digest) for digest in (one, other)]
    signatures = [secret.sign(canonical(CLUSTER.encode(), culprit, statement)) for statement in statements]
    return Evidence(culprit, statements[0], signatures[0], statements[1], signatures[1])


def judge(folder: Path, capsys: pytest.CaptureFixture[str], *lines: str) -> tuple[int, str]:
    """What `quorate evidence` says of these lines."""
    file = folder / "evidence.ndjson"
    file.write_text("".join(f"{line}\n" for line in lines))
    status = main(["evidence", str(file), "--keys", str(folder / "keys" / "public.toml")])
    said = capsys.readouterr()
    return status, said.out + said.err


def test_two_votes_convict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command names the culprit and what he did."""
    status, said = judge(tmp_path, capsys, to_line(made(tmp_path / "keys"), CLUSTER))
    assert status == 0
    assert said.startswith("proved: member 2 gave its first vote to both 313131313131 and 323232323232, in view 1")


@pytest.mark.parametrize("change", [{"by": 3}, {"other": b"1" * 32}])
def test_nobody_is_convicted_by_what_he_did_not_sign(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, int | bytes]
) -> None:
    """Another's signatures, or twice the same statement."""
    evidence = made(tmp_path / "keys", **change)  # type: ignore[arg-type]
    status, said = judge(tmp_path, capsys, to_line(evidence, CLUSTER))
    assert status == 1
    assert said.startswith("not proved")


def test_evidence_of_another_cluster_proves_nothing_here(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A cluster's name is part of what is signed."""
    status, said = judge(tmp_path, capsys, to_line(made(tmp_path / "keys"), "other"))
    assert (status, said.startswith("not proved, it is of the cluster 'other'")) == (1, True)


@pytest.mark.parametrize("line", ["", "{", "[]", '{"format": "quorate evidence 1"}'])
def test_what_is_no_evidence_is_refused_by_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    """In one line, with status 2."""
    status, said = judge(tmp_path, capsys, to_line(made(tmp_path / "keys"), CLUSTER), line)
    assert status == 2
    assert "evidence.ndjson, line 2: " in said


@given(st.recursive(st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_any_json_is_evidence_or_refused(value: object) -> None:
    """Nothing else is raised."""
    with pytest.raises(EvidenceError):
        from_line(json.dumps(value))


def test_a_member_keeps_each_piece_once_and_finds_it_again(tmp_path: Path) -> None:
    """Also beside a line that a crash has cut off."""
    evidence, path = made(tmp_path / "keys"), tmp_path / "kept"
    kept = EvidenceFile(path, CLUSTER)
    assert [kept.keep(evidence), kept.keep(evidence), len(kept)] == [True, False, 1]
    with path.open("a") as file:
        file.write('{"format": "quor')
    assert [*read(path)] == [evidence]
    assert not EvidenceFile(path, CLUSTER).keep(evidence)
