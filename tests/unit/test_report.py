"""Report: the exact text of each form, what is escaped, what is hidden, and the exit codes."""

import json
from dataclasses import replace
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.model.mapping import SecretKey
from syncd.model.plan import Action, Change, KeyChanges, OutcomeWord, Plan
from syncd.model.position import Position
from syncd.model.reference import RemoteRef
from syncd.model.report import PassReport, StoreCost
from syncd.model.secret import DesiredSecret, LiveSecret, SourceVersion
from syncd.redact import SecretValue
from syncd.report import exit_code_for_apply, exit_code_for_diff, render_apply, render_diff

CANARY = "c4nary-Value"
DB = SecretKey("default", "payments", "db-credentials")
API = SecretKey("default", "payments", "api")
SOURCE = SourceVersion(RemoteRef("vault-main", "payments/db", mount="secret"), "8")
FORMS: tuple[Literal["text", "unified", "json", "markdown"], ...] = ("text", "unified", "json", "markdown")


def plan(*changes: Change, notes: tuple[str, ...] = ()) -> Plan:
    return Plan(changes, target="cluster prod (context prod-eu)", notes=notes)


CREATED = Change(
    API, Action.CREATE, "missing", mapping="payments/api", keys=KeyChanges(added=("token",)), sources=(SOURCE,)
)
UPDATED = Change(
    DB,
    Action.UPDATE,
    "source-changed",
    mapping="main-db",
    tenant="payments",
    ownership="proven",
    keys=KeyChanges(added=("host",), removed=("old",), changed=("password",), unchanged=("port", "username")),
    labels=("env",),
    annotations=("note",),
    sources=(SOURCE, SourceVersion(RemoteRef("aws", "prod/api", "AWSCURRENT"), "v-1")),
)
SAME = Change(DB._replace(name="same"), Action.UNCHANGED, "in-sync", ownership="proven")
UNREAD = Change(
    DB._replace(name="web"),
    Action.UNREADABLE,
    "source-denied",
    message="source vault-main:secret/web: permission denied; ask for read on secret/data/web",
    origin=Position("teams/payments.yaml", 12, 5),
    live=LiveSecret(DB._replace(name="web"), "u", "1", "Opaque", {}, {}, {}),
)
FOREIGN = Change(
    DB._replace(name="theirs"), Action.CONFLICT, "other-manager", ownership="foreign", message="it is helm's; rename"
)
ORPHAN = Change(DB._replace(name="orphan"), Action.ORPHAN, "not-pruned", message="mapping x is gone")
SUSPENDED = Change(DB._replace(name="paused"), Action.SUSPENDED, "suspended")
HELD = Change(
    DB._replace(name="last"), Action.DELETE, "mapping-gone", keys=KeyChanges(removed=("a",)), outcome="held",
    message="11 removals an hour; `--allow-deletes 11` lets them through",
)  # fmt: skip
EVERYTHING = plan(CREATED, UPDATED, SAME, UNREAD, FOREIGN, ORPHAN, SUSPENDED, HELD, notes=("no key at hand",))


def test_text_is_a_block_for_each_change_and_a_count() -> None:
    assert render_diff(EVERYTHING, form="text", color=False) == (
        """\
Target: cluster prod (context prod-eu)
Note: no key at hand

+ payments/api  create  (missing)
    + token
    source: vault-main:secret/payments/db (version 8)

~ payments/db-credentials  update  (source-changed)
    + host
    - old
    ~ password
      2 keys unchanged
    labels: env
    annotations: note
    mapping: payments/main-db
    source: vault-main:secret/payments/db (version 8)
    source: aws:prod/api@AWSCURRENT (version v-1)

? payments/web  unreadable  (source-denied)
    source vault-main:secret/web: permission denied; ask for read on secret/data/web
    kept as it is (teams/payments.yaml:12:5)

! payments/theirs  conflict  (other-manager)
    it is helm's; rename
    left as it is

o payments/orphan  orphan  (not-pruned)
    mapping x is gone
    left as it is

= payments/paused  suspended  (suspended)
    left alone while it is suspended

- payments/last  delete  (mapping-gone)  held
    - a
    11 removals an hour; `--allow-deletes 11` lets them through

Plan: 1 to create, 1 to update, 0 to replace, 1 to delete (1 held); 1 unchanged, \
1 conflict, 1 unreadable, 1 suspended, 1 orphan.
"""
    )


