"""Credentials by reference: what may stand in the file, and what is never repeated."""

from pathlib import Path

import pytest

from syncd.fetch.credential import Credential, CredentialUnreadable, read_credential

CANARY = "hvs.CANARY-5f2d71"


@pytest.mark.parametrize("name", [CANARY, "", "A B", "1A", "A-B", "Ä"])
def test_what_is_no_name_of_a_variable_is_refused_with_its_place_and_not_repeated(name: str) -> None:
    (problem,) = Credential(env=name).check("auth", "token")
    assert problem.path == ("auth", "token", "env")
    assert not name or name not in problem.message + problem.hint


@pytest.mark.parametrize("credential", [Credential(env="VAULT_TOKEN"), Credential(env="_x1"), Credential(file="t")])
def test_a_name_or_a_file_is_well(credential: Credential) -> None:
    assert list(credential.check("auth", "token")) == []


@pytest.mark.parametrize("credential", [Credential(), Credential(file="t", env="T")])
def test_both_or_neither_is_a_problem(credential: Credential) -> None:
    (problem,) = credential.check("auth", "token")
    assert problem.path == ("auth", "token")


def test_a_variable_that_is_not_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(CredentialUnreadable, match="VAULT_TOKEN is not set"):
        read_credential(Credential(env="VAULT_TOKEN"), tmp_path, {})
