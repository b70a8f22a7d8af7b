"""AWS Secrets Manager on loopback: moto behind a listener that logs, and injects what moto does not do.

`Moto.start(directory)` in a test's own process, or shared through tests/servers/serve.py and `Moto.attach`.
"""

import http.client
import json
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self
from urllib.parse import urlsplit

from tests.servers.canary import watch
from tests.servers.moto_proxy import CONTROL_PATH, Listener, Logged, Service, content_of

REGION = "eu-west-1"


class AwsCredentials(NamedTuple):
    """An access key of one test. moto believes every one; faults and the log tell tests apart by it."""

    access_key_id: str
    secret_access_key: str


@dataclass(frozen=True, repr=False)
class Moto:
    """A running stand-in, and the orders a test gives it."""

    endpoint: str
    """For `endpoint` and `stsEndpoint` of a store: http on loopback."""
    control_key: str
    region: str = REGION
    _listener: Listener | None = None

    @classmethod
    def start(cls, directory: Path) -> Self:
        """Start it in this process; it keeps nothing on disk."""
        directory.mkdir(parents=True, exist_ok=True)
        key = secrets.token_hex(16)
        listener = Listener(Service(), key)
        threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return cls(f"http://127.0.0.1:{listener.server_port}", key, _listener=listener)

    @classmethod
    def attach(cls, description: Mapping[str, str]) -> Self:
        """Use one that runs elsewhere, by what its `describe` said."""
        return cls(description["endpoint"], description["control_key"])

    def describe(self) -> dict[str, str]:
        """Give what `attach` needs."""
        return {"endpoint": self.endpoint, "control_key": self.control_key}

    def stop(self) -> None:
        """Stop the server if it was started here; an attached one goes on."""
        if self._listener is not None:
            self._listener.stop()

    def credentials(self) -> AwsCredentials:
        """Make an access key of this test's own."""
        return AwsCredentials(f"AKIA{secrets.token_hex(8).upper()}", watch(secrets.token_urlsafe(30)))

    def put(self, name: str, value: str | bytes, *, region: str = REGION) -> str:
        """Write a value, making the secret where there is none, and return the version id."""
        created, content = self._call("CreateSecret", {"Name": name, **content_of(value)}, region)
        if created != 200:
            _, content = self._call("PutSecretValue", {"SecretId": name, **content_of(value)}, region)
        return str(content["VersionId"])

    def put_without_value(self, name: str, *, region: str = REGION) -> None:
        """Make a secret that holds no value yet."""
        self._call("CreateSecret", {"Name": name}, region)

    def tag(self, name: str, tags: Mapping[str, str], *, region: str = REGION) -> None:
        """Put tags on a secret."""
        borne = [{"Key": key, "Value": value} for key, value in tags.items()]
        self._call("TagResource", {"SecretId": name, "Tags": borne}, region)

    def create(self, name: str, description: str, *, region: str = REGION) -> None:
        """Make a secret with a description, which moto takes at no other time."""
        self._call("CreateSecret", {"Name": name, "SecretString": "v", "Description": description}, region)

    def stage(self, name: str, version_id: str, stage: str, *, region: str = REGION) -> None:
        """Give a version a staging label more."""
        moved = {"SecretId": name, "VersionStage": stage, "MoveToVersionId": version_id}
        self._call("UpdateSecretVersionStage", moved, region)

    def delete(self, name: str, *, recovery_days: int | None = None, region: str = REGION) -> None:
        """Delete a secret: at once, or in `recovery_days` days, until when it is pending."""
        how = {"ForceDeleteWithoutRecovery": True} if recovery_days is None else {"RecoveryWindowInDays": recovery_days}
        self._call("DeleteSecret", {"SecretId": name, **how}, region)

    def arn(self, name: str, *, region: str = REGION) -> str:
        """Give a secret's full ARN."""
        return str(self._call("DescribeSecret", {"SecretId": name}, region)[1]["ARN"])

    def fault(self, kind: str, **how: str | float) -> None:
        """Order a fault for the next requests that match it: the fields of tests.servers.moto_faults.Fault.

        Raises RuntimeError for an unknown kind, and for a fault that names neither a secret-name prefix (`name`) nor
        an `access_key_id`.
        """
        self._order("fault", {"kind": kind, **how})

    def clear(self, *, name: str = "", access_key_id: str = "") -> None:
        """Forget the faults that were ordered with exactly this prefix and access key id."""
        self._order("clear", {"name": name, "access_key_id": access_key_id})

    def mark(self) -> int:
        """Give a place in the log, for `requests`."""
        return int(str(self._order("mark", {})))

    def requests(self, since: int = 0, *, access_key_id: str = "") -> list[Logged]:
        """List what was asked since a mark, in order of arrival; of all, or of one access key."""
        found = self._order("requests", {"since": since})
        assert isinstance(found, list)
        entries = [Logged(operation, tuple(ids), *rest) for operation, ids, *rest in found]
        return [entry for entry in entries if access_key_id in ("", entry.access_key_id)]

    def _call(self, operation: str, parameters: Mapping[str, object], region: str) -> tuple[int, dict[str, object]]:
        answer = self._order("call", {"operation": operation, "parameters": parameters, "region": region})
        assert isinstance(answer, dict)
        return int(answer["status"]), answer["content"]

    def _order(self, order: str, arguments: Mapping[str, object]) -> object:
        address = urlsplit(self.endpoint)
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=30)
        try:
            body = json.dumps({"order": order, "arguments": arguments})
            connection.request("POST", CONTROL_PATH, body, {"X-Control-Key": self.control_key})
            answer = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["result"]