def test_a_source_is_named_once_and_what_is_missing_is_not_called_kept() -> None:
    other = SourceVersion(RemoteRef("vault-main", "web", mount="secret"), "")
    change = replace(UNREAD, sources=(SOURCE, other), live=None)
    assert render_diff(plan(change), form="text", color=False).splitlines()[2:6] == [
        "? payments/web  unreadable  (source-denied)",
        "    source: vault-main:secret/payments/db (version 8)",
        "    source vault-main:secret/web: permission denied; ask for read on secret/data/web",
        "    nothing is written (teams/payments.yaml:12:5)",
    ]


def _unread(name: str, message: str, *, reason: str = "target-unavailable", target: str = "default") -> Change:
    key = SecretKey(target, "payments", name)
    ref = RemoteRef("aws", name)
    return Change(key, Action.UNREADABLE, reason, message=message, sources=(SourceVersion(ref, ""),))


def test_a_cluster_that_is_down_is_said_once_for_all_its_secrets() -> None:
    down = "the API server https://prod:6443 cannot be reached (connection-refused): does it run?"
    names = [f"app-{number:03}" for number in range(1000)]
    unread = [_unread(name, f"payments/{name}: {down}") for name in names]
    text = render_diff(plan(CREATED, *unread[:500], SAME, *unread[500:], FOREIGN), form="text", color=False)
    assert (
        """\
    source: vault-main:secret/payments/db (version 8)

? 1000 Secrets  unreadable  (target-unavailable)
    payments/app-000, payments/app-001, payments/app-002 and 997 more (`--format json` names them)
    the API server https://prod:6443 cannot be reached (connection-refused): does it run?
    what is there of them is kept

! payments/theirs  conflict  (other-manager)
"""
        in text
    )
    assert text.count(down) == 1
    assert "1000 unreadable" in text
    changes = json.loads(render_diff(plan(*unread), form="json", color=False))["changes"]
    assert [change["name"] for change in changes] == names
    assert all(down in change["message"] for change in changes)


def test_a_store_that_is_down_is_said_once_though_the_sources_differ() -> None:
    down = "https://store cannot be reached (timeout): does it run?"
    unread = [_unread(name, f"source aws:{name}: {down}", reason="source-unavailable") for name in "abcd"]
    two = (*unread[1].sources, SourceVersion(RemoteRef("aws", "other"), ""))
    unread[1] = replace(unread[1], sources=two, also=(f"source aws:other: {down}",))
    text = render_diff(plan(*unread), form="text", color=False)
    assert "? 4 Secrets  unreadable  (source-unavailable)\n    payments/a, payments/b, payments/c and 1 more" in text
    assert f"\n    {down}\n" in text
    assert text.count(down) == 1


def test_another_failure_of_a_secret_is_told_beside_the_one_that_it_shares() -> None:
    down = "https://store cannot be reached (timeout): does it run?"
    unread = [_unread(name, f"source aws:{name}: {down}", reason="source-unavailable") for name in "abcde"]
    odd = replace(unread[1], also=("mapping payments/b, key p: no property p",))
    text = render_diff(plan(unread[0], odd, *unread[2:]), form="text", color=False)
    assert "? 4 Secrets  unreadable" in text
    assert (
        "? payments/b  unreadable  (source-unavailable)\n"
        f"    source aws:b: {down}\n"
        "    mapping payments/b, key p: no property p\n"
    ) in text


ALSO = replace(UNREAD, also=("source aws:prod/api: denied\x1b[2J", "mapping payments/web, key p: no property p"))


def test_each_failure_of_a_secret_has_a_line_of_its_own_and_the_position_is_told() -> None:
    first = "source vault-main:secret/web: permission denied; ask for read on secret/data/web"
    escaped = "source aws:prod/api: denied\\x1b[2J"
    assert render_diff(plan(ALSO), form="text", color=False).splitlines()[2:7] == [
        "? payments/web  unreadable  (source-denied)",
        f"    {first}",
        f"    {escaped}",
        "    mapping payments/web, key p: no property p",
        "    kept as it is (teams/payments.yaml:12:5)",
    ]
    assert render_diff(plan(ALSO), form="unified", color=False).splitlines()[1:4] == [
        f"# payments/web: unreadable (source-denied): {first} [teams/payments.yaml:12:5]",
        f"#   {escaped}",
        "#   mapping payments/web, key p: no property p",
    ]
    (change,) = json.loads(render_diff(plan(ALSO), form="json", color=False))["changes"]
    assert (change["message"], change["also"], change["position"]) == (first, list(ALSO.also), str(ALSO.origin))
    details = [line for line in render_diff(plan(ALSO), form="markdown", color=False).splitlines() if line[:2] == "- "]
    assert len(details) == 4
    assert details[-1] == "- mapping: <code>teams/payments.yaml:12:5</code>"


