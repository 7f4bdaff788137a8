"""Generals' messages as bytes: what is encoded decodes, and nothing else does anything but be refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.generals import Message, Order
from quorate.generals.codec import CodecError, decode, decode_all, encode, encode_all
from quorate.generals.messages import Echo, Init, KingsOrder, Oral, Preference, Ready, Signed, Vote

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
