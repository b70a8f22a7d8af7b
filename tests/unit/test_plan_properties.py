"""Invariants of planning, over any mapping, content, live Secret, instance and rules."""

from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from syncd.model.inventory import Entry
from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.plan import WRITES, Action, Change
from syncd.model.reference import FailureClass, RemoteRef
from syncd.model.secret import Built, Content, Live, LiveSecret, Missing, Refusal, SourceVersion
from syncd.plan.decision import plan_one
from syncd.plan.instance import Instance, Rules
from syncd.plan.planner import make_plan
from tests.unit.plan_makers import KEYLESS, ME, OTHER_KEY, PLAIN, SECRET, foreign, mapping, stored, values, written

_NAMES = st.sampled_from(["a", "b", "c"])
_TEXTS = st.dictionaries(_NAMES, st.sampled_from(["1", "2"]), max_size=3)
_SOURCES = st.dictionaries(_NAMES, st.sampled_from(["", "1", "2", "id-x"]), max_size=2).map(
    lambda versions: tuple(SourceVersion(RemoteRef("vault", key), version) for key, version in versions.items())
)
_CONTENTS = st.builds(
    Content,
    type=st.sampled_from(["Opaque", "Opaque", "kubernetes.io/tls"]),
    data=_TEXTS.map(values),
    labels=_TEXTS,
    annotations=_TEXTS,
    sources=_SOURCES,
    immutable=st.booleans(),
)
_REFUSALS = st.builds(
    Refusal,
    cls=st.sampled_from(FailureClass),
    reason=st.just("code"),
    message=st.just(""),
    absent=st.sampled_from([(), (RemoteRef("vault", "a"),)]),
)
_POLICIES = st.sampled_from(["keep", "delete"])
_MAPPINGS = st.builds(
    mapping,
    tenant=st.sampled_from(["", "", "blue"]),
    adopt=st.booleans(),
    merge=st.booleans(),
    suspend=st.sampled_from([False, False, False, True]),
    when_source_gone=_POLICIES,
    when_mapping_gone=_POLICIES,
)
_INSTANCES = st.sampled_from([ME, ME, KEYLESS, PLAIN, replace(ME, sources="none"), replace(ME, sources="store")])
_WRITERS = st.sampled_from([ME, ME, ME, PLAIN, OTHER_KEY, replace(ME, name="staging")])
_RULES = st.builds(Rules, allow_replace=st.booleans(), prune=st.booleans())
_STRANGE = st.dictionaries(
    st.sampled_from(
        ["note", "syncd.dev/suspend", "syncd.dev/instance", "meta.helm.sh/release-name", "app.kubernetes.io/managed-by"]
    ),
    st.sampled_from(["true", "prod", "syncd"]),
    max_size=2,
)


@st.composite
def _touched(draw: st.DrawFn, whole: LiveSecret) -> LiveSecret:
    """Let others edit a live Secret."""
    return replace(
        whole,
        data={**whole.data, **values(draw(_TEXTS)), **values(draw(st.sampled_from([{}, {"extra": "x"}])))},
        labels={**whole.labels, **draw(_TEXTS), **draw(_STRANGE)},
        annotations={**whole.annotations, **draw(_TEXTS), **draw(_STRANGE)},
        immutable=draw(st.booleans()),
        owners=draw(st.sampled_from([(), (), ("Deployment/web",)])),
    )


@st.composite
def _live(draw: st.DrawFn) -> LiveSecret:
    if draw(st.booleans()):
        plain: LiveSecret = draw(_touched(foreign()))
        return plain
    by = written(replace(draw(_MAPPINGS), suspend=False), draw(_CONTENTS), draw(_WRITERS))
    whole: LiveSecret = draw(st.one_of(st.just(by), _touched(by)))
    return whole


_BUILT: st.SearchStrategy[Built] = st.one_of(_CONTENTS, _CONTENTS, _REFUSALS)
_ANY: st.SearchStrategy[Live] = st.one_of(_live(), st.just(Missing(SECRET)))


