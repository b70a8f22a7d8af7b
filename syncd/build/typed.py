"""The keys that a builder makes of the values of its parts."""

from collections.abc import Mapping
from typing import assert_never

from syncd.build.select import Fault
from syncd.model.shaping import BasicAuth, Builder, DockerConfig, SshAuth, TlsBundle, TlsPair


def typed_keys(builder: Builder, given: Mapping[str, bytes], *, now: float) -> dict[str, bytes] | list[Fault]:
    """Make the keys, or say all that is wrong with the values.

    `given` are the values by the names of `parts_of`. Where one is missing that is needed, nothing is made: why it is
    missing was told, or the rules of the type tell it. `now` is in seconds since the epoch.
    """
    match builder:
        case TlsPair() | TlsBundle():
            return _tls(builder, given, now)
        case DockerConfig():
            from syncd.build.docker import docker_config  # noqa: PLC0415 — few configurations have one

            registries = [_of_registry(given, index) for index in range(len(builder.registries))]
            whole = all({"server", "username", "password"} <= each.keys() for each in registries)
            return docker_config(registries) if whole else {}
        case BasicAuth():
            return {name.rpartition(".")[2]: value for name, value in given.items()}
        case SshAuth():
            from syncd.build.ssh import ssh_keys  # noqa: PLC0415 — as above

            key = given.get("sshAuth.privateKey")
            return {} if key is None else ssh_keys(key, given.get("sshAuth.knownHosts"))
    assert_never(builder)


def _tls(builder: TlsPair | TlsBundle, given: Mapping[str, bytes], now: float) -> dict[str, bytes] | list[Fault]:
    from syncd.build import tls  # noqa: PLC0415 — cryptography's X.509 is loaded where it is used

    if isinstance(builder, TlsBundle):
        bundle = given.get("tls.pkcs12")
        return {} if bundle is None else tls.of_bundle(bundle, given.get("tls.password"), now=now)
    certificate, key = given.get("tls.certificate"), given.get("tls.privateKey")
    if certificate is None or key is None:
        return {}
    return tls.of_pem(certificate, key, given.get("tls.ca"), now=now)


def _of_registry(given: Mapping[str, bytes], index: int) -> dict[str, bytes]:
    """Give the values of one registry, by the name of the field."""
    lead = f"docker[{index}]."
    return {name.removeprefix(lead): value for name, value in given.items() if name.startswith(lead)}
