"""What Vault's aws method and STS make of a login, as AWS documents it: computed anew, with nothing of an SDK."""

import datetime as dt
import hashlib
import hmac
import json
import re
from base64 import b64decode
from collections.abc import Mapping
from urllib.parse import urlsplit

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(\w+)/(\d{8})/([a-z0-9-]+)/sts/aws4_request, SignedHeaders=([a-z0-9;-]+), "
    r"Signature=([0-9a-f]{64})"
)


_BODY = b"Action=GetCallerIdentity&Version=2011-06-15"


class NotSigned(Exception):  # noqa: N818 — what STS would say
    """The request is not what its signature says, or is signed by nobody known."""


def signer(login: Mapping[str, str], keys: Mapping[str, str], *, region: str, server_id: str) -> str:
    """Give the access key id that signed a login; raises NotSigned.

    `keys` are secret access keys by their ids. Sources: developer.hashicorp.com/vault/api-docs/auth/aws#login,
    docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html.
    """
    url = b64decode(login["iam_request_url"]).decode()
    body = b64decode(login["iam_request_body"])
    sent = json.loads(b64decode(login["iam_request_headers"]))
    headers = {name.lower(): value for name, value in sent.items()} | {"host": urlsplit(url).netloc}
    match = _AUTHORIZATION.fullmatch(headers["authorization"])
    if match is None or login["iam_http_request_method"] != "POST" or body != _BODY:
        raise NotSigned
    key, day, signed_for, names, signature = match.groups()
    if signed_for != region or key not in keys or headers.get("x-vault-aws-iam-server-id", "") != server_id:
        raise NotSigned
    needed = {"host", "x-amz-date"} | ({"x-vault-aws-iam-server-id"} if server_id else set())
    if not needed <= set(names.split(";")):
        raise NotSigned
    canonical = "\n".join(
        [
            "POST",
            urlsplit(url).path,
            "",
            *(f"{name}:{headers[name]}" for name in names.split(";")),
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        ]
    )
    scope = f"{day}/{region}/sts/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{headers['x-amz-date']}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    secret = f"AWS4{keys[key]}".encode()
    for part in scope.split("/"):
        secret = hmac.digest(secret, part.encode(), "sha256")
    made = dt.datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC)
    age = dt.datetime.now(dt.UTC) - made
    if hmac.new(secret, text.encode(), "sha256").hexdigest() != signature or abs(age) > dt.timedelta(minutes=15):
        raise NotSigned
    return key
