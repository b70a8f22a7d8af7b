"""TLS pairs: what is made of chains and keys in every form, and why one is refused."""

import itertools
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x448, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.build import build
from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.position import Position
from syncd.model.reference import Failure, FailureClass, Fetched, Outcome, RemoteRef
from syncd.model.secret import Built, Content, Refusal
from syncd.model.selection import Extract, Selection
from syncd.model.shaping import Builder, TlsBundle, TlsPair
from syncd.pki.pem import armored
from syncd.redact import SecretValue
from tests.authority import DAY, NOW, Issued, chain_of_three, issued, rsa_key

LEAF, MIDDLE, ROOT = chain_of_three()
TRADITIONAL = PrivateFormat.TraditionalOpenSSL
QUIET = settings(deadline=None, suppress_health_check=list(HealthCheck))


def ref(name: str) -> Selection:
    return Selection(RemoteRef("store", name))


def nameless(value: object) -> str | None:
    """Name a parameter without its bytes, which are others in each process that collects the tests."""
    return "value" if isinstance(value, bytes) else None


PAIR = TlsPair(ref("certificate"), ref("key"))
WITH_CA = TlsPair(ref("certificate"), ref("key"), ref("ca"))


def made(
    builder: Builder,
    values: Mapping[str, bytes] | None = None,
    *,
    now: float = NOW,
    data_from: tuple[Extract, ...] = (),
    **more: bytes,
) -> Built:
    """Build with `values` and `more` in the store."""
    mapping = SecretMapping(
        "shop/web", SecretKey("default", "shop", "web"), Position("f", 1, 1), "kubernetes.io/tls",
        builder=builder, data_from=data_from,
    )  # fmt: skip
    stored = {**(values or {}), **more}
    outcomes = {RemoteRef("store", name): Fetched(SecretValue(value), "1") for name, value in stored.items()}
    return build(mapping, outcomes, now=now)


def keys(built: Built) -> Mapping[str, bytes]:
    assert isinstance(built, Content), built
    return {key: value.reveal() for key, value in built.data.items()}


def refused(built: Built, *secret: bytes) -> str:
    """Give the reason, once it is sure that no line of a private key is in the message."""
    assert isinstance(built, Refusal), "it was not refused"
    assert built.cls is FailureClass.CONFIG
    for value in secret:
        assert not [line for line in value.decode("latin-1").split() if len(line) > 12 and line in built.message]
    return built.reason


# Chains


@pytest.mark.parametrize("order", list(itertools.permutations((LEAF, MIDDLE, ROOT))))
def test_a_chain_is_sorted_leaf_first_whatever_its_order(order: tuple[Issued, ...]) -> None:
    found = keys(made(PAIR, certificate=b"".join(each.pem for each in order), key=LEAF.key_pem()))
    assert found == {"tls.crt": LEAF.pem + MIDDLE.pem + ROOT.pem, "tls.key": LEAF.key_pem()}


@pytest.mark.parametrize("chain", [(LEAF,), (LEAF, MIDDLE), (ROOT,)])
def test_a_chain_may_end_anywhere(chain: tuple[Issued, ...]) -> None:
    pem = b"".join(each.pem for each in chain)
    assert keys(made(PAIR, certificate=pem, key=chain[0].key_pem()))["tls.crt"] == pem


def test_an_authority_under_two_signers_is_part_of_the_chain() -> None:
    other = issued("other root")
    crossed = issued("root", by=other, key=ROOT.key)
    orders = itertools.permutations((LEAF, MIDDLE, ROOT, crossed, other))
    found = {keys(made(PAIR, certificate=b"".join(e.pem for e in o), key=LEAF.key_pem()))["tls.crt"] for o in orders}
    (pem,) = found
    assert pem.startswith(LEAF.pem + MIDDLE.pem + crossed.pem)
    assert sorted(pem.split(b"-----BEGIN")) == sorted(
        b"".join(each.pem for each in (LEAF, MIDDLE, ROOT, crossed, other)).split(b"-----BEGIN")
    )


