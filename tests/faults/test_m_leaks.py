"""Section M of the catalogue: values in logs, diffs, metrics, events and tracebacks."""

import base64
import json
import pprint
from collections.abc import Callable
from dataclasses import asdict, is_dataclass

import pytest

from syncd.cli.main import main
from syncd.keys import InstanceKey
from syncd.model.mapping import SecretKey
from syncd.model.plan import Action, Change, Plan
from syncd.model.reference import Failure, FailureClass, Fetched, RemoteRef
from syncd.model.report import PassReport
from syncd.model.secret import Content, DesiredSecret, LiveSecret
from syncd.redact import SecretValue
from syncd.target.kube_answer import Answer
from syncd.target.kube_status import decode_status
from syncd.target.kube_wire import _SECRET
from tests.servers.canary import canary, leaks
from tests.servers.kube_wire import secret, status
from tests.unit.daemon_rig import DaemonRig, wants

VALUE = canary().encode()
KEY = SecretKey("default", "team", "app")
DATA = {"password": SecretValue(VALUE)}
LIVE = LiveSecret(KEY, "u1", "1", "Opaque", DATA, {}, {})
DESIRED = DesiredSecret(KEY, "Opaque", DATA, {}, {})
CHANGE = Change(KEY, Action.UPDATE, "drift", desired=DESIRED, live=LIVE)
BODY = secret("team", "app", {"password": base64.b64encode(VALUE).decode()})

# M1, M5


@pytest.mark.parametrize(
    "made",
    [
        LIVE,
        DESIRED,
        Content("Opaque", DATA, {}, {}, ()),
        Fetched(SecretValue(VALUE), "7"),
        CHANGE,
        Plan((CHANGE,)),
        PassReport(Plan((CHANGE,)), {}, 0.0),
        InstanceKey(SecretValue(VALUE.ljust(32)[:32])),
        Answer(200, VALUE),
        _SECRET.decode(json.dumps(BODY).encode()),
        decode_status(json.dumps(status(422, "Invalid", message=VALUE.decode()).body).encode()),
    ],
    ids=lambda made: type(made).__name__,
)
def test_nothing_that_carries_a_value_prints_it(made: object) -> None:
    printers: list[Callable[[object], str]] = [repr, str, pprint.pformat, "{}".format, "{!r:>9}".format]
    texts = [printer(made) for printer in printers]
    if is_dataclass(made) and not isinstance(made, type) and not isinstance(made, Answer):
        texts.append(repr(asdict(made)))
    for text in texts:
        assert text
        assert not leaks([VALUE], where="printed", text=text.encode())


# M6


def test_what_an_answer_says_in_its_own_words_reaches_no_metric() -> None:
    rig = DaemonRig(wants("app", RemoteRef("memory", "x")))
    words = VALUE.decode()
    rig.stores["memory"].break_down(Failure(FailureClass.DENIED, words, words, transient=False))
    rig.start()
    rig.run(100)
    text = rig.metrics.text().decode()
    assert 'syncd_store_failures_total{class="denied",store="memory"}' in text
    assert not leaks([VALUE], where="metrics", text=text.encode())
    (line,) = rig.log.of("secret-unreadable")
    assert line["reason"] == "source-denied"
    rig.stop()
    rig.run(10)


# M7, M14


@pytest.mark.parametrize("arguments", [("diff",), ("apply", "--yes"), ("run",), ("check",)])
def test_no_verb_can_be_asked_to_show_values(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--show-values"])
    assert ended.value.code == 2
    assert "--show-values" in capsys.readouterr().err
