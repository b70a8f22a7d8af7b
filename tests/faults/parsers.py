"""Everything in syncd that takes bytes or text from outside, each behind one call.

A call returns whatever came of the bytes; the error types that a parser documents are caught here, anything else is
a finding. Run as a program with the name of a parser, it feeds that one every hurtful input and prints what each cost.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from syncd import json_text, template
from syncd.build import query, tls
from syncd.build.checks import failed_checks
from syncd.build.docker import docker_config
from syncd.build.select import Answers, extract, select
from syncd.build.ssh import ssh_keys
from syncd.config import names
from syncd.config.durations import number, seconds
from syncd.config.files import ConfigurationError
from syncd.config.load import load
from syncd.config.schedule import crontab, is_time_zone
from syncd.fetch.http import Answer
from syncd.fetch.registry import Registry
from syncd.keys import KEY_BYTES, InstanceKey
from syncd.model.mapping import SecretKey
from syncd.model.reference import Fetched, RemoteRef
from syncd.model.selection import Selection
from syncd.model.shaping import CertificateCheck, Checks
from syncd.plan import marks
from syncd.redact import SecretValue
from syncd.target import kube_status, kube_wire
from syncd.target.inventory import InventoryUnusable, decode_part
from syncd.target.key_file import instance_key
from syncd.target.kube_answer import retry_after_seconds
from syncd.target.manifest import UnreadableManifestError, read_manifest
from syncd.template.jinja import MAX_TEXT
from syncd_providers.aws import batch
from syncd_providers.aws import names as aws_names
from syncd_providers.azure import answers as azure_answers
from syncd_providers.azure import headers as azure_headers
from syncd_providers.azure import reference as azure_reference
from syncd_providers.file.folder import parts as file_parts
from syncd_providers.file.forms import dotenv_values, json_values, yaml_values
from syncd_providers.file.malformed import Malformed
from syncd_providers.vault import answers as vault_answers
from syncd_providers.vault import paths as vault_paths
from syncd_providers.vault import statuses as vault_statuses
from syncd_providers.vault.login import judge_login
from tests.authority import NOW, chain_of_three
from tests.faults.hurtful_bytes import SIZE, hurtful

_SLOW: Final = 0.5
_TRIES: Final = 3
_NOW: Final = 1_800_000_000.0
_VAULT: Final = "https://vault.example.com"
_REF: Final = RemoteRef("store", "app/db", mount="secret")
_SECRET: Final = SecretKey("default", "team", "db")
_KEY: Final = InstanceKey(SecretValue(bytes(KEY_BYTES)))
_STATUSES: Final = (200, 204, 301, 400, 401, 403, 404, 405, 409, 410, 412, 422, 429, 472, 473, 500, 503, 599)
_HEAD: Final = b"""version: 1
instance: prod
target: {kubernetes: {}}
stores:
  vault: {type: vault, address: "https://vault.example.com", auth: {token: {file: token}}}
  aws: {type: aws, region: eu-west-1, auth: {default: {}}}
  azure: {type: azure, vaultUrl: "https://kv.vault.azure.net", auth: {workloadIdentity: {}}}
  local: {type: file, path: values.yaml}
