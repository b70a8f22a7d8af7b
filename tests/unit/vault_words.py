"""Vault's answers as bytes, and what the adapter makes of them."""

import json

from syncd.fetch.http import Answer
from syncd.model.reference import Failure, FailureClass, Outcome, RemoteRef
from syncd_providers.vault import answers

C = FailureClass
ADDRESS = "https://vault.example"
REF = RemoteRef("v", "app/db", "", "secret")
PINNED = REF._replace(version="3")
NOT_FOUND = b'{"errors":[]}'
CANARY = "canary-7d1f93"


def metadata(**fields: object) -> dict[str, object]:
    whole = {"created_time": "2026-11-24T22:07:51.543245310Z", "custom_metadata": None, "deletion_time": ""}
    return {**whole, "destroyed": False, "version": 3, **fields}


def kv2(data: object = "unset", **fields: object) -> bytes:
    content = {"password": CANARY} if data == "unset" else data
    return json.dumps({"request_id": "r", "data": {"data": content, "metadata": metadata(**fields)}}).encode()


def said(*errors: str) -> bytes:
    return json.dumps({"errors": list(errors)}).encode()


def warned(text: str) -> bytes:
    return json.dumps({"request_id": "r", "data": None, "warnings": [text], "auth": None}).encode()


def judged(status: int, body: bytes, *, kv: int = 2, ref: RemoteRef = REF, **headers: str) -> Outcome:
    found = answers.read(
        Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body),
        answers.Asked(ref, kv, ADDRESS),
    )
    assert CANARY not in repr(found)
    return found


def word(outcome: Outcome) -> tuple[FailureClass, str]:
    assert isinstance(outcome, Failure), outcome
    assert outcome.message
    return outcome.cls, outcome.reason
