"""The rules of the API server for names, labels and keys, and the small languages of the file."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.config.durations import number, seconds
from syncd.config.names import (
    full_type,
    is_data_key,
    is_dns_label,
    is_dns_subdomain,
    label_key,
    label_value,
    mints_credentials,
    nearest,
)
from syncd.config.schedule import crontab, is_time_zone


@pytest.mark.parametrize("name", ["a", "a-b", "0", "a" * 63])
def test_a_namespace_is_a_dns_label(name: str) -> None:
    assert is_dns_label(name)


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a.b", "..", "a_b", "a" * 64, "ä", "a\n", "a/b"])
def test_what_is_no_dns_label_is_no_namespace(name: str) -> None:
    assert not is_dns_label(name)


@pytest.mark.parametrize("name", ["a.b-c.d", "a" * 253, "1.2"])
def test_a_secret_is_named_by_a_dns_subdomain(name: str) -> None:
    assert is_dns_subdomain(name)


@pytest.mark.parametrize("name", ["", ".", "..", "a..b", "a.", ".a", "a.-b", "a" * 254, "A.b", "a b", "a\n"])
def test_what_is_no_dns_subdomain_names_no_secret(name: str) -> None:
    assert not is_dns_subdomain(name)


@pytest.mark.parametrize("key", ["a", "tls.crt", ".dockerconfigjson", "A_B-c.d", "a..b", "0" * 253])
def test_a_data_key_is_letters_digits_and_three_signs(key: str) -> None:
    assert is_data_key(key)


@pytest.mark.parametrize("key", ["", ".", "..", "..a", "a b", "a/b", "ä", "a\u0301", "\uff41", "a\n", "0" * 254])
def test_a_data_key_is_no_path_and_no_look_alike(key: str) -> None:
    assert not is_data_key(key)


@pytest.mark.parametrize("key", ["a", "A.b_c-d", "example.com/x", "app.kubernetes.io/name", "a" * 63])
def test_label_keys_that_may_be_set(key: str) -> None:
    assert label_key(key) == ""


@pytest.mark.parametrize("key", ["", "/a", "a/", "a/b/c", "Example.com/x", "-a", "a" * 64, "a b", "a\n"])
def test_label_keys_that_the_api_server_refuses(key: str) -> None:
    assert label_key(key).startswith("not a valid key")


@pytest.mark.parametrize("key", ["syncd.dev/x", "syncd.dev/owner", "app.kubernetes.io/managed-by"])
def test_marks_of_syncd_are_not_set_by_mappings(key: str) -> None:
    assert label_key(key) == "syncd sets this one itself"


@pytest.mark.parametrize(
    "key",
    [
        "kubectl.kubernetes.io/last-applied-configuration",
        "kubernetes.io/x",
        "node.k8s.io/x",
        "argocd.argoproj.io/secret-type",
        "meta.helm.sh/release-name",
        "kubernetes.io/service-account.name",
    ],
)
def test_labels_that_steer_controllers_are_refused(key: str) -> None:
    assert "steers" in label_key(key)


def test_a_service_account_token_names_its_account() -> None:
    assert label_key("kubernetes.io/service-account.name", secret_type="kubernetes.io/service-account-token") == ""


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ("", True),
        ("a", True),
        ("1.10", True),
        ("a" * 63, True),
        ("a" * 64, False),
        ("a b", False),
        ("-a", False),
        ("ä", False),
    ],
)
def test_label_values(value: str, fits: bool) -> None:  # noqa: FBT001 — a parameter of the table
    assert (label_value(value) == "") is fits


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("opaque", "Opaque"),
        ("Opaque", "Opaque"),
        ("tls", "kubernetes.io/tls"),
        ("docker-registry", "kubernetes.io/dockerconfigjson"),
        ("example.com/kind", "example.com/kind"),
        ("TLS", None),
        ("nonsense", None),
        ("/x", None),
        ("a/b/c", None),
        ("", None),
    ],
)
def test_types_have_a_friendly_and_a_full_name(name: str, expected: str | None) -> None:
    assert full_type(name) == expected


@pytest.mark.parametrize(
    "kind", ["kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token", "helm.sh/release.v1"]
)
def test_types_that_mint_credentials(kind: str) -> None:
    assert mints_credentials(kind)
    assert not mints_credentials("kubernetes.io/tls")


@pytest.mark.parametrize(
    ("written", "expected"),
    [("30s", 30), ("5m", 300), ("1h30m", 5400), ("7d", 604_800), ("1d2h3m4s", 93_784), ("0s", 0)],
)
def test_durations(written: str, expected: float) -> None:
    assert seconds(written) == expected


@pytest.mark.parametrize("written", ["", "30", "s", "5 m", "-5m", "1.5h", "1m1h", "5M", "400d", "99999999d", "٣s"])
def test_what_is_no_duration(written: str) -> None:
    assert seconds(written) is None


@given(st.integers(0, 366 * 86_400))
def test_every_count_of_seconds_up_to_a_year_is_a_duration(count: int) -> None:
    assert seconds(f"{count}s") == count


@pytest.mark.parametrize(
    ("written", "expected"), [("5", 5), ("2.5", 2.5), ("-1", None), ("1e3", None), ("nan", None), ("", None)]
)
def test_numbers(written: str, expected: float | None) -> None:
    assert number(written) == expected


@pytest.mark.parametrize(
    "line", ["0 3 * * *", "*/5 * * * *", "0 9-17/2 1,15 jan-mar mon-fri", "59 23 31 12 7", "0 0 * * Sun"]
)
def test_crontab_lines(line: str) -> None:
    assert crontab(line) == ""


@pytest.mark.parametrize(
    "line",
    [
        "",
        "* * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 8",
        "*/0 * * * *",
        "5-1 * * * *",
        "a * * * *",
        "* * * * * *",
        "1/2 * * * *",
        "@daily",
    ],
)
def test_what_is_no_crontab_line(line: str) -> None:
    assert crontab(line).startswith("not a crontab line")


@settings(deadline=None)  # the first look at time zones reads files
@given(st.text(max_size=40))
def test_any_text_is_a_crontab_line_or_is_said_not_to_be(line: str) -> None:
    assert isinstance(crontab(line), str)
    assert isinstance(is_time_zone(line), bool)


def test_time_zones_are_the_machines_own() -> None:
    assert is_time_zone("UTC")
    assert not is_time_zone("Europe/Berlim")
    assert not is_time_zone("../../etc/passwd")


def test_the_nearest_name_is_offered_whatever_its_case() -> None:
    assert nearest("whensourcegone", ["whenSourceGone", "whenMappingGone"]) == "whenSourceGone"
    assert nearest("xyzzy", ["whenSourceGone"]) == ""
