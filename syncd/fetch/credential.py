"""Credentials by reference: `{file: PATH}` or `{env: NAME}`, read when used, never kept in the configuration."""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from syncd.node import Problem, Text, text
from syncd.redact import SecretValue

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


class Credential(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a credential stands. Exactly one of the two is given; `check` says so where it is not."""

    file: Text | None = None
    env: Text | None = None

    def check(self, *path: str) -> Iterable[Problem]:
        """Give what is wrong with it, at `path`. What stands under `env` is never quoted: it may be the credential."""
        if (self.file is None) == (self.env is None):
            yield Problem(path, "exactly one of file and env names a credential", "write {file: PATH} or {env: NAME}")
        elif self.env is not None and not _NAME.fullmatch(text(self.env)):
            what = "not the name of an environment variable; a credential is never written in the file"
            yield Problem((*path, "env"), what, "letters, digits and _, no digit in front")


class CredentialUnreadable(Exception):  # noqa: N818 — turned into a Failure by the adapter
    """The file or variable is not there or is empty. The text names it, never its content."""


def read_credential(source: Credential, base: Path, environment: Mapping[str, str] = os.environ) -> SecretValue:
    """Read the bytes that `source` names, one final newline dropped; relative files start at `base`.

    Raises CredentialUnreadable.
    """
    if source.env is not None:
        name = text(source.env)
        found = environment.get(name, "")
        if not found:
            message = f"the environment variable {name} is not set; set it, or name another under the store's `auth`"
            raise CredentialUnreadable(message)
        return SecretValue(found.encode("utf-8", "surrogateescape"))
    path = base / text(source.file or "")
    try:
        content = path.read_bytes()
    except OSError as error:
        why = error.strerror or "unknown reason"
        message = f"the file {path} cannot be read ({why}); write the credential there, or correct the store's `auth`"
        raise CredentialUnreadable(message) from None
    content = content.removesuffix(b"\n").removesuffix(b"\r")
    if not content:
        message = f"the file {path} is empty; write the credential there"
        raise CredentialUnreadable(message)
    return SecretValue(content)


def plain_or_credential(source: Text | Credential, base: Path) -> str:
    """Read what may be plain text in the file (user names, role ids) or a reference. Raises CredentialUnreadable."""
    if isinstance(source, Credential):
        return read_credential(source, base).reveal().decode("utf-8", "replace")
    return text(source)
