"""The instance's key: what it signs, and what it does not."""

import hmac

import pytest

from syncd.keys import KEY_BYTES, Former, InstanceKey, Use
from syncd.redact import MASK, SecretValue

MASTER = SecretValue(bytes(range(KEY_BYTES)))
USES: tuple[Use, ...] = ("mark", "inventory", "digest")


def test_what_was_signed_is_verified_and_nothing_else_is() -> None:
    key = InstanceKey(MASTER)
    mac = key.mac("mark", b"a message")

    assert key.verify("mark", b"a message", mac)
    assert not key.verify("mark", b"another message", mac)
    assert not key.verify("mark", b"a message", mac[:-1])
    assert not key.verify("mark", b"a message", b"")
    assert not InstanceKey(SecretValue(bytes(KEY_BYTES))).verify("mark", b"a message", mac)


def test_a_mac_of_one_use_says_nothing_in_another() -> None:
    key = InstanceKey(MASTER)
    macs = {use: key.mac(use, b"a message") for use in USES}

    assert len(set(macs.values())) == len(USES)
    for use in USES:
        assert [other for other in USES if key.verify(other, b"a message", macs[use])] == [use]


def test_the_same_key_signs_alike_for_good() -> None:
    """Marks outlive the process: HKDF-SHA-256 (RFC 5869) without salt and with the use as info, then HMAC-SHA-256."""
    extracted = hmac.digest(bytes(32), MASTER.reveal(), "sha256")
    expanded = hmac.digest(extracted, b"syncd/1/mark" + b"\x01", "sha256")

    assert InstanceKey(MASTER).mac("mark", b"a message") == hmac.digest(expanded, b"a message", "sha256")


@pytest.mark.parametrize("length", [0, KEY_BYTES - 1, KEY_BYTES + 1])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        InstanceKey(SecretValue(bytes(length)))


def test_a_key_prints_nothing_of_itself() -> None:
    key = InstanceKey(MASTER)
    key.mac("mark", b"")

    assert MASTER.reveal().hex() not in repr(key)
    assert repr(key._master) == MASK


def test_keys_of_before_sign_under_their_own_names_alone() -> None:
    old, older = InstanceKey(SecretValue(bytes(KEY_BYTES))), InstanceKey(SecretValue(b"\x01" * KEY_BYTES))
    key = InstanceKey(MASTER).after([Former("prod", old), Former("blue", older)])

    assert key.signers("prod", present=True) == (key, old)
    assert key.signers("blue", present=False) == (older,)
    assert key.signers("green", present=False) == ()
    assert key.mac("mark", b"m") == InstanceKey(MASTER).mac("mark", b"m")
