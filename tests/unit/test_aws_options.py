"""How a store of type `aws` is configured."""

from pathlib import Path

import msgspec
import pytest

from syncd.model.store import StoreSettings
from syncd.node import Path as Place
from syncd_providers.aws import SPEC
from syncd_providers.aws.options import AwsOptions

STATIC = {"accessKeyId": "AKIA1", "secretAccessKey": {"file": "key"}}


def _places(*, plaintext: bool = False, **fields: object) -> list[Place]:
    tree = {"region": "eu-west-1", "auth": {"default": {}}, **fields}
    settings = StoreSettings("aws-eu", Path(), plaintext=plaintext)
    return [problem.path for problem in SPEC.check(msgspec.convert(tree, AwsOptions), settings)]


@pytest.mark.parametrize(
    "auth",
    [
        {"default": {}},
        {"profile": "team"},
        {"webIdentity": {}},
        {"webIdentity": {"roleArn": "arn:aws:iam::123456789012:role/a", "tokenFile": "t", "sessionName": "me@x"}},
        {"static": STATIC},
        {"static": {"accessKeyId": {"env": "ID"}, "secretAccessKey": {"env": "KEY"}, "sessionToken": {"file": "t"}}},
    ],
)
def test_each_login_method_alone_is_accepted(auth: dict[str, object]) -> None:
    assert _places(auth=auth) == []


@pytest.mark.parametrize(
    "auth",
    [
        {},
        {"default": {}, "profile": "team"},
        {"static": STATIC, "default": {}},
        {"webIdentity": {}, "default": {}},
    ],
)
def test_no_method_and_two_methods_are_a_problem(auth: dict[str, object]) -> None:
    assert _places(auth=auth) == [("auth",)]


ROLE = "arn:aws:iam::123456789012:role/syncd"


@pytest.mark.parametrize("method", [{"default": {}}, {"profile": "team"}, {"static": STATIC}, {"webIdentity": {}}])
def test_every_method_takes_roles_after_it(method: dict[str, object]) -> None:
    full = {"roleArn": ROLE, "externalId": "ext/1", "sessionName": "syncd", "tags": {"team": "payments", "cost": 12}}
    assert _places(auth={**method, "assumeRole": [full, {"roleArn": "arn:aws-cn:iam::123456789012:role/a/b/c"}]}) == []


@pytest.mark.parametrize(
    ("login", "place"),
    [
        ({"roleArn": "syncd"}, ("roleArn",)),
        ({"roleArn": "arn:aws:iam::123456789012:user/syncd"}, ("roleArn",)),
        ({"roleArn": f"{ROLE}\n"}, ("roleArn",)),
        ({"tokenFile": " "}, ("tokenFile",)),
        ({"sessionName": "a"}, ("sessionName",)),
        ({"sessionName": "with space"}, ("sessionName",)),
        ({"sessionName": "x" * 65}, ("sessionName",)),
    ],
)
def test_mistakes_of_a_web_identity_have_their_place(login: dict[str, object], place: Place) -> None:
    assert _places(auth={"webIdentity": login}) == [("auth", "webIdentity", *place)]


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ({"roleArn": "arn:aws:iam::1:role/x"}, ("roleArn",)),
        ({"roleArn": "arn:aws:iam::123456789012:role/" + "x" * 65}, ("roleArn",)),
        ({"externalId": "x"}, ("externalId",)),
        ({"externalId": "with space"}, ("externalId",)),
        ({"externalId": "x" * 1225}, ("externalId",)),
        ({"sessionName": "a/b"}, ("sessionName",)),
        ({"tags": {f"t{n}": "v" for n in range(51)}}, ("tags",)),
        ({"tags": {"": "v"}}, ("tags", "")),
        ({"tags": {"x" * 129: "v"}}, ("tags", "x" * 129)),
        ({"tags": {"aws:x": "v"}}, ("tags", "aws:x")),
        ({"tags": {"a?": "v"}}, ("tags", "a?")),
        ({"tags": {"team": "a", "Team": "b"}}, ("tags", "Team")),
        ({"tags": {"team": "v" * 257}}, ("tags", "team")),
        ({"tags": {"team": "a\nb"}}, ("tags", "team")),
    ],
)
def test_mistakes_of_a_role_have_their_place(wrong: dict[str, object], place: Place) -> None:
    chain = [{"roleArn": ROLE}, {"roleArn": ROLE, **wrong}]
    assert _places(auth={"default": {}, "assumeRole": chain}) == [("auth", "assumeRole", 1, *place)]


@pytest.mark.parametrize("count", [0, 6])
def test_a_chain_has_one_to_five_roles(count: int) -> None:
    assert _places(auth={"default": {}, "assumeRole": [{"roleArn": ROLE}] * count}) == [("auth", "assumeRole")]


def test_roles_alone_are_no_login() -> None:
    assert _places(auth={"assumeRole": [{"roleArn": ROLE}]}) == [("auth",)]


@pytest.mark.parametrize("field", ["accessKeyId", "secretAccessKey", "sessionToken"])
@pytest.mark.parametrize("credential", [{}, {"file": "a", "env": "b"}])
def test_a_credential_names_one_place(field: str, credential: dict[str, str]) -> None:
    assert _places(auth={"static": {**STATIC, field: credential}}) == [("auth", "static", field)]


def test_a_secret_key_in_the_file_itself_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        _places(auth={"static": {**STATIC, "secretAccessKey": "in-plain-sight"}})


@pytest.mark.parametrize("region", ["", "EU-WEST-1", "eu-west", "eu-west-1.evil.example", "eu-west-1\n"])
def test_a_region_that_is_none_is_a_problem(region: str) -> None:
    assert _places(region=region) == [("region",)]


@pytest.mark.parametrize("region", ["eu-west-1", "us-gov-east-1", "ap-southeast-4", "us-isob-east-1"])
def test_regions(region: str) -> None:
    assert _places(region=region) == []


@pytest.mark.parametrize("field", ["endpoint", "stsEndpoint"])
@pytest.mark.parametrize(
    ("address", "good"),
    [
        ("https://vpce-1.secretsmanager.eu-west-1.vpce.amazonaws.com", True),
        ("https://[::1]:8443/", True),
        ("http://127.0.0.1:5000", True),
        ("http://localhost:5000", True),
        ("http://[::1]:5000", True),
        ("http://moto.internal:5000", False),
        ("http://127.0.0.1.evil.example", False),
        ("https://user:pass@host", False),
        ("https://host/path", False),
        ("ftp://host", False),
        ("host", False),
        ("", False),
    ],
)
def test_addresses_are_whole_and_plain_text_stays_on_loopback(field: str, address: str, *, good: bool) -> None:
    assert _places(**{field: address}) == ([] if good else [(field,)])  # type: ignore[arg-type]


def test_a_mesh_may_carry_plain_text() -> None:
    assert _places(plaintext=True, endpoint="http://moto.internal:5000") == []


@pytest.mark.parametrize(("pace", "good"), [(1, True), (100, True), (0, False), (101, False)])
def test_batches_stay_below_what_a_region_takes(pace: int, *, good: bool) -> None:
    assert _places(batchesPerSecond=pace) == ([] if good else [("batchesPerSecond",)])


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        _places(regoin="eu-west-1")


def test_the_options_have_a_schema() -> None:
    assert "batchesPerSecond" in str(msgspec.json.schema(AwsOptions))