defaults: {namespace: team}
"""


@cache
def _folder() -> TemporaryDirectory[str]:
    return TemporaryDirectory()


@cache
def _stores() -> Registry:
    return Registry()


def configuration(data: bytes) -> object:
    """Load a whole configuration."""
    path = Path(_folder().name) / "syncd.yaml"
    path.write_bytes(data)
    try:
        return load(path, _stores())
    except ConfigurationError as error:
        return [str(diagnostic) for diagnostic in error.diagnostics]


def mappings(data: bytes) -> object:
    """Load a sound configuration with these bytes for its mappings."""
    return configuration(_HEAD + b"secrets: " + data)


def reference(data: bytes) -> object:
    """Load a text as a reference to each store: as a key, and in every field of the long form."""
    # It stands there 25 times, and JSON needs up to six bytes for one.
    written = json.dumps(data[: SIZE // 25 // 6].decode("utf-8", "replace"))
    long = "{key: %s, property: %s, query: %s, version: %s, mount: %s}" % ((written,) * 5)
    lines = [
        f"- {{name: {store}-{number}, data: {{k: {form}}}}}"
        for store in ("vault", "aws", "azure", "local")
        for number, form in enumerate((f"{{store: {store}, key: {written}}}", f"{{store: {store}, {long[1:]}"))
    ]
    return configuration(
        _HEAD + f"secrets:\n- {{name: a, data: {{k: {written}}}}}\n".encode() + "\n".join(lines).encode()
    )


def canonical(data: bytes) -> object:
    """Ask each store for the one name of an object."""
    text = data.decode("utf-8", "surrogateescape")
    refs = [RemoteRef("store", text), RemoteRef("store", "a", text), RemoteRef("store", "a", "", text)]
    return [
        (
            vault_paths.canonical(ref, "secret", kv),
            aws_names.canonical(ref, "eu-west-1"),
            azure_reference.canonical(ref, "https://kv.vault.azure.net"),
            file_parts(ref.key),
        )
        for ref in refs
        for kv in (None, 1, 2)
    ]


def words(data: bytes) -> object:
    """Check a text as every kind of name, duration and schedule that the file knows."""
    text = data.decode("utf-8", "surrogateescape")
    checks: tuple[Callable[[str], object], ...] = (
        names.is_dns_label, names.is_dns_subdomain, names.is_data_key, names.is_word, names.is_id, names.has_control,
        names.label_key, names.label_value, names.full_type, names.mints_credentials, seconds, number, crontab,
        is_time_zone, retry_after_seconds, marks.number,
    )  # fmt: skip
    return [check(text) for check in checks]


def json_property(data: bytes) -> object:
    """Take a property out of a value."""
    return select(Selection(_REF, property="a.b.0.c"), Fetched(SecretValue(data), "1"), Answers())


def json_object(data: bytes) -> object:
    """Take every key of a value."""
    return extract(Selection(_REF), Fetched(SecretValue(data), "1"), Answers())


def json_query(data: bytes) -> object:
    """Apply a query to a value."""
    return select(Selection(_REF, query="*"), Fetched(SecretValue(data), "1"), Answers())


def json_sort(data: bytes) -> object:
    """Apply a query that works hard."""
    return select(Selection(_REF, query="sort(@)"), Fetched(SecretValue(data), "1"), Answers())


def query_text(data: bytes) -> object:
    """Apply a text as a query."""
    value = json_text.read(b'{"a": [{"b": [1, 2, 3]}, {"b": ["x", "y"]}], "c": {"d": "text"}}')
    assert not isinstance(value, json_text.Flaw)
    text = data.decode("utf-8", "surrogateescape")
    return query.valid(text), query.run(text, value)


def vault_answer(data: bytes) -> object:
    """Judge an answer of Vault to a read, to a look at the mount, and to a login."""
    text = data[:200].decode("latin-1")
    found: list[object] = []
    for status in _STATUSES:
        answer = Answer(status, {"retry-after": text, "date": text}, data)
        found += [vault_answers.read(answer, vault_answers.Asked(_REF, kv, _VAULT)) for kv in (1, 2)]
        found += [vault_answers.mount(answer, "secret", _VAULT), judge_login(answer, "the login", _VAULT)]
        found += [vault_statuses.refused(answer, "app/db", _VAULT), judge_login(answer, "the login", _VAULT, _NOW)]
    return found


def azure_answer(data: bytes) -> object:
    """Judge an answer of Key Vault."""
    text = data[:200].decode("latin-1")
    asked = azure_answers.Asked(RemoteRef("store", "db"), "https://kv.vault.azure.net")
    found: list[object] = []
    for status in _STATUSES:
        answer = Answer(status, {"retry-after": text, "date": text}, data)
        found += [azure_answers.read(answer, asked, _NOW), azure_answers.deleted(answer, asked, _NOW)]
        found += [azure_headers.retry_after(answer.headers, _NOW), azure_headers.clock_skew(answer.headers, _NOW)]
    return found


def aws_answer(data: bytes) -> object:
    """Match answers of Secrets Manager, as its SDK gives them, to what was asked."""
    text = data.decode("utf-8", "replace")
    refs = [RemoteRef("store", "db"), RemoteRef("store", text[:2048])]
    odd: tuple[object, ...] = (text, data, None, [text], {text: text}, [{"Name": text}], [{"ARN": text, "Name": "db"}])
    whole = {"Name": "db", "ARN": "arn:aws:secretsmanager:eu-west-1:1:secret:db-abcdef", "VersionId": text}
    return [
        *(batch.sort_out(refs, {"SecretValues": one, "Errors": one}) for one in odd),
        *(batch.read_value(ref, whole | {"SecretString": one, "SecretBinary": one}) for ref in refs for one in odd),
    ]


def kubernetes_answer(data: bytes) -> object:
    """Read an answer of the API server."""
    found: list[object] = [
        kube_wire.decode_secret(data, _SECRET),
        kube_wire.decode_config_map(data, "team", "db"),
        kube_wire.decode_metadata(data, "team", "db"),
    ]
    for status in _STATUSES:
        found += [kube_status.read_failure(_SECRET, status, data), kube_status.write_failure(_SECRET, status, data)]
    return found


def inventory(data: bytes) -> object:
    """Read bytes as a part of the inventory, unsigned and signed with the right key."""
    signed = _KEY.mac("inventory", b"syncd/inventory/1\0prod\0" + b"0\0" + data)
    found: list[object] = []
    for mac in (b"", data[:32], signed):
        try:
            found.append(decode_part({"payload": data, "mac": mac}, instance="prod", number=0, key=_KEY))
        except InventoryUnusable as error:
            found.append(error.reason)
    assert found[:2] == ["inventory-forged"] * 2
    return found


def mark(data: bytes) -> object:
    """Read the annotations of somebody's Secret as a mark."""
    text = data.decode("utf-8", "surrogatepass" if b"\xed" in data else "replace") if _is_text(data) else ""
    annotations = dict.fromkeys(sorted(marks.MARK_ANNOTATIONS), text)
    assert not marks.proved(_KEY, "prod", _SECRET, annotations)
    return marks.read_mark(annotations), marks.proof(_KEY, "prod", _SECRET, annotations)


