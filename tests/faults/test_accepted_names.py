"""Whatever name, label, annotation, key and type a configuration may say, the real API server takes (I-NAME).

The server is asked with `dryRun=All`, which runs its whole validation and keeps nothing.
"""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.build import build
from syncd.config.files import ConfigurationError
from syncd.config.load import load
from syncd.keys import InstanceKey
from syncd.model.secret import Content
from syncd.plan.differences import desired_secret
from syncd.plan.instance import Instance
from syncd.redact import SecretValue
from syncd.target.kube_wire import encode_secret
from tests.servers.kube import Kube

pytestmark = [pytest.mark.kube, pytest.mark.timeout(300)]

_ME = Instance("prod", InstanceKey(SecretValue(bytes(range(32)))), "/etc/syncd.yaml")
_EDGES = ["", "a", "A", "a.b", "a-", "-a", "a_b", "a..b", ".a", "..a", "..", "a" * 63, "a" * 64, "a" * 253, "a" * 254]
_CHARACTERS = "abz019-_.A/é "
_NAMES = st.one_of(st.sampled_from(_EDGES), st.text(_CHARACTERS, max_size=6), st.text("ab-.", min_size=1, max_size=8))
_PREFIXED = st.builds("{}/{}".format, st.sampled_from(["x.example.com", "x_y", "a" * 253, "x..y", ""]), _NAMES)
_KEYS = st.one_of(_NAMES, _NAMES, _PREFIXED)
_VALUES = st.one_of(_NAMES, st.text(max_size=8), st.just("x" * 5000))
_TYPES = ["opaque", "tls", "docker-registry", "basic-auth", "ssh-auth", "Opaque", "x.example.com/y", "x", "x/", "a/b/c"]
_GOOD: dict[str, object] = {
    "name": "app",
    "type": "opaque",
    "labels": {"env": "x"},
    "annotations": {"note": "x"},
    "data": {name: {"literal": "{}"} for name in ("username", "tls.crt", "tls.key", "ssh-privatekey")},
}
_LITERALS = st.builds(lambda text: {"literal": text}, _VALUES)
_WILD: dict[str, st.SearchStrategy[object]] = {
    "name": _NAMES,
    "type": st.sampled_from(_TYPES),
    "labels": st.dictionaries(_KEYS, _NAMES, min_size=1, max_size=2),
    "annotations": st.dictionaries(_KEYS, _VALUES, min_size=1, max_size=2),
    "data": st.dictionaries(st.one_of(_NAMES, st.just("username")), _LITERALS, min_size=1, max_size=3),
}
_MAPPINGS = st.sampled_from(sorted(_WILD)).flatmap(lambda field: _WILD[field].map(lambda wild: {**_GOOD, field: wild}))


def test_the_api_server_takes_whatever_a_configuration_may_say(kube: Kube, tmp_path: Path) -> None:
    namespace = kube.namespace()
    taken = 0

    @settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
    @given(_MAPPINGS)
    def check(mapping: dict[str, object]) -> None:
        nonlocal taken
        file = tmp_path / "syncd.yaml"
        file.write_text(
            json.dumps(
                {
                    "version": 1,
                    "instance": "prod",
                    "target": {"directory": {"path": "out"}},
                    "stores": {},
                    "secrets": [{"namespace": namespace, **mapping}],
                }
            )
        )
        try:
            (loaded,) = load(file, {}).mappings
        except ConfigurationError:
            return
        content = build(loaded, {})
        if not isinstance(content, Content):
            return
        body = json.loads(encode_secret(desired_secret(loaded, content, instance=_ME, mark=None)))
        status, answer = kube.request("POST", f"/api/v1/namespaces/{namespace}/secrets?dryRun=All", body)
        assert status == 201, f"{mapping} is accepted, and the API server says {status} {answer}"
        taken += 1

    check()
    assert taken > 40, f"only {taken} of the drawn configurations were acceptable"
