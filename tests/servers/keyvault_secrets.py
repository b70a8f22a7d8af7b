"""The data plane of the Key Vault stand-in: secrets, versions, soft delete, and who is forbidden what.

It knows nothing of HTTP connections, tokens or faults. Bodies follow learn.microsoft.com/rest/api/keyvault/secrets.
"""

import base64
import json
import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.servers import keyvault_answers as answers
from tests.servers.keyvault_answers import Answer, document

PAGE = 25
"""Source: Get Secrets, `maxresults`: without it the service returns up to 25 results; more is a BadParameter."""
LARGEST_VALUE = 25_600
"""Source: learn.microsoft.com/azure/key-vault/secrets/about-secrets, 25 KB."""
_RECOVERABLE_DAYS = 90
_NAME = re.compile(r"[0-9a-zA-Z-]{1,127}")


@dataclass
class Version:
    """One version of a secret."""

    id: str
    value: str
    enabled: bool = True
    expires: int | None = None
    not_before: int | None = None
    content_type: str | None = None
    tags: dict[str, str] | None = None
    managed: bool | None = None
    """True when a certificate owns the secret."""
    created: int = field(default_factory=lambda: int(time.time()))
    updated: int = field(default_factory=lambda: int(time.time()))

    def attributes(self) -> dict[str, object]:
        """Return the attributes as they travel; times are whole seconds since 1970."""
        times = {"nbf": self.not_before, "exp": self.expires}
        return {
            "enabled": self.enabled,
            **{name: value for name, value in times.items() if value is not None},
            "created": self.created,
            "updated": self.updated,
            "recoveryLevel": "Recoverable+Purgeable",
            "recoverableDays": _RECOVERABLE_DAYS,
        }

    def item(self, identifier: str) -> dict[str, object]:
        """Return the entry of a listing, which never holds the value."""
        content: dict[str, object] = {"id": identifier, "attributes": self.attributes()}
        optional = {"contentType": self.content_type, "tags": self.tags, "managed": self.managed}
        return content | {name: value for name, value in optional.items() if value is not None}


@dataclass
class Secret:
    """A name and its versions, oldest first."""

    name: str
    versions: list[Version] = field(default_factory=list)
    deleted_at: int = 0

    def newest(self) -> Version:
        """Return the version a request without one means, be it disabled or not."""
        return self.versions[-1]

    def find(self, version: str) -> Version | None:
        """Return the version asked for; empty means the newest."""
        if not version:
            return self.newest()
        return next((one for one in self.versions if one.id == version.lower()), None)