def _is_text(data: bytes) -> bool:
    try:
        data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


def manifest(data: bytes) -> object:
    """Read a file of a folder of manifests."""
    try:
        return read_manifest(data, _SECRET, resource_version="1")
    except UnreadableManifestError as error:
        return str(error)


def secret_file(data: bytes) -> object:
    """Read a file of values in each of its forms."""
    found: list[object] = []
    for form in (dotenv_values, yaml_values, json_values):
        try:
            found.append(form(data))
        except Malformed as error:
            found.append(str(error))
    return found


def template_text(data: bytes) -> object:
    """Read as many bytes as a template may have, hold its names against a mapping's, and render it."""
    program = template.read.__wrapped__(data[:MAX_TEXT].decode("utf-8", "surrogateescape"))
    if isinstance(program, tuple):
        return program
    names = template.Known(frozenset({"x"}), frozenset({"x"}))
    found = [template.mistakes(program, names), template.mistakes(program, names, literals_only=True)]
    return found, template.render(program, {"x": b'{"a": ["b"]}', "y": b"\xff"})


def _rendered(data: bytes, *expressions: str) -> object:
    found = [template.read(f"{{{{ x | {expression} }}}}") for expression in expressions]
    return [template.render(each, {"x": data}) for each in found if isinstance(each, template.Program)]


def template_readers(data: bytes) -> object:
    """Give bytes to each filter of a template that reads something."""
    return _rendered(
        data, "fromjson | length", "fromyaml | length", "urlpart('user')", "dsnpart('a')", "dsnpart('a', ';')",
        "b64decode", "int", "split('a') | last", "pem_certificates", "pem_chain", "pem_key", "pkcs12_key",
        "pkcs12_certificates(x)",
    )  # fmt: skip


