"""The command line says what it did not understand, and where to look."""

import pytest

from syncd.cli.main import main


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["apply", "--plan", "x"], "`syncd apply` does not take --plan x; `syncd apply --help` tells what it takes"),
        (["check", "--select", "a/b"], "`syncd check` does not take --select a/b; `syncd check --help` tells"),
    ],
)
def test_an_option_that_a_verb_does_not_know_is_named_with_the_verb(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert said in told
    assert f"usage: syncd {arguments[0]} [-h]" in told
