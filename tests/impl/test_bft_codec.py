"""Messages of the Byzantine protocol as bytes: equal messages come back, and nothing else is a message."""

from hypothesis import given
from hypothesis import strategies as st

from quorate.bft import Certificate, Decide, Phase, Prepared, Propose, Timeout, Vote
from quorate.bft_server.codec import CodecError, decode, decode_certificate, encode, encode_value
from quorate.bft_server.messages import Ask, Decided, History, MemberMessage, Payload, Want

numbers = st.integers(0, 2**63)
digests = st.binary(max_size=40)
votes = st.sampled_from((Phase.PREPARE, Phase.COMMIT))
certificates = st.builds(
    Certificate, votes, numbers, numbers, digests, st.lists(st.tuples(numbers, digests), max_size=4).map(tuple)
)
messages: st.SearchStrategy[MemberMessage] = st.one_of(
    st.builds(Propose, numbers, numbers, numbers, numbers, digests, st.none() | certificates, digests),
    st.builds(Vote, numbers, numbers, votes, numbers, numbers, digests, digests),
    st.builds(Prepared, numbers, numbers, certificates),
    st.builds(Decide, numbers, numbers, certificates),
    st.builds(Timeout, numbers, numbers, numbers, numbers, st.none() | certificates, digests),
    st.builds(Payload, digests),
    st.builds(Want, digests),
    st.builds(Ask, numbers),
    st.builds(History, st.lists(st.builds(Decided, certificates, st.none() | digests), max_size=3).map(tuple)),
)


def decoded(data: bytes) -> MemberMessage | None:
    """The message, None if it is none."""
    try:
        return decode(data)
    except CodecError:
        return None


@given(messages)
def test_every_message_comes_back(message: MemberMessage) -> None:
    """Equal, and of the same type."""
    again = decode(encode(message))
    assert (type(again), again) == (type(message), message)


@given(st.binary(max_size=200))
def test_random_bytes_are_no_message_or_one_with_just_these_bytes(data: bytes) -> None:
    """Nothing else is raised, and nothing has two forms."""
    message = decoded(data)
    assert message is None or encode(message) == data


@given(messages, st.data())
def test_changed_bytes_are_no_message_or_another(message: MemberMessage, data: st.DataObject) -> None:
    """Cut off, lengthened, or with a byte changed."""
    encoded = encode(message)
    at = data.draw(st.integers(0, len(encoded) - 1))
    byte = data.draw(st.integers(0, 255))
    for changed in (encoded[:at], encoded + bytes([byte]), encoded[:at] + bytes([byte]) + encoded[at + 1 :]):
        if changed != encoded:
            again = decoded(changed)
            assert again != message
            assert again is None or encode(again) == changed, "nothing has two forms"


@given(certificates)
def test_a_stored_certificate_comes_back(certificate: Certificate) -> None:
    """As it was."""
    assert decode_certificate(encode_value(certificate)) == certificate
