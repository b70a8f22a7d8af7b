"""The page of each store: every login has a line of configuration, every reason a row, every right a use."""

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Final

import pytest
import yaml

from syncd.fetch.registry import Registry
from syncd.model.reference import FailureClass
from tests.documents import ROOT, codes, commands, fences, section

KINDS: Final = sorted(Registry())
WITH_LOGINS: Final = [kind for kind in KINDS if kind != "file"]
_CODE: Final = re.compile(r"[a-z]+(?:-[a-z]+)*\Z")
_MAKERS: Final = frozenset({"Failure", "Verdict", "malformed", "_malformed", "store_wide", "_denied"})
"""What makes a failure: the first text that looks like a code is the reason."""
_SCOPES: Final = frozenset({"store", "ref"})


def page(kind: str) -> str:
    return f"docs/stores/{kind}.md"


def rows(kind: str) -> list[list[str]]:
    """Give the cells of the table of failures."""
    lines = [line for line in section(page(kind), "When it fails").splitlines() if line.startswith("| `")]
    return [line.strip("| ").split(" | ") for line in lines]


@cache
def trees(kind: str) -> tuple[ast.Module, ...]:
    return tuple(ast.parse(path.read_text()) for path in (ROOT / "providers/syncd_providers" / kind).glob("*.py"))


def texts(kind: str) -> set[str]:
    """Give every text in an adapter that could be a code."""
    every = (node.value for tree in trees(kind) for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return {text for text in every if isinstance(text, str) and _CODE.match(text)}


def reasons(kind: str) -> Iterator[str]:
    """Give the reasons with which an adapter makes failures."""
    for node in (node for tree in trees(kind) for node in ast.walk(tree)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in _MAKERS:
            inner = node.args
        elif isinstance(node, ast.Tuple) and any("FailureClass" in ast.unparse(part) for part in node.elts):
            inner = node.elts
        else:
            continue
        constants = [part.value for part in inner if isinstance(part, ast.Constant)]
        yield from [text for text in constants if isinstance(text, str) and _CODE.match(text) and text not in _SCOPES][
            :1
        ]


@pytest.mark.parametrize("kind", KINDS)
def test_every_reason_of_the_table_is_one_of_the_adapter_and_the_other_way_round(kind: str) -> None:
    told = [code for row in rows(kind) for code in codes(row[0])]
    assert len(told) == len(set(told)), "a reason stands once"
    assert set(told) - texts(kind) == set()
    assert set(reasons(kind)) - set(told) == set()
    assert len(told) > 10


@pytest.mark.parametrize("kind", KINDS)
def test_every_row_of_the_table_has_a_class_what_happened_and_what_to_do(kind: str) -> None:
    assert [row[0] for row in rows(kind) if len(row) != 4 or not all(row)] == []
    assert {row[1].strip("`") for row in rows(kind)} <= {each.value for each in FailureClass}


def configured(kind: str) -> list[dict[str, object]]:
    """Give the stores of the examples of a page."""
    blocks = [yaml.safe_load(fence.text) for fence in fences(page(kind)) if fence.language == "yaml"]
    return [store for block in blocks for store in block["stores"].values()]


@pytest.mark.parametrize("kind", WITH_LOGINS)
def test_every_login_has_a_line_of_configuration_and_a_row(kind: str) -> None:
    auth = Registry()[kind].options.__annotations__["auth"]
    methods = {name for name in auth.__struct_encode_fields__ if name != "assumeRole"}
    shown: set[str] = set()
    for store in configured(kind):
        login = store["auth"]
        assert isinstance(login, dict)
        shown |= set(login)
    assert shown - {"assumeRole"} == methods
    told = {re.split(r"\W", code)[0] for code in codes(section(page(kind), "Logins"))}
    assert methods <= told


def test_the_least_rights_on_aws_are_those_that_the_adapter_uses() -> None:
    statements = [json.loads(fence.text)["Statement"] for fence in fences(page("aws")) if fence.language == "json"]
    identity, *trusts = statements
    allowed = {action.partition(":")[2] for statement in identity for action in statement["Action"]}
    assert allowed == {"GetSecretValue", "BatchGetSecretValue", "DescribeSecret", "ListSecrets"}
    source = "".join(ast.unparse(tree) for tree in trees("aws"))
    assert all(action in source for action in allowed)
    assert [list(statement["Principal"]) for (statement,) in trusts] == [["AWS"], ["Federated"]]
    explained = set(codes(section(page("aws"), "What AWS needs")))
    assert {f"secretsmanager:{action}" for action in allowed} <= explained


AZ: Final = {
    "role assignment create": {"--role", "--assignee-object-id", "--assignee-principal-type", "--scope"},
    "keyvault set-policy": {"--name", "--object-id", "--secret-permissions"},
    "identity federated-credential create": {
        "--name", "--identity-name", "--resource-group", "--issuer", "--subject", "--audiences",
    },
}  # fmt: skip
"""Options of az that the page uses: learn.microsoft.com/cli/azure/role/assignment, /keyvault, /identity."""


def test_the_lines_of_az_have_options_that_there_are() -> None:
    lines = [line.removeprefix("az ") for line in commands(page("azure")) if line.startswith("az ")]
    assert len(lines) == len(list(commands(page("azure")))) == len(AZ)
    for line in lines:
        verb, options = line.partition(" --")[0], set(re.findall(r"--[a-z-]+", line))
        assert options == AZ[verb]