def test_certificates_are_spelled_anew_and_each_once() -> None:
    odd = (
        b"subject=web\r\n"
        + LEAF.pem.replace(b"\n", b"\r\n")
        + b"\n# and again\n"
        + LEAF.pem.rstrip()
        + b"\n"
        + MIDDLE.pem
    )
    assert keys(made(PAIR, certificate=odd, key=LEAF.key_pem()))["tls.crt"] == LEAF.pem + MIDDLE.pem


@pytest.mark.parametrize(
    "chain",
    [
        (LEAF, issued("stranger")),
        (LEAF, ROOT),
        (LEAF, MIDDLE, issued("root")),
        (LEAF, issued("web.example.com", by=MIDDLE, key=LEAF.key)),
    ],
)
def test_a_certificate_that_is_no_part_of_the_chain_is_refused(chain: tuple[Issued, ...]) -> None:
    """A stranger, a gap, another authority of the same name, the certificate of before."""
    pem = b"".join(each.pem for each in chain)
    assert refused(made(PAIR, certificate=pem, key=LEAF.key_pem()), LEAF.key_pem()) == "tls-chain-broken"


def test_a_chain_of_too_many_is_refused() -> None:
    pem = b"".join(issued(f"c{number}").pem for number in range(11))
    assert refused(made(PAIR, certificate=pem, key=LEAF.key_pem())) == "tls-chain-too-long"


# Dates


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (NOW, None),
        (NOW + 30 * DAY, None),
        (NOW + 30 * DAY + 1, "tls-not-valid"),
        (NOW - DAY, None),
        (NOW - DAY - 1, "tls-not-valid"),
        (0.0, "tls-not-valid"),
    ],
)
def test_a_pair_is_refused_outside_its_dates(now: float, reason: str | None) -> None:
    """E10."""
    built = made(PAIR, certificate=LEAF.pem, key=LEAF.key_pem(), now=now)
    assert (built.reason if isinstance(built, Refusal) else None) == reason


def test_who_stands_between_must_be_valid_too_and_a_root_need_not() -> None:
    root = issued("root", end=NOW - 1)
    old = issued("middle", by=root, end=NOW - 1)
    good = issued("middle", by=root, key=old.key)
    leaf = issued("leaf", by=old)
    assert refused(made(PAIR, certificate=leaf.pem + old.pem, key=leaf.key_pem())) == "tls-not-valid"
    assert keys(made(PAIR, certificate=leaf.pem + good.pem + root.pem, key=leaf.key_pem()))


# Keys


@cache
def kinds() -> dict[str, Issued]:
    return {
        "rsa": issued("rsa", key=rsa_key()),
        "p256": issued("p256"),
        "p384": issued("p384", key=ec.generate_private_key(ec.SECP384R1())),
        "ed25519": issued("ed", key=ed25519.Ed25519PrivateKey.generate()),
    }


@pytest.mark.parametrize(
    ("kind", "form"),
    [(kind, PrivateFormat.PKCS8) for kind in ("rsa", "p256", "p384", "ed25519")]
    + [("rsa", PrivateFormat.TraditionalOpenSSL), ("p256", PrivateFormat.TraditionalOpenSSL)],
)
def test_keys_of_every_kind_are_kept_byte_for_byte(kind: str, form: PrivateFormat) -> None:
    pair = kinds()[kind]
    for key in (pair.key_pem(form), b"\n" + pair.key_pem(form).replace(b"\n", b"\r\n"), pair.key_pem(form).rstrip()):
        assert keys(made(PAIR, certificate=pair.pem, key=key)) == {"tls.crt": pair.pem, "tls.key": key}


def test_parameters_of_a_curve_may_stand_before_the_key() -> None:
    parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    key = parameters + LEAF.key_pem(PrivateFormat.TraditionalOpenSSL)
    assert keys(made(PAIR, certificate=LEAF.pem, key=key))["tls.key"] == key


def test_certificate_and_key_may_stand_in_one_value() -> None:
    """As Key Vault gives a certificate that it keeps as PEM."""
    both = LEAF.key_pem() + MIDDLE.pem + LEAF.pem
    found = keys(made(TlsPair(ref("both"), ref("both")), both=both))
    assert found == {"tls.crt": LEAF.pem + MIDDLE.pem, "tls.key": LEAF.key_pem()}