@pytest.mark.parametrize("form", FORMS)
def test_what_else_failed_is_hidden_as_the_message_is(form: Literal["text", "unified", "json", "markdown"]) -> None:
    shown = render_diff(plan(ALSO), form=form, color=False, redact_keys=True)
    assert "no property" not in shown
    assert "prod/api" not in shown
    assert shown.count("redact-keys") == 1


def test_a_source_that_a_message_names_first_is_not_named_again() -> None:
    change = _unread("a", "source aws:a does not exist in eu-west-1; create it", reason="source-absent")
    lines = render_diff(plan(change), form="text", color=False).splitlines()
    assert [line.strip() for line in lines if "aws:a" in line] == [change.message]


def test_what_differs_or_is_few_has_a_block_of_its_own() -> None:
    few = [_unread(name, f"payments/{name}: out of reach") for name in "abc"]
    other = _unread("d", "payments/d: out of rights")
    elsewhere = _unread("e", "payments/e: out of reach", target="staging")
    absent = [_unread(name, f"source aws:{name}: not there", reason="source-absent") for name in "fghij"]
    text = render_diff(plan(*few, other, elsewhere, *absent), form="text", color=False)
    assert text.count("  unreadable  ") == 10
    assert " more " not in text


def test_writes_that_fail_alike_share_a_block() -> None:
    full = "a quota of namespace payments is used up: raise it"
    failed = [
        replace(CREATED, key=API._replace(name=name), outcome="failed", message=f"payments/{name}: {full}")
        for name in "abcde"
    ]
    text = render_apply(PassReport(plan(*failed), {}, 0.1), form="text", color=False)
    assert (
        "+ 5 Secrets  create  (missing)  failed\n"
        "    payments/a, payments/b, payments/c and 2 more (`--format json` names them)\n"
        f"    {full}\n\n"
    ) in text


def test_creates_that_go_well_are_never_put_together() -> None:
    made = [replace(CREATED, key=API._replace(name=name)) for name in "abcdef"]
    assert render_diff(plan(*made), form="text", color=False).count("+ token") == 6


def test_a_plan_without_changes_is_one_line_under_its_head() -> None:
    assert render_diff(plan(SAME), form="text", color=False) == (
        "Target: cluster prod (context prod-eu)\n\n"
        "Plan: 0 to create, 0 to update, 0 to replace, 0 to delete; 1 unchanged.\n"
    )


def test_several_targets_are_told_apart() -> None:
    other = Change(API._replace(target="staging"), Action.CREATE, "missing")
    text = render_diff(plan(CREATED, other), form="text", color=False)
    assert "+ default: payments/api  create" in text
    assert "+ staging: payments/api  create" in text


def test_what_is_not_proven_is_said() -> None:
    change = Change(DB, Action.UPDATE, "drift", ownership="unverified", writable=False)
    assert "update  (drift)  [ownership unverified]" in render_diff(plan(change), form="text", color=False)


def test_a_folder_where_nothing_can_be_proven_is_no_news_to_a_person_but_is_to_a_program() -> None:
    change = Change(DB, Action.UPDATE, "drift", ownership="unverified", writable=True)
    assert "unverified" not in render_diff(plan(change), form="text", color=False)
    assert '"ownership": "unverified"' in render_diff(plan(change), form="json", color=False)


def test_one_unchanged_key_is_one_key() -> None:
    change = Change(DB, Action.UPDATE, "drift", keys=KeyChanges(changed=("a",), unchanged=("b",)))
    assert "      1 key unchanged\n" in render_diff(plan(change), form="text", color=False)


