"""What nodes say first arrives as it was said, and tells one protocol, and one version, from another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.bft_server.codec import CODEC as BFT
from quorate.generals.envelope import CODEC as GENERALS
from quorate.membership.claim import Claim
from quorate.membership.handshake import MAX_REFUSAL, decode_claim, encode_claim
from quorate.raft_server.wire import CODEC as RAFT
from quorate.runtime.transport import Codec, WireError
from quorate.runtime.transport.hello import Hello, beginning, decode_hello, encode_hello

naturals = st.integers(0, 2**62)
ids = st.binary(max_size=16)
texts = st.text(max_size=20)
hellos = st.builds(Hello, texts, naturals, naturals, st.binary(max_size=40))
claims = st.builds(
    Claim,
    members=st.lists(naturals, max_size=9).map(tuple),
    cluster_id=ids,
    incarnation=ids,
    starts=naturals,
    nonce=ids,
    joined=st.booleans(),
    replaces=st.booleans(),
    remembers=ids,
    refusal=texts,
    term=naturals,
    last_index=naturals,
    last_term=naturals,
)


def check_refused(why: str) -> None:
    """There is a reason, and it doesn't spill over into the next line of a log."""
    assert why
    assert len(why.splitlines()) == 1


@given(hellos)
def test_a_hello_arrives_as_it_was_said(hello: Hello) -> None:
    """With whatever name a cluster has, and whatever is claimed."""
    assert decode_hello(encode_hello(hello, "raft/1"), "raft/1") == hello


@given(claims)
def test_a_claim_arrives_as_it_was_made(claim: Claim) -> None:
    """Every field of it."""
    assert decode_claim(encode_claim(claim)) == claim


def test_a_long_refusal_is_cut() -> None:
    """A hello has only so much room."""
    assert decode_claim(encode_claim(Claim(refusal="x" * 10_000))).refusal == "x" * MAX_REFUSAL


@given(claims, st.data())
def test_a_part_of_a_claim_is_none(claim: Claim, data: st.DataObject) -> None:
    """Wherever it was cut off."""
    encoded = encode_claim(claim)
    with pytest.raises(WireError) as refused:
        decode_claim(encoded[: data.draw(st.integers(0, len(encoded) - 1))])
    check_refused(str(refused.value))


@given(st.binary(max_size=60))
def test_rubbish_is_no_claim_or_one_that_can_be_made(data: bytes) -> None:
    """Nothing but WireError is ever raised."""
    try:
        claim = decode_claim(data)
    except WireError as error:
        check_refused(str(error))
    else:
        assert decode_claim(encode_claim(claim)) == claim


@given(st.binary(max_size=40), st.sampled_from([b"", beginning("raft/1"), beginning("raft/1")[:8], b"quorate"]))
def test_random_bytes_are_no_hello(payload: bytes, first: bytes) -> None:
    """Nothing but WireError is ever raised, also after a good beginning."""
    try:
        hello = decode_hello(first + payload, "raft/1")
    except WireError as error:
        check_refused(str(error))
    else:
        assert first == beginning("raft/1")
        assert decode_hello(encode_hello(hello, "raft/1"), "raft/1") == hello


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"GET / HTTP/1.1", "no hello of a Quorate node"),
        (b"", "no hello of a Quorate node"),
        (b"quorate", "no hello of a Quorate node"),
        (b"quorate\x02what version 2 says", "it says hello in version 2, this node in version 3"),
        (b"quorate\x03", "malformed hello: it names no protocol"),
        (b"quorate\x03\x06raft", "malformed hello: it names no protocol"),
        (b"quorate\x03\x02\xff\n", "malformed hello: it names no protocol"),
        (beginning("raft/2") + b"what it says", "it speaks 'raft/2', this node 'raft/1'"),
        (beginning("bft/1"), "it speaks 'bft/1', this node 'raft/1': all nodes of a cluster speak the same"),
        (beginning("ra\nft"), r"it speaks 'ra\\nft', this node 'raft/1'"),
        (beginning("raft/1"), "malformed hello"),
        (beginning("raft/1") + b"\x93\xa1c\x01\xff", "malformed hello"),
    ],
)
def test_a_stranger_is_told_from_another_version_and_another_protocol(payload: bytes, reason: str) -> None:
    """An operator reads what to look for."""
    with pytest.raises(WireError, match=f"^{reason}"):
        decode_hello(payload, "raft/1")


def test_a_cluster_name_that_is_no_unicode_is_refused() -> None:
    """It would never reach a peer."""
    with pytest.raises(WireError, match=r"^Hello cannot be encoded: "):
        encode_hello(Hello("\ud800", 1, 2), "raft/1")


def test_every_protocol_has_a_name_of_its_own() -> None:
    """Or nodes of two would take each other's messages for their own."""
    assert len({codec.protocol for codec in (RAFT, BFT, GENERALS)}) == 3


@pytest.mark.parametrize(
    ("field", "protocol", "size"),
    [("protocol", "", 1), ("protocol", "x" * 33, 1), ("protocol", "räft", 1)]
    + [("max_frame_bytes", "raft/1", size) for size in (0, 1 << 30)],
)
def test_a_codec_that_no_transport_could_use_is_refused(field: str, protocol: str, size: int) -> None:
    """Where it is made."""
    with pytest.raises(ValueError, match=f"^{field}: "):
        Codec(protocol, lambda message: (message,), lambda payload, _source, _dest: bytes(payload), size)