def test_a_foreign_key_is_refused() -> None:
    """E10."""
    other = issued("web.example.com", by=MIDDLE)
    built = made(PAIR, certificate=LEAF.pem + MIDDLE.pem, key=other.key_pem())
    assert refused(built, other.key_pem()) == "tls-key-mismatch"


def _of_another_kind(key: x25519.X25519PrivateKey | x448.X448PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _altered_rsa() -> bytes:
    numbers = rsa_key().private_numbers()
    content = rsa_key().private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    size = (numbers.dmp1.bit_length() + 7) // 8
    part = numbers.dmp1.to_bytes(size, "big")
    assert content.count(part) == 1
    return armored("RSA PRIVATE KEY", content.replace(part, (numbers.dmp1 ^ 2).to_bytes(size, "big")))


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (LEAF.key_pem(password=b"pw"), "tls-key-encrypted"),
        (issued("r", key=rsa_key()).key_pem(PrivateFormat.TraditionalOpenSSL, b"pw"), "tls-key-encrypted"),
        (LEAF.key_pem(PrivateFormat.OpenSSH), "tls-key-unreadable"),
        (LEAF.key_pem() + MIDDLE.key_pem(), "tls-key-unreadable"),
        (LEAF.pem, "tls-key-unreadable"),
        (LEAF.key_pem()[:-40], "tls-key-unreadable"),
        (LEAF.key_pem().replace(b"\n", b" "), "tls-key-unreadable"),
        (LEAF.key_pem().replace(b"\n", b"\\n"), "tls-key-unreadable"),
        (LEAF.key_pem()[:60] + b"!" + LEAF.key_pem()[61:], "tls-key-unreadable"),
        (armored("PRIVATE KEY", LEAF.der), "tls-key-unreadable"),
        (armored("RSA PRIVATE KEY", b"0" * 20_000), "tls-key-unreadable"),
        (_altered_rsa(), "tls-key-unreadable"),
        (_of_another_kind(x25519.X25519PrivateKey.generate()), "tls-key-unreadable"),
        (_of_another_kind(x448.X448PrivateKey.generate()), "tls-key-unreadable"),
        (b"\xef\xbb\xbf" + LEAF.key_pem(), "tls-key-unreadable"),
        (b"\x00\xff", "tls-key-unreadable"),
    ],
    ids=nameless,
)  # fmt: skip
def test_what_is_no_key_for_tls_is_refused_and_not_quoted(key: bytes, reason: str) -> None:
    assert refused(made(PAIR, certificate=LEAF.pem, key=key), key) == reason


@pytest.mark.parametrize(
    "certificate",
    [
        b"x",
        LEAF.der,
        LEAF.key_pem(),
        LEAF.pem[:-30],
        LEAF.pem[30:],
        LEAF.pem + MIDDLE.pem[:200],
        LEAF.pem.replace(b"\n", b""),
        armored("CERTIFICATE", LEAF.der[:-10]),
        armored("CERTIFICATE", b""),
        armored("PKCS7", LEAF.der),
        LEAF.pem.replace(b"END CERTIFICATE", b"END CERTIFICATES"),
    ],
    ids=nameless,
)
def test_what_is_no_certificate_or_cut_is_refused(certificate: bytes) -> None:
    """E10."""
    built = made(PAIR, certificate=certificate, key=LEAF.key_pem())
    assert refused(built, LEAF.key_pem()) == "tls-certificate-unreadable"


def test_every_part_that_is_wrong_is_counted() -> None:
    built = made(WITH_CA, certificate=b"x", key=b"x", ca=b"x")
    assert isinstance(built, Refusal)
    assert len(built.also) == 2
    assert "mapping shop/web, tls: " in built.message


# Authorities