def test_color_paints_the_head_and_the_keys_and_changes_nothing_else() -> None:
    painted = render_diff(plan(UPDATED), form="text", color=True)
    assert "\x1b[33m~ payments/db-credentials\x1b[0m  update" in painted
    assert "    \x1b[32m+ host\x1b[0m\n    \x1b[31m- old\x1b[0m\n    \x1b[33m~ password\x1b[0m\n" in painted
    for code in ("0", "1", "31", "32", "33"):
        painted = painted.replace(f"\x1b[{code}m", "")
    assert painted == render_diff(plan(UPDATED), form="text", color=False)
    for form in ("json", "markdown"):
        assert "\x1b" not in render_diff(EVERYTHING, form=form, color=True)


def test_unified_is_like_a_patch_with_masks() -> None:
    live = LiveSecret(DB, "u", "1", "Opaque", {}, {"env": "a"}, {})
    updated = Change(
        DB, Action.UPDATE, "source-changed", keys=UPDATED.keys, labels=("env",), annotations=("note",),
        live=live, desired=DesiredSecret(DB, "Opaque", {}, {"env": "b"}, {"note": "x"}),
    )  # fmt: skip
    assert render_diff(plan(CREATED, updated, SAME, UNREAD, HELD), form="unified", color=False) == (
        """\
# Target: cluster prod (context prod-eu)
--- /dev/null
+++ desired/payments/api
@@ create: missing @@
 data:
+  token: <secret: new>
--- live/payments/db-credentials
+++ desired/payments/db-credentials
@@ update: source-changed @@
 data:
+  host: <secret: new>
-  old: <secret: old>
-  password: <secret: old>
+  password: <secret: new>
   port: <secret>
   username: <secret>
 labels:
-  env: <old>
+  env: <new>
 annotations:
+  note: <new>
# payments/web: unreadable (source-denied): source vault-main:secret/web: permission denied; \
ask for read on secret/data/web [teams/payments.yaml:12:5]
--- live/payments/last
+++ /dev/null
@@ delete: mapping-gone, held @@
# 11 removals an hour; `--allow-deletes 11` lets them through
 data:
-  a: <secret: old>
# Plan: 1 to create, 1 to update, 0 to replace, 1 to delete (1 held); 1 unchanged, 1 unreadable.
"""
    )


def test_json_is_the_documented_form() -> None:
    change = Change(
        DB,
        Action.UPDATE,
        "source-changed",
        mapping="payments/db-credentials",
        ownership="proven",
        keys=KeyChanges(changed=("password",), unchanged=("username",)),
        labels=("env",),
        sources=(SOURCE,),
    )
    assert json.loads(render_diff(plan(change), form="json", color=False)) == {
        "formatVersion": 1,
        "summary": {
            "create": 0, "update": 1, "replace": 0, "delete": 0, "unchanged": 0,
            "conflict": 0, "unreadable": 0, "suspended": 0, "orphan": 0,
        },
        "changes": [
            {
                "target": "default", "namespace": "payments", "name": "db-credentials",
                "mapping": "payments/db-credentials",
                "action": "update", "reason": "source-changed", "ownership": "proven",
                "keys": {"added": [], "removed": [], "changed": ["password"], "unchanged": ["username"]},
                "metadata": {"labels": ["env"], "annotations": []},
                "sources": [{"store": "vault-main", "key": "payments/db", "version": "8"}],
                "message": "",
            }
        ],
    }  # fmt: skip


def test_json_says_an_outcome_where_there_is_one() -> None:
    changes = json.loads(render_diff(plan(HELD, UPDATED), form="json", color=False))["changes"]
    assert [change.get("outcome") for change in changes] == ["held", None]


def test_markdown_is_a_table_with_details_behind_a_fold() -> None:
    assert render_diff(plan(UPDATED, SAME, UNREAD), form="markdown", color=False) == (
        """\
### syncd diff: cluster prod &#40;context prod-eu&#41;

**Plan: 0 to create, 1 to update, 0 to replace, 0 to delete; 1 unchanged, 1 unreadable.**

| | Secret | Action | Reason | Keys |
| --- | --- | --- | --- | --- |
| `~` | <code>payments/db-credentials</code> | update | <code>source-changed</code> | `+1 -1 ~1` |
| `?` | <code>payments/web</code> | unreadable | <code>source-denied</code> |  |

<details>
<summary>Details</summary>

**<code>payments/db-credentials</code>**

- added: <code>host</code>
- removed: <code>old</code>
- changed: <code>password</code>
- labels: <code>env</code>
- annotations: <code>note</code>
- sources: <code>vault-main:secret/payments/db &#40;version 8&#41;</code>, \
<code>aws:prod/api@AWSCURRENT &#40;version v-1&#41;</code>

**<code>payments/web</code>**

- source vault-main:secret/web: permission denied; ask for read on secret/data/web
- mapping: <code>teams/payments.yaml:12:5</code>

</details>
"""
    )


