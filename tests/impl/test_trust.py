"""One rule decides which certificates are believed, and what can't be believed is said at once, with its cure."""

import asyncio
import ssl
import subprocess
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from front_support import serving
from patience import PROGRAM_S
from quorate.cli.access import Access
from quorate.cli.ask import set_
from quorate.cli.errors import NO_ANSWER, CommandFailedError
from quorate.client.client import Client, connect_tcp
from quorate.client.retries import UnavailableError
from quorate.runtime.addresses import Address
from quorate.runtime.transport.tls import load_tls
from quorate.runtime.trust import believe, client_context, show
from tls_files import Authority, Files

HOURS_S = 36_000.0  # whoever retries until time is up, is found by the deadline of the test
DEADLINE_S = 30.0


def serving_tls(files: Files, *, asks: Path | None = None) -> ssl.SSLContext:
    """What a node's port for clients has, as `quorate.node.node` makes it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    show(context, files.certificate, files.key)
    if asks is not None:
        believe(context, asks)
    return context


def against(tls: ssl.SSLContext | None, client: Callable[[Address], Coroutine[Any, Any, None]]) -> None:
    """Run a client against a node's port for clients."""

    async def main() -> None:
        async with serving(tls=tls) as (_, port), asyncio.timeout(DEADLINE_S):
            await client(("localhost", port))

    asyncio.run(main())