def test_authorities_are_spelled_anew_in_their_order_and_held_against_nothing() -> None:
    others = [issued(f"ca{number}", end=NOW - 1) for number in range(20)]
    bundle = b"# roots\r\n" + b"\n".join(each.pem for each in others)
    found = keys(made(WITH_CA, certificate=LEAF.pem, key=LEAF.key_pem(), ca=bundle))
    assert found["ca.crt"] == b"".join(each.pem for each in others)
    assert refused(made(WITH_CA, certificate=LEAF.pem, key=LEAF.key_pem(), ca=b"x")) == "tls-ca-unreadable"


def test_an_optional_authority_that_is_absent_is_left_out() -> None:
    mapping = SecretMapping(
        "shop/web", SecretKey("default", "shop", "web"), Position("f", 1, 1), "kubernetes.io/tls",
        builder=TlsPair(ref("certificate"), ref("key"), Selection(RemoteRef("store", "ca"), optional=True)),
    )  # fmt: skip
    outcomes: dict[RemoteRef, Outcome] = {
        RemoteRef("store", "certificate"): Fetched(SecretValue(LEAF.pem), "1"),
        RemoteRef("store", "key"): Fetched(SecretValue(LEAF.key_pem()), "1"),
        RemoteRef("store", "ca"): Failure(FailureClass.ABSENT, "not-found"),
    }
    assert set(keys(build(mapping, outcomes, now=NOW))) == {"tls.crt", "tls.key"}


# Bundles


@pytest.mark.parametrize("password", [None, b"s3cret passphrase"])
@pytest.mark.parametrize("kind", ["rsa", "p256", "ed25519"])
def test_a_bundle_becomes_a_pair(kind: str, password: bytes | None) -> None:
    pair = kinds()[kind]
    values = {"p": password} if password else {}
    builder = TlsBundle(ref("b"), ref("p") if password else None)
    found = keys(made(builder, values, b=pair.bundle(password=password)))
    assert found == {"tls.crt": pair.pem, "tls.key": pair.key_pem()}


def test_the_chain_of_a_bundle_is_sorted_too_and_the_same_bytes_give_the_same() -> None:
    found = {
        tuple(sorted(keys(made(TlsBundle(ref("b")), b=LEAF.bundle(*others))).items()))
        for others in ((MIDDLE, ROOT), (ROOT, MIDDLE))
        for _ in range(3)
    }
    assert found == {(("tls.crt", LEAF.pem + MIDDLE.pem + ROOT.pem), ("tls.key", LEAF.key_pem()))}