def test_markdown_in_names_and_messages_stays_text() -> None:
    message = "| `x` @team #12 <img src=x> [a](https://b) *c* _d_ e_f $g$"
    text = render_diff(plan(Change(DB, Action.CONFLICT, "x", message=message)), form="markdown", color=False)
    assert (
        "- &#124; &#96;x&#96; <code>@</code>team &#35;12 &#60;img src=x&#62; "
        "&#91;a&#93;&#40;https&#58;//b&#41; &#42;c&#42; &#95;d&#95; e_f &#36;g&#36;\n"
    ) in text


def test_apply_says_outcomes_and_costs() -> None:
    done = Change(DB, Action.UPDATE, "source-changed", keys=KeyChanges(changed=("password",)), outcome="done")
    failed = Change(API, Action.CREATE, "missing", outcome="failed", message="quota exceeded; ask for more")
    stores = {"vault-main": StoreCost(21, 20, 0), "aws": StoreCost(1, 1, 1)}
    report = PassReport(plan(done, failed, SAME, HELD), stores, 2.34)
    assert render_apply(report, form="text", color=False) == (
        """\
Target: cluster prod (context prod-eu)

~ payments/db-credentials  update  (source-changed)  done
    ~ password

+ payments/api  create  (missing)  failed
    quota exceeded; ask for more

- payments/last  delete  (mapping-gone)  held
    - a
    11 removals an hour; `--allow-deletes 11` lets them through

Store aws: 1 call for 1 source, 1 failed
Store vault-main: 21 calls for 20 sources
Applied: 0 created, 1 updated, 0 replaced, 0 deleted; 1 unchanged, 1 failed, 1 held. 2.3 s.
"""
    )
    outcomes = [
        change.get("outcome") for change in json.loads(render_apply(report, form="json", color=False))["changes"]
    ]
    assert outcomes == ["done", "failed", None, "held"]


def test_an_interrupted_apply_says_so() -> None:
    report = PassReport(plan(SAME), {}, 0.0, interrupted=True)
    assert render_apply(report, form="text", color=False).endswith(
        "Interrupted before the last write; run it again to finish.\n"
    )


# What must never be seen


@pytest.mark.parametrize("form", FORMS)
def test_no_value_is_in_any_form(form: Literal["text", "unified", "json", "markdown"]) -> None:
    """I-LEAK: not the value, and not the annotations of others, which may hold a whole Secret."""
    data = {"password": SecretValue(CANARY.encode())}
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": CANARY}
    change = Change(
        DB,
        Action.UPDATE,
        "drift",
        keys=KeyChanges(changed=("password",)),
        annotations=tuple(annotations),
        desired=DesiredSecret(DB, "Opaque", data, {}, {}),
        live=LiveSecret(DB, "u", "1", "Opaque", data, {}, annotations),
    )
    assert CANARY not in render_diff(plan(change), form=form, color=True)


@pytest.mark.parametrize("form", FORMS)
def test_a_diff_is_the_same_whatever_the_values_are(form: Literal["text", "unified", "json", "markdown"]) -> None:
    """I-LEAK: nothing of a value, its length and its hash included."""

    def shown(before: bytes, after: bytes) -> str:
        desired = DesiredSecret(DB, "Opaque", {"password": SecretValue(after)}, {}, {})
        live = LiveSecret(DB, "u", "1", "Opaque", {"password": SecretValue(before)}, {}, {})
        change = Change(DB, Action.UPDATE, "drift", keys=KeyChanges(changed=("password",)), desired=desired, live=live)
        return render_diff(plan(change), form=form, color=True)

    assert "password" in shown(b"a", b"b")
    assert shown(b"a", b"b") == shown(b"x" * 1000, CANARY.encode())


