"""A write in a session takes effect once, and a session ends only where all servers agree that it does."""

from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from quorate.runtime.keys import SecretKey
from quorate.store import operations, replies, sessions
from quorate.store.machine import KeyValueMachine
from quorate.store.operations import Batch, Command, InSession, OpenSession, signed_text
from quorate.store.queries import Get
from quorate.store.replies import Failure, Reply, SimpleString
from quorate.store.writes import Append, GetSet, Increment, Set


class Log:
    """A machine whose commands are numbered as a log numbers them."""

    def __init__(self) -> None:
        """Begin empty."""
        self.machine = KeyValueMachine()
        self.index = 0

    def append(self, command: Command) -> Reply:
        """Commit and apply a command."""
        self.index += 1
        reply = self.machine.apply(self.index, operations.encode(command))
        return replies.decode(replies.decode_batch(reply)[-1] if isinstance(command, Batch) else reply)

    def value(self, key: bytes) -> Reply:
        """What a client reads."""
        return replies.decode(self.machine.query(operations.encode(Get(key))))

    def restart(self) -> None:
        """Go on from a snapshot."""
        data = self.machine.capture()()
        self.machine = KeyValueMachine()
        self.machine.restore(data)


def code(reply: Reply) -> str:
    """The first word of an error."""
    assert isinstance(reply, Failure)
    return reply.text.split()[0]


def test_a_session_is_numbered_by_its_place_in_the_log() -> None:
    """So no two have the same number, whoever opens them."""
    log = Log()
    log.append(Set(b"a", b"1"))
    assert (log.append(OpenSession()), log.append(OpenSession())) == (2, 3)


def test_a_repeated_write_returns_the_first_reply_and_changes_nothing() -> None:
    """Paper §8: also after a snapshot, and whatever happened to the key in between."""
    log = Log()
    number = log.append(OpenSession())
    assert isinstance(number, int)
    assert log.append(InSession(number, 1, Increment(b"a", 5))) == 5
    log.append(Set(b"a", b"100"))
    log.restart()
    assert log.append(InSession(number, 1, Increment(b"a", 5))) == 5
    assert log.value(b"a") == b"100"
    assert log.append(InSession(number, 2, Increment(b"a", 5))) == 105


def test_a_repetition_is_recognised_by_its_number_alone() -> None:
    """A client that uses a number for two writes gets the reply to the first."""
    log = Log()
    log.append(OpenSession())
    log.append(InSession(1, 1, Append(b"a", b"x")))
    assert log.append(InSession(1, 1, GetSet(b"a", b"y"))) == 1
    assert log.value(b"a") == b"x"


def test_a_refused_write_is_a_reply_like_any_other() -> None:
    """It uses up its number, and its repetition is refused with the same words, though it would succeed now."""
    log = Log()
    log.append(OpenSession())
    log.append(Set(b"a", b"x"))
    refused = log.append(InSession(1, 1, Increment(b"a", 1)))
    assert refused == Failure("ERR value is not an integer or out of range")
    log.append(Set(b"a", b"1"))
    assert log.append(InSession(1, 1, Increment(b"a", 1))) == refused
    assert log.append(InSession(1, 2, Increment(b"a", 1))) == 2


def test_older_writes_and_gaps_are_refused() -> None:
    """Neither changes anything, the error says so, and the session goes on where it was."""
    log = Log()
    log.append(OpenSession())
    assert code(log.append(InSession(1, 0, Set(b"a", b"0")))) == "BADSEQUENCE"
    for sequence in (1, 2):
        log.append(InSession(1, sequence, Append(b"a", b"x")))
    for sequence in (0, 1, 4):
        reply = log.append(InSession(1, sequence, Append(b"a", b"x")))
        assert code(reply) == "BADSEQUENCE"
        assert isinstance(reply, Failure)
        assert f"the last in session 1 was 2, this is {sequence}; this request changed nothing" in reply.text
    assert log.append(InSession(1, 3, Append(b"a", b"x"))) == 3


def test_an_unknown_session_is_refused() -> None:
    """The error says that nothing was changed by this request, which is all that is known."""
    log = Log()
    reply = log.append(InSession(7, 1, Set(b"a", b"1")))
    assert reply == Failure("NOSESSION session 7 is unknown or has expired; this request changed nothing")
    assert log.value(b"a") is None


def test_the_least_recently_used_session_ends() -> None:
    """A repetition counts as use. The order of use is in the snapshot."""
    with patch.object(sessions, "MOST_SESSIONS", 3):
        log = Log()
        for _ in range(3):
            log.append(OpenSession())
        log.append(InSession(1, 1, Set(b"a", b"1")))
        log.append(InSession(2, 1, Set(b"a", b"2")))
        log.append(InSession(1, 1, Set(b"a", b"1")))
        log.restart()
        log.append(OpenSession())
        assert code(log.append(InSession(3, 1, Set(b"a", b"3")))) == "NOSESSION"
        log.append(OpenSession())
        log.restart()  # whose digest has no session that ended
        assert code(log.append(InSession(2, 2, Set(b"a", b"3")))) == "NOSESSION"
        assert log.append(InSession(1, 2, GetSet(b"a", b"3"))) == b"2"


