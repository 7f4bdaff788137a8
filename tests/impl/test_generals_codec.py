"""Generals' messages as bytes: what is encoded decodes, and nothing else does anything but be refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.generals import Message, Order
from quorate.generals import envelope as envelopes
from quorate.generals.codec import CodecError, decode, decode_all, encode, encode_all
from quorate.generals.envelope import Envelope
from quorate.generals.messages import Echo, Init, KingsOrder, Oral, Preference, Ready, Signed, Vote
from quorate.runtime.transport import WireError

BYTE = st.integers(0, 255)
ORDER = st.sampled_from(Order)
PATH = st.lists(BYTE, max_size=8).map(tuple)
SIGNATURES = st.lists(st.binary(max_size=70), max_size=8).map(tuple)
MESSAGE: st.SearchStrategy[Message] = st.one_of(
    st.builds(Vote, BYTE, BYTE, ORDER),
    st.builds(Oral, BYTE, BYTE, PATH, ORDER),
    st.builds(Signed, BYTE, BYTE, ORDER, PATH, SIGNATURES),
    st.builds(Init, BYTE, BYTE, ORDER),
    st.builds(Echo, BYTE, BYTE, ORDER),
    st.builds(Ready, BYTE, BYTE, ORDER),
    st.builds(Preference, BYTE, BYTE, BYTE, ORDER),
    st.builds(KingsOrder, BYTE, BYTE, BYTE, ORDER),
)


@given(st.lists(MESSAGE, max_size=5))
def test_what_is_encoded_decodes(messages: list[Message]) -> None:
    """One by one and together."""
    assert [decode(encode(message)) for message in messages] == messages
    assert decode_all(encode_all(messages)) == messages


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_are_the_only_form_of_a_message(data: bytes) -> None:
    """Nothing else is raised, and no message has two forms."""
    try:
        message = decode(data)
    except CodecError:
        return
    assert encode(message) == data


@given(MESSAGE, st.data())
def test_a_changed_byte_changes_the_message_or_is_refused(message: Message, data: st.DataObject) -> None:
    """What is signed can't be said in other bytes."""
    encoded = bytearray(encode(message))
    place = data.draw(st.integers(0, len(encoded) - 1))
    encoded[place] ^= data.draw(st.integers(1, 255))
    try:
        changed = decode(bytes(encoded))
    except CodecError:
        return
    assert changed != message


@pytest.mark.parametrize("data", [b"", b"\x00\x00\x00", b"\x00\x00\x00\x01", b"\x00\x00\x00\x09123456789", b"\xff" * 9])
def test_rubbish_in_an_envelope_is_refused(data: bytes) -> None:
    """Except that an empty envelope says that there is nothing to say."""
    if not data:
        assert decode_all(data) == []
        return
    with pytest.raises(CodecError):
        decode_all(data)


def test_an_envelope_arrives_as_it_was_sent() -> None:
    """With its round, and all that is in it."""
    envelope = Envelope(3, (Vote(1, 2, Order.ATTACK), Oral(1, 2, (0,), Order.RETREAT)))
    assert envelopes.decode(memoryview(b"".join(envelopes.encode(envelope))), 1, 2) == envelope


def test_what_a_sender_has_not_said_himself_is_not_in_his_envelope() -> None:
    """Nor what is for others, nor rubbish; the envelope still ends the round (A2, A3)."""
    said = (Vote(1, 2, Order.ATTACK), Vote(3, 2, Order.ATTACK), Vote(1, 4, Order.ATTACK))
    payload = b"".join(envelopes.encode(Envelope(3, said)))
    assert envelopes.decode(memoryview(payload), 1, 2) == Envelope(3, said[:1])
    assert envelopes.decode(memoryview(payload[:4] + b"rubbish"), 1, 2) == Envelope(3, ())
    with pytest.raises(WireError, match="names no round"):
        envelopes.decode(memoryview(b"rub"), 1, 2)