@pytest.mark.parametrize("form", FORMS)
def test_redacted_keys_are_named_by_count_and_nowhere_else(
    form: Literal["text", "unified", "json", "markdown"],
) -> None:
    first = Change(DB, Action.UPDATE, "drift", keys=KeyChanges(added=("zebra",), changed=("aardvark",)))
    second = Change(API, Action.CREATE, "missing", keys=KeyChanges(added=("aardvark",)))
    third = Change(API, Action.UNREADABLE, "property-missing", message='key "aardvark": there is no property "gnu"')
    text = render_diff(plan(first, second, third), form=form, color=False, redact_keys=True)
    assert not any(name in text for name in ("zebra", "aardvark", "gnu"))
    assert "hidden by" in text
    if form == "json":
        changes = json.loads(text)["changes"]
        assert changes[0]["keys"]["changed"] == changes[1]["keys"]["added"] == ["key-2"]
    assert "zebra" in render_diff(plan(first), form=form, color=False)


HOSTILE = "a\x1b[2J\r\nb\x9b\u202e\u2028\ud800"


@pytest.mark.parametrize("form", FORMS)
def test_control_characters_are_spelled_out(form: Literal["text", "unified", "json", "markdown"]) -> None:
    """E13, L13: an ANSI escape does not act, a newline forges no line, a mark turns no text around."""
    hostile = Change(
        SecretKey(HOSTILE, HOSTILE, HOSTILE),
        Action.UPDATE,
        HOSTILE,
        mapping=HOSTILE,
        tenant=HOSTILE,
        keys=KeyChanges((HOSTILE,), (HOSTILE + "1",), (HOSTILE + "2",), (HOSTILE + "3",)),
        labels=(HOSTILE,),
        annotations=(HOSTILE,),
        sources=(SourceVersion(RemoteRef(HOSTILE, HOSTILE, HOSTILE, HOSTILE), HOSTILE + "4"),),
        message=HOSTILE,
        origin=Position(HOSTILE, 1, 1),
    )
    others = [Change(API, action, HOSTILE, message=HOSTILE, origin=hostile.origin) for action in Action]
    whole = Plan((hostile, *others), target=HOSTILE, notes=(HOSTILE,))
    text = render_diff(whole, form=form, color=False)
    assert all(line.isprintable() for line in text.split("\n"))
    assert text.encode()
    if form == "json":
        assert json.loads(text)["changes"][0]["name"] == HOSTILE
    else:
        assert r"a\x1b" in text.replace("&#92;", "\\")
    report = PassReport(whole, {HOSTILE: StoreCost(1, 1, 1)}, 0.1)
    assert all(line.isprintable() for line in render_apply(report, form="text", color=False).split("\n"))


@settings(deadline=None)
@given(st.text(max_size=20))
def test_any_name_and_message_stays_on_its_line(name: str) -> None:
    change = Change(DB, Action.CONFLICT, "x", message=name, keys=KeyChanges(changed=(name,)))
    plain = Change(DB, Action.CONFLICT, "x", message="m", keys=KeyChanges(changed=("k",)))
    for form in FORMS:
        lines = render_diff(plan(change), form=form, color=False).count("\n")
        expected = render_diff(plan(plain), form=form, color=False).count("\n")
        assert lines == expected - (0 if name or form in ("json", "unified") else 1)


# Exit codes


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ((), 0),
        ((SAME, ORPHAN, SUSPENDED), 0),
        ((SAME, UPDATED), 1),
        ((CREATED,), 1),
        ((HELD,), 1),
        ((UPDATED, UNREAD), 2),
        ((FOREIGN,), 2),
    ],
)
def test_exit_code_of_a_diff(changes: tuple[Change, ...], code: int) -> None:
    assert exit_code_for_diff(plan(*changes)) == code


@pytest.mark.parametrize(
    ("action", "outcome", "interrupted", "code"),
    [
        (Action.UNCHANGED, "", False, 0),
        (Action.UPDATE, "done", False, 0),
        (Action.ORPHAN, "", False, 0),
        (Action.UPDATE, "failed", False, 1),
        (Action.DELETE, "held", False, 1),
        (Action.CONFLICT, "", False, 1),
        (Action.UNREADABLE, "", False, 1),
        (Action.UPDATE, "done", True, 1),
    ],
)
def test_exit_code_of_an_apply(action: Action, outcome: OutcomeWord, code: int, *, interrupted: bool) -> None:
    report = PassReport(plan(Change(DB, action, "x", outcome=outcome)), {}, 0.0, interrupted=interrupted)
    assert exit_code_for_apply(report) == code
