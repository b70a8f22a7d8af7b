"""Compact JSON Web Tokens, as far as the Entra stand-in needs them: mint its own, verify a client's.

Written with `cryptography` alone, because PyJWT is here only as a dependency of msal.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
import uuid
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa


class TokenError(Exception):
    """A token is not one of ours, has expired, or is meant for somebody else."""


@dataclass(frozen=True)
class Jwt:
    """A token taken apart, not yet believed."""

    header: dict[str, object]
    claims: dict[str, object]
    signed: bytes
    """What the signature covers."""
    signature: bytes


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def parse(token: str) -> Jwt:
    """Take a compact token apart."""
    try:
        first, second, third = token.split(".")
        header, claims = json.loads(_decode(first)), json.loads(_decode(second))
        signature = _decode(third)
    except (ValueError, binascii.Error):
        message = "not a compact JSON Web Token"
        raise TokenError(message) from None
    if not isinstance(header, dict) or not isinstance(claims, dict):
        message = "header and claims are objects"
        raise TokenError(message)
    return Jwt(header, claims, f"{first}.{second}".encode(), signature)


def check_times(claims: dict[str, object]) -> None:
    """Refuse claims outside their `nbf` to `exp` window."""
    now, expires, starts = time.time(), claims.get("exp"), claims.get("nbf", 0)
    if not isinstance(expires, int | float) or expires <= now:
        message = "the token is expired"
        raise TokenError(message)
    if not isinstance(starts, int | float) or starts > now + 300:
        message = "the token is not yet valid"
        raise TokenError(message)


def check_signature(token: Jwt, key: rsa.RSAPublicKey) -> None:
    """Verify an RS256 or PS256 signature; msal signs with either, by what the credential gave it."""
    pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=hashes.SHA256.digest_size)
    schemes: dict[object, padding.AsymmetricPadding] = {"RS256": padding.PKCS1v15(), "PS256": pss}
    scheme = schemes.get(token.header.get("alg"))
    if scheme is None:
        message = "the algorithm is neither RS256 nor PS256"
        raise TokenError(message)
    try:
        key.verify(token.signature, token.signed, scheme, hashes.SHA256())
    except InvalidSignature:
        message = "the signature does not match"
        raise TokenError(message) from None


def thumbprints(certificate: x509.Certificate) -> set[str]:
    """Return what a client may put into `x5t` or `x5t#S256` to point at `certificate`."""
    sha1 = certificate.fingerprint(hashes.SHA1())  # noqa: S303 — `x5t` is defined as SHA-1 (RFC 7515, 4.1.7)
    return {_encode(sha1), _encode(certificate.fingerprint(hashes.SHA256()))}


class Mint:
    """Issues access tokens and tells its own from others."""

    def __init__(self, issuer: str, tenant_id: str) -> None:
        """Start with a key of its own; tokens of an earlier start are worthless."""
        self._issuer = issuer
        self._tenant_id = tenant_id
        self._key = secrets.token_bytes(32)

    def revoke_all(self) -> None:
        """Make every token issued so far worthless."""
        self._key = secrets.token_bytes(32)

    def _sign(self, text: bytes) -> bytes:
        return hmac.new(self._key, text, hashlib.sha256).digest()

    def issue(self, identity: str, *, audience: str, lifetime: int) -> str:
        """Return an access token for `identity`.

        The claims are those learn.microsoft.com/azure/key-vault/general/rest-error-codes decodes. The signature is
        symmetric: to clients the token is opaque, and only this server checks it.
        """
        now = int(time.time())
        claims = {
            "aud": audience,
            "iss": self._issuer,
            "iat": now,
            "nbf": now,
            "exp": now + lifetime,
            "appid": identity,
            "tid": self._tenant_id,
            "uti": uuid.uuid4().hex,
            "ver": "1.0",
        }
        header = _encode(json.dumps({"typ": "JWT", "alg": "HS256"}).encode())
        text = f"{header}.{_encode(json.dumps(claims).encode())}"
        return f"{text}.{_encode(self._sign(text.encode()))}"

    def identify(self, token: str, *, audience: str) -> str:
        """Return whose token this is, or refuse it."""
        parsed = parse(token)
        if not hmac.compare_digest(self._sign(parsed.signed), parsed.signature):
            message = "the token was not issued here"
            raise TokenError(message)
        check_times(parsed.claims)
        if parsed.claims.get("aud") != audience:
            message = f"Invalid audience. Expected {audience}, found: {parsed.claims.get('aud')}."
            raise TokenError(message)
        return str(parsed.claims["appid"])