def test_replies_that_are_kept_have_a_limit() -> None:
    """Sessions with large replies end earlier, so that a snapshot can't grow by what nobody asks for."""
    with patch.object(sessions, "MOST_REPLY_BYTES", 100):
        log = Log()
        log.append(Set(b"a", bytes(60)))
        log.append(OpenSession())
        log.append(OpenSession())
        log.append(InSession(2, 1, GetSet(b"a", bytes(60))))
        log.restart()
        log.append(InSession(3, 1, GetSet(b"a", b"")))
        assert code(log.append(InSession(2, 1, GetSet(b"a", b"")))) == "NOSESSION"
        assert log.append(InSession(3, 1, GetSet(b"a", b""))) == bytes(60)


def test_only_the_last_reply_of_each_session_counts() -> None:
    """Up to the limit, and not a byte more."""
    size = len(replies.encode(bytes(60)))
    for limit, ends in ((size, False), (size - 1, True)):
        with patch.object(sessions, "MOST_REPLY_BYTES", limit):
            log = Log()
            log.append(Set(b"a", bytes(60)))
            log.append(OpenSession())
            for sequence in (1, 2, 3):
                reply = log.append(InSession(2, sequence, GetSet(b"a", bytes(60))))
                assert reply == bytes(60) or (ends and sequence > 1 and code(reply) == "NOSESSION")
            assert (log.append(InSession(2, 4, GetSet(b"a", b""))) != bytes(60)) is ends


@given(st.lists(st.tuples(st.integers(1, 3), st.booleans()), max_size=40), st.booleans())
def test_however_often_writes_are_sent_each_is_done_once(sends: list[tuple[int, bool]], batched: bool) -> None:  # noqa: FBT001
    """Clients of three sessions send their next write or, again, the last: the count is that of the writes."""
    log = Log()
    for _ in range(3):
        log.append(OpenSession())
    sequences = dict.fromkeys((1, 2, 3), 0)
    for session, again in sends:
        sequences[session] += not (again and sequences[session])
        step = InSession(session, sequences[session], Increment(b"n", 1))
        log.append(Batch((step, step)) if batched else step)
    assert log.value(b"n") == (b"%d" % sum(sequences.values()) if sends else None)


def signed(key: SecretKey, number: int, sequence: int, write: Set) -> InSession:
    """As the owner sends it."""
    return InSession(number, sequence, write, key.sign(signed_text(number, sequence, write)))


def test_a_session_with_an_owner_is_opened_once_however_often_he_asks() -> None:
    """Each member of a Byzantine cluster passes it on; also after a snapshot."""
    log, key = Log(), SecretKey.of_seed(bytes(32))
    number = log.append(OpenSession(key.public))
    log.restart()
    assert log.append(OpenSession(key.public)) == number
    assert log.append(OpenSession(SecretKey.of_seed(b"1" * 32).public)) not in {number, None}


def test_only_the_owner_of_a_session_writes_in_it() -> None:
    """Whoever passes on requests can neither change nor add one, and what it tries uses up no number."""
    log, key = Log(), SecretKey.of_seed(bytes(32))
    log.append(Set(b"b", b""))  # so that the session's number isn't that of a write
    number = log.append(OpenSession(key.public))
    assert isinstance(number, int)
    wanted, other = Set(b"a", b"wanted"), Set(b"a", b"other")
    genuine = signed(key, number, 1, wanted)
    for forged in (
        InSession(number, 1, other),
        InSession(number, 1, other, genuine.signature),
        InSession(number, 1, other, b"short"),
        signed(SecretKey.of_seed(b"1" * 32), number, 1, other),
        InSession(number, 2, wanted, genuine.signature),
    ):
        assert code(log.append(forged)) == "BADSIGNATURE"
    assert log.value(b"a") is None
    assert log.append(genuine) == SimpleString("OK")
    log.append(Set(b"a", b"later"))
    assert log.append(genuine) == SimpleString("OK")
    assert log.value(b"a") == b"later"


def test_a_session_without_an_owner_takes_no_signatures() -> None:
    """Two commands that mean the same would be two commands."""
    log, key = Log(), SecretKey.of_seed(bytes(32))
    number = log.append(OpenSession())
    assert isinstance(number, int)
    assert code(log.append(signed(key, number, 1, Set(b"a", b"1")))) == "BADSIGNATURE"


def test_an_owner_whose_session_has_expired_gets_another() -> None:
    """Nothing remembers him any longer."""
    with patch.object(sessions, "MOST_SESSIONS", 1):
        log, key = Log(), SecretKey.of_seed(bytes(32))
        first = log.append(OpenSession(key.public))
        log.append(OpenSession())
        assert isinstance(first, int)
        another = log.append(OpenSession(key.public))
        assert isinstance(another, int)
        assert another != first