def test_a_bundle_of_openssl_is_opened(tmp_path: Path) -> None:
    (tmp_path / "k").write_bytes(LEAF.key_pem())
    (tmp_path / "c").write_bytes(LEAF.pem + MIDDLE.pem)
    command = ["openssl", "pkcs12", "-export", "-inkey", "k", "-in", "c", "-out", "b", "-passout", "pass:"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    found = keys(made(TlsBundle(ref("b")), b=(tmp_path / "b").read_bytes()))
    assert found == {"tls.crt": LEAF.pem + MIDDLE.pem, "tls.key": LEAF.key_pem()}


def _many_rounds(password: bytes, rounds: int) -> bytes:
    encryption = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(rounds).build(password)
    return pkcs12.serialize_key_and_certificates(None, LEAF.key, LEAF.certificate, None, encryption)


def test_a_bundle_that_asks_for_too_many_rounds_is_not_opened() -> None:
    """The library would hold up the process for as long as the bundle says."""
    sound = _many_rounds(b"pw", 70_000)
    builder = TlsBundle(ref("b"), ref("p"))
    assert keys(made(builder, b=sound, p=b"pw"))
    spelled = (70_000).to_bytes(3, "big")
    assert sound.count(b"\x02\x03" + spelled) == 2
    for place in range(2):
        head, *rest = sound.split(b"\x02\x03" + spelled)
        marks = [b"\x02\x03" + spelled] * 2
        marks[place] = b"\x02\x03" + (8_000_000).to_bytes(3, "big")
        damaged = head + marks[0] + rest[0] + marks[1] + rest[1]
        built = made(builder, b=damaged, p=b"pw")
        assert refused(built) == "pkcs12-unreadable"
        assert isinstance(built, Refusal)
        assert "takes more work" in built.message


@pytest.mark.parametrize(
    ("bundle", "password", "reason"),
    [
        (LEAF.bundle(password=b"right"), b"wrong", "pkcs12-unreadable"),
        (LEAF.bundle(password=b"right"), None, "pkcs12-unreadable"),
        (LEAF.bundle(password=b"right"), b"\xff", "pkcs12-unreadable"),
        (LEAF.bundle(password=b"right"), b"right" * 300, "pkcs12-unreadable"),
        (LEAF.bundle()[:-5], None, "pkcs12-unreadable"),
        (LEAF.pem, None, "pkcs12-unreadable"),
        (b"0" * 300_000, None, "pkcs12-unreadable"),
        (b"\x30\x80" + b"\x00" * 20, None, "pkcs12-unreadable"),
        (LEAF.bundle(key=False), None, "pkcs12-incomplete"),
        (LEAF.bundle(issued("stranger")), None, "tls-chain-broken"),
        (issued("old", end=NOW - 1).bundle(), None, "tls-not-valid"),
    ],
    ids=nameless,
)
def test_what_is_no_bundle_for_tls_is_refused(bundle: bytes, password: bytes | None, reason: str) -> None:
    values = {"p": password} if password else {}
    built = made(TlsBundle(ref("b"), ref("p") if password else None), values, b=bundle)
    assert refused(built, b"right", b"wrong") == reason


def test_a_password_with_a_nul_is_refused_before_the_library_tells_it(capfd: pytest.CaptureFixture[str]) -> None:
    """The library panics on it, and writes it to stderr."""
    assert refused(made(TlsBundle(ref("b"), ref("p")), b=LEAF.bundle(), p=b"c4nary\x00")) == "pkcs12-unreadable"
    assert capfd.readouterr().err == ""


# Beside other keys


def test_other_keys_may_stand_beside_a_pair_and_none_of_its_own() -> None:
    extra = (Extract(ref("more")),)
    values = {"certificate": LEAF.pem, "key": LEAF.key_pem()}
    assert keys(made(PAIR, values, data_from=extra, more=b'{"a": 1}'))["a"] == b"1"
    assert refused(made(PAIR, values, data_from=extra, more=b'{"tls.key": "x"}')) == "key-clash"


# Garbage


@QUIET
@given(
    data=st.data(),
    part=st.sampled_from(["certificate", "key", "ca"]),
    sound=st.sampled_from([LEAF.pem + MIDDLE.pem, LEAF.key_pem(), kinds()["rsa"].key_pem(TRADITIONAL)]),
)
def test_a_bent_pair_is_a_pair_or_a_refusal(data: st.DataObject, part: str, sound: bytes) -> None:
    """I-PARSE."""
    at = data.draw(st.integers(0, len(sound)))
    to = data.draw(st.integers(at, min(len(sound), at + 80)))
    bent = sound[:at] + data.draw(st.binary(max_size=40) | st.just(sound[at:to] * 2)) + sound[to:]
    values = {"certificate": LEAF.pem, "key": LEAF.key_pem(), "ca": ROOT.pem, part: bent}
    built = made(WITH_CA, values)
    assert isinstance(built, Content) or refused(built, LEAF.key_pem())


@QUIET
@given(at=st.integers(0, 2000), to=st.integers(0, 60), put=st.binary(max_size=6))
def test_a_bent_bundle_is_a_pair_or_a_refusal(at: int, to: int, put: bytes) -> None:
    """I-PARSE."""
    sound = kinds()["p256"].bundle()
    at %= len(sound)
    built = made(TlsBundle(ref("b")), b=sound[:at] + put + sound[at + to :])
    assert isinstance(built, Content) or refused(built)


@QUIET
@given(
    content=st.binary(max_size=300),
    label=st.sampled_from(["CERTIFICATE", "PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"]),
)
def test_any_bytes_in_a_frame_are_a_refusal(content: bytes, label: str) -> None:
    """I-PARSE."""
    assert refused(made(PAIR, certificate=armored(label, content), key=armored(label, content)))