def template_writers(data: bytes) -> object:
    """Give bytes to each filter of a template that writes a structure, or encodes."""
    return _rendered(data, "tojson", "toyaml", "fromjson | toyaml", "b64encode", "upper", "lower", "trim", "length")


def template_quotes(data: bytes) -> object:
    """Give bytes to each filter of a template that quotes for a line, or changes each line."""
    return _rendered(data, "toml", "ini", "dotenv", "quote", "indent(9)", "replace('a', 'bc')", "replace(x, x)")


def key_file(data: bytes) -> object:
    """Take bytes for the instance's key."""
    return instance_key(data, "the key file")


def tls_pair(data: bytes) -> object:
    """Make a TLS Secret of bytes for its chain, for its key and for both, beside a sound other half."""
    leaf, _, root = chain_of_three()
    pairs = (
        (data, data, data),
        (leaf.pem, data, None),
        (data, leaf.key_pem(), root.pem),
        (leaf.pem + data, data, None),
    )
    return [tls.of_pem(certificate, key, ca, now=NOW) for certificate, key, ca in pairs]


def tls_bundle(data: bytes) -> object:
    """Make a TLS Secret of bytes for a PKCS#12 bundle, and for its password."""
    leaf, middle, _ = chain_of_three()
    sound = leaf.bundle(middle, password=b"sound")
    pairs = ((data, None), (data, b"sound"), (sound, data))
    return [tls.of_bundle(bundle, password, now=NOW) for bundle, password in pairs]


def ssh_key(data: bytes) -> object:
    """Take bytes for a private key of SSH, with and without a frame."""
    framed = b"-----BEGIN OPENSSH PRIVATE KEY-----\n%s\n-----END OPENSSH PRIVATE KEY-----"
    return [ssh_keys(one, data) for one in (data, framed % data)]


def registry(data: bytes) -> object:
    """Take bytes for every field of a registry."""
    sound = {"server": b"r.example.com", "username": b"u", "password": b"p", "email": b"e"}
    return [docker_config([sound, sound | {"server": b"other", field: data}]) for field in sound]


def checked(data: bytes) -> object:
    """Hold a value against every check."""
    checks = Checks(("k",), (("k", "^(x+x+)+y$"), ("k", r"(?s)^.{8,}\xff$")), ("k",), 10, CertificateCheck("k", 1.0))
    return list(failed_checks(checks, {"k": data}, now=NOW))


PARSERS: Final[Mapping[str, Callable[[bytes], object]]] = {
    parser.__name__: parser
    for parser in (
        configuration, mappings, reference, canonical, words, json_property, json_object, json_query, json_sort,
        query_text, vault_answer, azure_answer, aws_answer, kubernetes_answer, inventory, mark, manifest, secret_file,
        key_file, tls_pair, tls_bundle, ssh_key, registry, checked,
        template_text, template_readers, template_writers, template_quotes,
    )
}  # fmt: skip


def _status(name: str) -> float:
    """Give a figure of the kernel's about this process, in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) / 1024


def _weighed(parser: Callable[[bytes], object], data: bytes) -> tuple[float, float]:
    """Give the seconds of processor, and the MiB above what was there before, that one call took."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from here (proc(5))
    before, start = _status("VmRSS"), time.process_time()
    parser(data)
    return time.process_time() - start, _status("VmHWM") - before


def main(name: str) -> None:
    """Print, for each hurtful input, what it cost: its name, seconds of this process, MiB above what was there."""
    parser = PARSERS[name]
    parser(b"")
    for what, data in hurtful():
        tries = [_weighed(parser, data)]
        # A machine that is busy takes longer; what is slow by itself is slow each time.
        while tries[-1][0] > _SLOW and len(tries) < _TRIES:
            tries.append(_weighed(parser, data))
        print(json.dumps([what, min(tries)[0], tries[0][1]]), flush=True)  # noqa: T201 — its output


if __name__ == "__main__":
    main(sys.argv[1])