def openssl(folder: Path, *more: str) -> tuple[Path, Path]:
    """A CA as many make it: `openssl req -x509`, with an openssl.cnf that says nothing of extensions but these."""
    config = folder / "openssl.cnf"
    config.write_text("[req]\ndistinguished_name = dn\n[dn]\n", encoding="ascii")
    certificate, key = folder / "made.pem", folder / "made.key"
    made = ["openssl", "req", "-x509", "-config", config, "-newkey", "rsa:2048", "-nodes", "-days", "2", *more]
    made += ["-subj", "/CN=made", "-keyout", key, "-out", certificate]
    done = subprocess.run(made, capture_output=True, timeout=PROGRAM_S, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return certificate, key


def test_every_context_that_verifies_follows_the_same_rule(tmp_path: Path) -> None:
    """Nodes and clients, on every Python: never the strict reading that refuses ordinary authorities."""
    authority = Authority(tmp_path)
    files = authority.issue("node-1")
    nodes = load_tls(files.certificate, files.key, files.ca, 1)
    contexts = [nodes.accepting, nodes.dialling, client_context(files.ca), serving_tls(files, asks=files.ca)]
    assert len({(context.verify_flags, context.verify_mode) for context in contexts}) == 1
    assert contexts[0].verify_mode is ssl.CERT_REQUIRED
    assert not contexts[0].verify_flags & ssl.VerifyFlags.VERIFY_X509_STRICT


def test_a_certificate_of_an_ordinary_authority_is_believed_by_clients_and_nodes(tmp_path: Path) -> None:
    """One whose CA has no key usage, and that has no identifier of its authority's key: RFC 5280 demands both."""
    files = Authority(tmp_path).issue("127.0.0.1-is-no-name")
    context = client_context(files.ca)
    context.check_hostname = False

    async def client(address: Address) -> None:
        async with Client([address], tls=context, timeout_s=HOURS_S) as asking:
            assert await asking.set("a", "1")

    against(serving_tls(files), client)
    node = Authority(tmp_path, "another").issue("node-1")
    node.load(1)


def test_the_authority_that_openssl_makes_signs_itself_a_certificate_for_a_node(tmp_path: Path) -> None:
    """The shortest way to TLS: one file that is both, made without any extension but the name."""
    certificate, key = openssl(tmp_path, "-addext", "subjectAltName=DNS:node-1,DNS:localhost")
    load_tls(certificate, key, certificate, 1)

    async def client(address: Address) -> None:
        async with Client([address], tls=client_context(certificate), timeout_s=HOURS_S) as asking:
            assert await asking.set("a", "1")

    against(serving_tls(Files(certificate, key, certificate)), client)


def expired(authority: Authority) -> tuple[Files, Path]:
    """A certificate of yesterday."""
    return authority.issue("localhost", days=-1), authority.path


def strangers(authority: Authority) -> tuple[Files, Path]:
    """A certificate of another authority than is trusted."""
    return Authority(authority.folder, "other").issue("localhost"), authority.path


def misnamed(authority: Authority) -> tuple[Files, Path]:
    """A certificate for another host."""
    return authority.issue("elsewhere.example"), authority.path


NO_SUCH_CERTIFICATE = [
    pytest.param(expired, "certificate has expired: renew it", id="expired"),
    pytest.param(strangers, "the authority that is trusted here did not sign it: name the one that did", id="strange"),
    pytest.param(misnamed, "certificate is not valid for 'localhost': connect by a name", id="misnamed"),
]


@pytest.mark.parametrize(("made", "why"), NO_SUCH_CERTIFICATE)
@pytest.mark.parametrize("byzantine", [False, True], ids=["raft", "bft"])
def test_what_cannot_be_believed_is_said_at_once_with_its_cure(
    made: Callable[[Authority], tuple[Files, Path]], why: str, *, byzantine: bool, tmp_path: Path
) -> None:
    """Reads and writes, of a client that would have hours, by both protocols."""
    files, trusted = made(Authority(tmp_path))

    async def client(address: Address) -> None:
        async with Client([address], tls=client_context(trusted), timeout_s=HOURS_S, byzantine=byzantine) as asking:
            for request in (asking.get("a"), asking.set("a", "1")):
                with pytest.raises(UnavailableError) as refused:
                    await request
                assert why in str(refused.value)
                assert "time is up" not in str(refused.value)

    against(serving_tls(files), client)


def test_quorate_set_says_at_once_what_is_wrong_with_the_authority(tmp_path: Path) -> None:
    """As the status of a command that had no answer."""
    files, trusted = strangers(Authority(tmp_path))

    async def client(address: Address) -> None:
        access = Access([address], tls=client_context(trusted))
        with pytest.raises(CommandFailedError, match=r"name the one that did$") as failed:
            await asyncio.to_thread(set_, access, "a", "1", HOURS_S)
        assert failed.value.status == NO_ANSWER

    against(serving_tls(files), client)


def test_a_node_without_tls_is_named_as_that_at_once() -> None:
    """However this OpenSSL calls the first bytes that it gets from it."""

    async def client(address: Address) -> None:
        async with Client([address], tls=ssl.create_default_context(), timeout_s=HOURS_S) as asking:
            with pytest.raises(UnavailableError, match=r"the other end does not speak TLS$"):
                await asking.get("a")

    against(None, client)


def test_one_node_that_cannot_be_believed_does_not_keep_a_client_from_the_others(tmp_path: Path) -> None:
    """It is passed over, in whatever order they are asked."""
    authority = Authority(tmp_path)
    good, bad = (serving_tls(files) for files in (authority.issue("quorate.test"), strangers(authority)[0]))
    trusting = client_context(authority.path)
    trusting.check_hostname = False

    async def main() -> None:
        async with serving(tls=good) as (_, one), serving(tls=bad) as (_, other), asyncio.timeout(DEADLINE_S):
            for ports in ((one, other), (other, one)):
                async with Client([("127.0.0.1", port) for port in ports], tls=trusting, timeout_s=HOURS_S) as client:
                    for number in range(4):
                        assert await client.set("a", str(number))

    asyncio.run(main())


@pytest.mark.parametrize("secure", [False, True], ids=["no TLS", "TLS without a certificate"])
def test_what_a_node_may_ask_for_is_said_when_it_closes_without_an_answer(*, secure: bool, tmp_path: Path) -> None:
    """A client that says too little of itself is sent away without words."""
    files = Authority(tmp_path).issue("quorate.test")
    context = client_context(files.ca) if secure else None
    if context is not None:
        context.check_hostname = False
    likely = "a certificate" if secure else r"TLS\?"

    async def client(address: Address) -> None:
        with pytest.raises(OSError, match=f"ask.? for {likely}"):
            await connect_tcp(address, tls=context)

    against(serving_tls(files, asks=files.ca if secure else None), client)
