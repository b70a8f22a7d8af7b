"""What `kubectl create secret … --dry-run=client` makes of its arguments.

The flags and what they do are those of https://kubernetes.io/docs/reference/kubectl/generated/kubectl_create/ (v1.32);
where kubectl is on the PATH, a test holds this against it.
"""

import argparse
import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

TYPES = {"tls": "kubernetes.io/tls", "docker-registry": "kubernetes.io/dockerconfigjson", "generic": "Opaque"}


class Made(NamedTuple):
    """A Secret, as far as its name, type and data go."""

    name: str
    kind: str
    data: dict[str, bytes]


class NoSuchFormError(AssertionError):
    """kubectl would not take this line."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise NoSuchFormError(message)


def parsed(words: Sequence[str]) -> argparse.Namespace:
    """Take a line apart. Raises NoSuchFormError where a flag does not exist, is missing or stands twice."""
    if tuple(words[:3]) != ("kubectl", "create", "secret"):
        raise NoSuchFormError(words)
    parser = _Parser(allow_abbrev=False, add_help=False)
    verbs = parser.add_subparsers(dest="verb", required=True, parser_class=_Parser)
    generic, docker, tls = (verbs.add_parser(verb, allow_abbrev=False, add_help=False) for verb in
                            ("generic", "docker-registry", "tls"))  # fmt: skip
    for each in (generic, docker, tls):
        each.add_argument("name")
    for each in (generic, docker):
        each.add_argument("--from-file", action="append", default=[])
    generic.add_argument("--from-literal", action="append", default=[])
    generic.add_argument("--from-env-file", action="append", default=[])
    generic.add_argument("--type")
    for name in ("username", "password", "email", "server"):
        docker.add_argument(f"--docker-{name}")
    for name in ("cert", "key"):
        tls.add_argument(f"--{name}", required=True)
    return parser.parse_args(list(words[3:]))


def created(words: Sequence[str], folder: Path) -> Made:
    """Give what the line makes, its files taken from `folder`."""
    given = parsed(words)
    kind = getattr(given, "type", None) or TYPES[given.verb]
    if given.verb == "tls":
        data = {"tls.crt": (folder / given.cert).read_bytes(), "tls.key": (folder / given.key).read_bytes()}
        return Made(given.name, kind, data)
    data = _of_files(given.from_file, folder)
    if given.verb == "docker-registry":
        return Made(given.name, kind, data or {".dockerconfigjson": _login(given)})
    for pair in given.from_literal:
        key, _, value = pair.partition("=")
        data[key] = value.encode()
    for name in given.from_env_file:
        lines = [line.lstrip() for line in (folder / name).read_text().splitlines()]
        pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
        data |= {key: value.encode() for key, _, value in pairs}
    return Made(given.name, kind, data)


def _of_files(given: Sequence[str], folder: Path) -> dict[str, bytes]:
    data: dict[str, bytes] = {}
    for each in given:
        key, named, path = each.rpartition("=")
        place = folder / path
        if place.is_dir():
            data |= {file.name: file.read_bytes() for file in place.iterdir() if file.is_file()}
        else:
            data[key if named else place.name] = place.read_bytes()
    return data


def _login(given: argparse.Namespace) -> bytes:
    pair = base64.b64encode(f"{given.docker_username}:{given.docker_password}".encode()).decode()
    entry = {"username": given.docker_username, "password": given.docker_password, "email": given.docker_email}
    known = {name: value for name, value in entry.items() if value} | {"auth": pair}
    server = given.docker_server or "https://index.docker.io/v1/"
    return json.dumps({"auths": {server: known}}, separators=(",", ":")).encode()
