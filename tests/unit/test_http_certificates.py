"""The transport's certificates: verified always, read anew when replaced, and named when they are not good."""

import datetime as dt
import ipaddress
import os
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from syncd.fetch.http import Transport
from syncd.model.store import Timeouts, Tls
from tests.servers.wire import Reply, Wire
from tests.unit.http_makers import Make, reason_of


@pytest.fixture
def make() -> Iterator[Make]:
    """Make transports that are closed after the test."""
    made: list[Transport] = []

    def build(timeouts: Timeouts = Timeouts(), tls: Tls = Tls(), **options: object) -> Transport:  # noqa: B008 — frozen
        made.append(Transport(timeouts=timeouts, tls=tls, **options))  # type: ignore[arg-type]
        return made[-1]

    yield build
    for transport in made:
        transport.close()


# Certificates


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with `good`, `second`, `expired` and `foreign` certificates, each with its key, self-signed."""
    folder = tmp_path_factory.mktemp("tls")
    now = dt.datetime.now(dt.UTC)
    day = dt.timedelta(days=1)
    for name, ends, subject in (
        ("good", now + day, x509.IPAddress(ipaddress.ip_address("127.0.0.1"))),
        ("second", now + day, x509.IPAddress(ipaddress.ip_address("127.0.0.1"))),
        ("expired", now - day, x509.IPAddress(ipaddress.ip_address("127.0.0.1"))),
        ("foreign", now + day, x509.DNSName("elsewhere.example")),
    ):
        key = ec.generate_private_key(ec.SECP256R1())
        title = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = (
            x509.CertificateBuilder()
            .subject_name(title)
            .issuer_name(title)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 9 * day)
            .not_valid_after(ends)
            .add_extension(x509.SubjectAlternativeName([subject]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, hashes.SHA256())
        )
        (folder / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
        (folder / f"{name}.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
    return folder


def served_with(folder: Path, name: str) -> Wire:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    return Wire(lambda _request: Reply(200, b"in confidence"), tls=context)


def test_a_certificate_of_the_given_authority_is_accepted(make: Make, certificates: Path) -> None:
    with served_with(certificates, "good") as wire:
        answer = make(tls=Tls(ca_file=certificates / "good.pem")).request("GET", f"{wire.address}/")
    assert answer.body == b"in confidence"


@pytest.mark.parametrize(
    ("served", "trusted", "reason"),
    [
        ("good", None, "certificate-untrusted"),
        ("good", "foreign", "certificate-untrusted"),
        ("expired", "expired", "certificate-expired"),
        ("foreign", "foreign", "certificate-wrong-name"),
    ],
)
def test_a_bad_certificate_has_its_own_reason_and_nothing_is_sent(
    make: Make, certificates: Path, served: str, trusted: str | None, reason: str
) -> None:
    with served_with(certificates, served) as wire:
        tls = Tls(ca_file=certificates / f"{trusted}.pem") if trusted else Tls()
        assert reason_of(make(tls=tls), f"{wire.address}/").reason == reason
        assert wire.requests == []


def test_the_configured_server_name_is_what_counts(make: Make, certificates: Path) -> None:
    with served_with(certificates, "foreign") as wire:
        tls = Tls(ca_file=certificates / "foreign.pem", server_name="elsewhere.example")
        assert make(tls=tls).request("GET", f"{wire.address}/").status == 200


def test_a_replaced_authority_file_is_noticed(make: Make, certificates: Path, tmp_path: Path) -> None:
    moment = 0.0
    authority = tmp_path / "ca.pem"
    authority.write_bytes((certificates / "foreign.pem").read_bytes())
    os.utime(authority, (1, 1))
    transport = make(tls=Tls(ca_file=authority), clock=lambda: moment)
    with served_with(certificates, "good") as wire:
        assert reason_of(transport, f"{wire.address}/").reason == "certificate-untrusted"
        authority.write_bytes((certificates / "good.pem").read_bytes())
        assert reason_of(transport, f"{wire.address}/").reason == "certificate-untrusted"
        moment = 11.0
        assert transport.request("GET", f"{wire.address}/").status == 200


def test_a_login_has_the_authority_file_looked_at_at_once(make: Make, certificates: Path, tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_bytes((certificates / "foreign.pem").read_bytes())
    os.utime(authority, (1, 1))
    transport = make(tls=Tls(ca_file=authority), clock=lambda: 0.0)
    with served_with(certificates, "good") as wire:
        assert reason_of(transport, f"{wire.address}/").reason == "certificate-untrusted"
        authority.write_bytes((certificates / "good.pem").read_bytes())
        transport.look_again()
        assert transport.request("GET", f"{wire.address}/").status == 200


@pytest.mark.parametrize("together", [False, True])
def test_the_systems_authorities_are_believed_beside_the_given_one_where_that_is_said(
    make: Make, certificates: Path, monkeypatch: pytest.MonkeyPatch, *, together: bool
) -> None:
    # What OpenSSL reads in place of the system's own file.
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "good.pem"))
    transport = make(tls=Tls(ca_file=certificates / "second.pem", system_too=together))
    with served_with(certificates, "second") as wire:
        assert transport.request("GET", f"{wire.address}/").status == 200
    with served_with(certificates, "good") as wire:
        if together:
            assert transport.request("GET", f"{wire.address}/").status == 200
        else:
            assert reason_of(transport, f"{wire.address}/").reason == "certificate-untrusted"


def test_a_half_replaced_pair_leaves_the_old_one_in_use(make: Make, certificates: Path, tmp_path: Path) -> None:
    moment = 0.0
    pair = (tmp_path / "c.pem", tmp_path / "k.pem")
    for file, kind in zip(pair, ("pem", "key"), strict=True):
        file.write_bytes((certificates / f"good.{kind}").read_bytes())
    tls = Tls(ca_file=certificates / "good.pem", cert_file=pair[0], key_file=pair[1])
    transport = make(tls=tls, clock=lambda: moment)
    with served_with(certificates, "good") as wire:
        assert transport.request("GET", f"{wire.address}/").status == 200
        pair[0].write_bytes((certificates / "foreign.pem").read_bytes())
        os.utime(pair[0], (1, 1))
        moment = 11.0
        assert transport.request("GET", f"{wire.address}/").status == 200


def test_files_that_cannot_be_used_have_a_reason(make: Make, tmp_path: Path) -> None:
    assert reason_of(make(tls=Tls(ca_file=tmp_path / "none")), "https://127.0.0.1:1/").reason == "tls-files-unusable"
