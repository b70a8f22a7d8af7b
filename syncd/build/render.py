"""The keys that templates make of a mapping's others, all at once: no template sees what another makes."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from syncd.build.rules import bad_key
from syncd.build.select import Fault, shown
from syncd.model.mapping import SecretMapping
from syncd.model.reference import FailureClass
from syncd.model.selection import Literally

if TYPE_CHECKING:
    from syncd.template import Program

INVALID: Final = "template-invalid"


def rendered(mapping: SecretMapping, data: Mapping[str, bytes]) -> dict[str, bytes] | list[Fault]:
    """Give the keys that the Secret has once its templates are rendered, `data` being those it has before.

    Every template is judged, so that all faults are told. No fault holds a value or a piece of one.
    """
    if mapping.template is None:
        return dict(data)
    made: dict[str, bytes] = {}
    faults: list[Fault] = []
    for key, text in mapping.template.data:
        result = bad_key(key) or _rendered(mapping, key, text, data)
        if isinstance(result, Fault):
            faults.append(result)
        else:
            made[key] = result
    kept = data if mapping.template.keep else {}
    return faults or {**kept, **made}


def _rendered(mapping: SecretMapping, key: str, text: str, data: Mapping[str, bytes]) -> bytes | Fault:
    from syncd import template  # noqa: PLC0415 — few mappings have a template

    program = template.read(text)
    if isinstance(program, tuple):
        return _fault(INVALID, key, program[0].line, program[0].message)
    mistake = _mistake(mapping, program, data)
    if mistake is not None:
        return mistake._replace(message=f"key {shown(key)}, {mistake.message}")
    result = template.render(program, data)
    if isinstance(result, template.Stopped):
        return _fault(result.reason.value, key, result.line, result.message)
    if result or mapping.allow_empty is True or (mapping.allow_empty and key in mapping.allow_empty):
        return result
    advice = "correct it, or name the key in `allowEmpty`"
    return Fault(FailureClass.CONFIG, "empty-value", f"key {shown(key)} comes out empty; {advice}")


def _mistake(mapping: SecretMapping, program: "Program", data: Mapping[str, bytes]) -> Fault | None:
    """Look again for what is refused when a file is loaded: a plain hash of a secret is never made."""
    from syncd import template  # noqa: PLC0415 — as above

    literals = frozenset(key for key, source in mapping.data if isinstance(source, Literally))
    found = template.mistakes(program, template.Known(frozenset(data), literals, more=True))
    if not found:
        return None
    return Fault(FailureClass.CONFIG, INVALID, f"line {found[0].line}: {found[0].message}")


def _fault(reason: str, key: str, line: int, message: str) -> Fault:
    return Fault(FailureClass.CONFIG, reason, f"key {shown(key)}, line {line}: {message}")