@given(_MAPPINGS, _BUILT, _live(), _INSTANCES, _RULES, _live())
def test_nothing_is_written_over_what_is_not_proven(
    wanted: SecretMapping, built: Built, live: LiveSecret, instance: Instance, rules: Rules, left: LiveSecret
) -> None:
    """I-OWN."""
    plan = _planned(wanted, built, live, instance, rules, left)

    for change in plan:
        assert change.live is not None
        owned = change.ownership == "proven" or (instance is PLAIN and change.ownership == "unverified")
        adopted = change.reason == "adopted" and change.action is Action.UPDATE and change.ownership == "none"
        assert owned or (adopted and wanted.adopt)
        assert change.live.labels["syncd.dev/instance"] == "prod" if owned else True


def _planned(
    wanted: SecretMapping, built: Built, live: LiveSecret, instance: Instance, rules: Rules, left: LiveSecret
) -> tuple[Change, ...]:
    key = SecretKey("default", "payments", "left")
    entry = Entry(key, "", "payments/left", "delete", frozenset({instance.configuration}))
    return make_plan(
        [(wanted, built)],
        {SECRET: live},
        instance=instance,
        rules=rules,
        orphans=[(entry, replace(left, key=key))],
        confirmed_absent={SECRET},
    ).writes()


@given(_MAPPINGS, _CONTENTS, _ANY, st.sampled_from([ME, PLAIN, replace(ME, sources="none")]), _RULES)
def test_planning_again_after_the_write_finds_nothing_to_do(
    wanted: SecretMapping, built: Content, live: Live, instance: Instance, rules: Rules
) -> None:
    """I-IDEM."""
    change = _one(wanted, built, live, instance, rules)
    if change.action not in WRITES or change.outcome == "held":
        return
    immutable_stays = change.live is not None and change.live.immutable and change.action is Action.UPDATE

    again = _one(wanted, built, stored(change.desired), instance, rules)

    assert again.action is Action.UNCHANGED
    assert not immutable_stays or (change.desired is not None and change.desired.immutable)


@given(_MAPPINGS, _CONTENTS, _live(), _INSTANCES, _RULES)
def test_foreign_metadata_always_stays_and_foreign_keys_with_merge(
    wanted: SecretMapping, built: Content, live: LiveSecret, instance: Instance, rules: Rules
) -> None:
    """I-META."""
    live = replace(live, labels={**live.labels, "team": "x"}, annotations={**live.annotations, "text": "y"})
    live = replace(live, data={**live.data, **values({"theirs": "z"})})

    change = _one(wanted, built, live, instance, rules)

    if change.desired is None:
        return
    assert change.desired.labels["team"] == "x"
    assert change.desired.annotations["text"] == "y"
    assert ("theirs" in change.desired.data) == wanted.merge
    assert not {"team", "text"} & {*change.labels, *change.annotations}


@given(st.lists(st.tuples(_MAPPINGS, _BUILT, _ANY), max_size=4), st.randoms(use_true_random=False), _INSTANCES)
def test_the_order_of_what_comes_in_does_not_matter(
    parts: list[tuple[SecretMapping, Built, Live]], chance: Random, instance: Instance
) -> None:
    """I-ORDER."""
    wanted = []
    live: dict[SecretKey, Live] = {}
    for number, (asked, built, found) in enumerate(parts):
        key = SecretKey("default", "payments", f"s{number}")
        wanted.append((replace(asked, key=key, id=str(key)), built))
        live[key] = replace(found, key=key)
    shuffled = [(asked, _shuffled(built)) for asked, built in wanted]
    chance.shuffle(shuffled)

    one = make_plan(wanted, live, instance=instance, rules=Rules())
    two = make_plan(shuffled, dict(reversed(live.items())), instance=instance, rules=Rules())

    assert [replace(change, sources=()) for change in one.changes] == [
        replace(change, sources=()) for change in two.changes
    ]


def _shuffled(built: Built) -> Built:
    if isinstance(built, Refusal):
        return built
    data, labels = dict([*built.data.items()][::-1]), dict([*built.labels.items()][::-1])
    return replace(built, data=data, labels=labels, sources=built.sources[::-1])


def _one(wanted: SecretMapping, built: Content, live: Live, instance: Instance, rules: Rules) -> Change:
    return plan_one(wanted, built, live, instance=instance, rules=rules)
