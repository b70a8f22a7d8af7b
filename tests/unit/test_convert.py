"""What a shape of the file takes, and what a person is told of what it does not."""

from syncd.config.convert import Shape, convert
from syncd.node import Problem, Text


class _Login(Shape, frozen=True, kw_only=True):
    token: Text | None = None
    app_role: Text | None = None


class _Store(Shape, frozen=True, kw_only=True):
    address: Text
    auth: _Login


def test_a_mapping_that_is_missing_is_told_with_what_it_holds() -> None:
    assert convert({}, _Store) == [
        Problem(("address",), "missing"),
        Problem(("auth",), "missing", "a mapping of token, appRole"),
    ]
