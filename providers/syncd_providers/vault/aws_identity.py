"""What an aws login shows: a request for sts:GetCallerIdentity, signed by botocore, that Vault sends to STS itself.

The only importer of botocore here, which is where untyped code ends, and itself imported with the first such login.
Each login makes a fresh session with the SDK's chain of credentials, which reads its files anew. What the chain asks of
STS goes over syncd's own transport; its exceptions carry what was sent, and none leaves this module.
"""

import logging
import time
from base64 import b64encode
from typing import Any, Final

import botocore.session
import msgspec
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from syncd.fetch.http import Transport, TransportError
from syncd.fetch.seam import Call, CallAborted
from syncd.model.reference import Failure, FailureClass
from syncd.model.store import StoreSettings, Tls
from syncd.node import text
from syncd.redact import SecretValue
from syncd_providers.vault.auth import Aws
from syncd_providers.vault.login import Asked, store_wide, widened

_GLOBAL: Final = "us-east-1"
"""The region that the global endpoint signs for
(https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_region-endpoints.html)."""
_BODY: Final = b"Action=GetCallerIdentity&Version=2011-06-15"


def asked(options: Aws, settings: StoreSettings, described: str, call: Call) -> Asked | Failure:
    """Make the body of the login (https://developer.hashicorp.com/vault/api-docs/auth/aws#login).

    Raises CallAborted.
    """
    logging.getLogger("botocore").setLevel(logging.CRITICAL + 1)  # below, it logs signatures and answers
    wire = _Wire(settings, call)
    region = text(options.region)
    try:
        session = botocore.session.Session()
        session.set_config_variable("region", region)
        session.set_config_variable("max_attempts", 1)
        session.register("before-send", wire.send)
        credentials = session.get_credentials()
        if credentials is None:
            message = f"{described}: the AWS SDK's chain holds no credentials here; give the Pod or the machine a role"
            return store_wide(FailureClass.DENIED, "no-identity", message)
        return _signed(options, _address(session, region), credentials.get_frozen_credentials())
    except CallAborted:
        raise
    except TransportError as error:
        return widened(error.failure("AWS STS"), f"{described} got no AWS credentials")
    except ClientError as error:
        return _refused(error, described)
    except (BotoCoreError, OSError, ValueError, KeyError, TypeError):
        message = f"{described}: the AWS SDK's chain could not get credentials; check the role of the Pod or machine"
        return store_wide(FailureClass.DENIED, "identity-refused", message, transient=True)
    finally:
        wire.close()


def _address(session: Any, region: str) -> str:  # noqa: ANN401 — a botocore session
    """Give where Vault sends the request: AWS's own STS, whatever endpoint the chain here is led to."""
    if region == _GLOBAL:
        return "https://sts.amazonaws.com/"
    config = Config(ignore_configured_endpoint_urls=True)
    address: str = session.create_client("sts", region_name=region, config=config).meta.endpoint_url
    return f"{address}/"


def _signed(options: Aws, address: str, credentials: Any) -> Asked:  # noqa: ANN401 — botocore's frozen credentials
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    if options.server_id != "":
        headers["X-Vault-AWS-IAM-Server-ID"] = text(options.server_id)
    request = AWSRequest(method="POST", url=address, data=_BODY, headers=headers)
    SigV4Auth(credentials, "sts", text(options.region)).add_auth(request)
    return Asked(
        {
            "role": text(options.role),
            "iam_http_request_method": "POST",
            "iam_request_url": b64encode(address.encode()).decode(),
            "iam_request_body": b64encode(_BODY).decode(),
            # Whoever has the signature may log in with it for a quarter of an hour.
            "iam_request_headers": SecretValue(b64encode(msgspec.json.encode(dict(request.headers.items())))),
        }
    )


def _refused(error: Any, described: str) -> Failure:  # noqa: ANN401 — botocore's ClientError
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if status >= 500:
        message = f"{described} got no AWS credentials: STS failed with status {status}; try again later"
        return store_wide(FailureClass.UNAVAILABLE, "server-error", message, transient=True)
    message = (
        f"{described} got no AWS credentials: STS refused them with status {status}; check the role's trust policy"
    )
    return store_wide(FailureClass.DENIED, "identity-refused", message)


class _Wire:
    """Sends what the chain of one login asks of STS, which botocore's event `before-send` leaves to us."""

    def __init__(self, settings: StoreSettings, call: Call) -> None:
        self._call = call
        self._transport = Transport(
            timeouts=settings.timeouts,
            tls=Tls(ca_file=settings.tls.ca_file, system_too=True),
            proxy=settings.proxy,
            clock=settings.clock or time.monotonic,
        )

    def send(self, request: Any, **_event: object) -> Any:  # noqa: ANN401 — an AWSPreparedRequest; an AWSResponse
        self._call.spend()
        headers = {
            name: value.decode("latin-1") if isinstance(value, bytes) else str(value)
            for name, value in request.headers.items()
        }
        body = request.body.encode() if isinstance(request.body, str) else request.body
        answer = self._transport.request(
            request.method, request.url, headers=headers, body=body, remaining=self._call.remaining()
        )
        return AWSResponse(request.url, answer.status, answer.headers, _Body(answer.body))

    def close(self) -> None:
        self._transport.close()


class _Body:
    """What botocore reads a body from."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> tuple[bytes, ...]:
        return (self._content,)