class Secrets:
    """What one vault holds. Names are told apart without regard to case, ids keep the case of the first write."""

    def __init__(self, origin: str) -> None:
        """Start empty, under the vault address `origin`."""
        self._origin = origin
        self.lock = threading.RLock()
        self.live: dict[str, Secret] = {}
        self.deleted: dict[str, Secret] = {}
        self.forbidden: dict[tuple[str, str], str] = {}
        """Inner code by collection (`secrets`, `deletedsecrets`) and name in lower case; `*` is every name."""

    def write(self, name: str, version: Version) -> str:
        """Add a version and return its id."""
        with self.lock:
            secret = self.live.setdefault(name.lower(), Secret(name))
            secret.versions.append(version)
        return version.id

    def version(self, name: str, version: str = "") -> Version:
        """Return a version to be changed by a test."""
        found = self.live[name.lower()].find(version)
        if found is None:
            raise KeyError(version)
        return found

    def delete(self, name: str) -> Secret:
        """Move a secret to the deleted ones."""
        with self.lock:
            secret = self.live.pop(name.lower())
            secret.deleted_at = int(time.time())
            self.deleted[name.lower()] = secret
        return secret

    def recover(self, name: str) -> Secret:
        """Move a deleted secret back."""
        with self.lock:
            secret = self.deleted.pop(name.lower())
            self.live[name.lower()] = secret
        return secret

    def answer(self, method: str, parts: Sequence[str], query: Mapping[str, str], body: bytes) -> Answer:
        """Answer one authenticated request for the path of these parts."""
        collection, name, rest = parts[0], parts[1] if len(parts) > 1 else "", list(parts[2:])
        if "api-version" not in query:
            return answers.bad_parameter("api-version must be specified")
        if name and not _NAME.fullmatch(name):
            return answers.bad_parameter(f"The request URI contains an invalid name: {name}")
        inner = self.forbidden.get((collection, name.lower())) or self.forbidden.get((collection, "*"))
        if inner is not None:
            return answers.forbidden(inner)
        with self.lock:
            if collection == "deletedsecrets":
                return self._deleted(method, name, rest, query)
            return self._live(method, name, rest, query, body)

    def _live(self, method: str, name: str, rest: list[str], query: Mapping[str, str], body: bytes) -> Answer:
        if not name:
            entries = sorted(self.live.values(), key=lambda secret: secret.name.lower())
            return self._page("secrets", [one.newest().item(self._id(one.name)) for one in entries], query)
        if method == "PUT":
            return self._put(name, body)
        secret = self.live.get(name.lower())
        if secret is None:
            return answers.secret_not_found(name, rest[0] if rest else "")
        if rest == ["versions"]:
            # Ordered by id, so in no order of time, as github.com/nagyesta/lowkey-vault/issues/467 found.
            ordered = sorted(secret.versions, key=lambda one: one.id)
            items = [one.item(self._id(secret.name, one.id)) for one in ordered]
            return self._page(f"secrets/{name}/versions", items, query)
        version = secret.find(rest[0] if rest else "")
        if version is None:
            return answers.secret_not_found(name, rest[0])
        actions: dict[str, Callable[[], Answer]] = {
            "GET": lambda: self._get(secret, version),
            "PATCH": lambda: self._patch(secret, version, body),
            "DELETE": lambda: document(self._deleted_bundle(self.delete(name))),
        }
        return actions[method]() if method in actions else answers.vault_error(405, "MethodNotAllowed", method)

    def _get(self, secret: Secret, version: Version) -> Answer:
        if not version.enabled:
            return answers.secret_disabled()
        # exp and nbf are informational: the value is served outside the window too (about-secrets, attributes).
        return document({"value": version.value, **version.item(self._id(secret.name, version.id))})

    def _put(self, name: str, body: bytes) -> Answer:
        if name.lower() in self.deleted:
            return answers.name_is_held(name)
        content = json.loads(body or b"{}")
        value, attributes = content.get("value"), content.get("attributes") or {}
        if not isinstance(value, str):
            return answers.bad_parameter("The parameter 'value' is required.")
        if len(value.encode()) > LARGEST_VALUE:
            return answers.bad_parameter(f"The secret value is larger than {LARGEST_VALUE} bytes.")
        version = Version(
            uuid.uuid4().hex,
            value,
            enabled=attributes.get("enabled") is not False,
            expires=attributes.get("exp"),
            not_before=attributes.get("nbf"),
            content_type=content.get("contentType"),
            tags=content.get("tags"),
        )
        self.write(name, version)
        stored = self.live[name.lower()]
        return document({"value": value, **version.item(self._id(stored.name, version.id))})

    def _patch(self, secret: Secret, version: Version, body: bytes) -> Answer:
        content = json.loads(body or b"{}")
        attributes = content.get("attributes") or {}
        version.enabled = attributes.get("enabled", version.enabled)
        version.expires = attributes.get("exp", version.expires)
        version.not_before = attributes.get("nbf", version.not_before)
        version.content_type = content.get("contentType", version.content_type)
        version.tags = content.get("tags", version.tags)
        version.updated = int(time.time())
        return document(version.item(self._id(secret.name, version.id)))

    def _deleted(self, method: str, name: str, rest: list[str], query: Mapping[str, str]) -> Answer:
        if not name:
            entries = sorted(self.deleted.values(), key=lambda secret: secret.name.lower())
            items = [self._deleted_bundle(one, base=True) for one in entries]
            return self._page("deletedsecrets", items, query)
        secret = self.deleted.get(name.lower())
        if secret is None:
            return answers.deleted_secret_not_found(name)
        if method == "POST" and rest == ["recover"]:
            self.recover(name)
            newest = secret.newest()
            return document(newest.item(self._id(secret.name, newest.id)))
        if method == "DELETE":
            del self.deleted[name.lower()]
            return Answer(204)
        return document(self._deleted_bundle(secret))

    def _deleted_bundle(self, secret: Secret, *, base: bool = False) -> dict[str, object]:
        newest = secret.newest()
        return {
            "recoveryId": f"{self._origin}/deletedsecrets/{secret.name}",
            "deletedDate": secret.deleted_at,
            "scheduledPurgeDate": secret.deleted_at + _RECOVERABLE_DAYS * 86_400,
            **newest.item(self._id(secret.name, "" if base else newest.id)),
        }

    def _id(self, name: str, version: str = "") -> str:
        return f"{self._origin}/secrets/{name}" + (f"/{version}" if version else "")

    def _page(self, path: str, items: list[dict[str, object]], query: Mapping[str, str]) -> Answer:
        """Cut one page out and say where the next begins.

        Source: Get Secrets, sample response: `nextLink` is absolute, carries `$skiptoken` and `maxresults`, and is
        null on the last page.
        """
        size = query.get("maxresults", str(PAGE))
        if not size.isdigit() or not 1 <= int(size) <= PAGE:
            return answers.bad_parameter("maxresults is not between 1 and 25")
        try:
            start = int(base64.urlsafe_b64decode(query.get("$skiptoken", "")) or b"0")
        except ValueError:
            return answers.bad_parameter("the skip token is not valid")
        end, link = start + int(size), None
        if end < len(items):
            token = base64.urlsafe_b64encode(str(end).encode()).decode()
            link = f"{self._origin}/{path}?api-version={query['api-version']}&$skiptoken={token}&maxresults={size}"
        return document({"value": items[start:end], "nextLink": link})
