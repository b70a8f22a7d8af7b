"""JSON Schema of the file, for editors: the shapes as they are loaded, with the options of every type of store."""

from collections.abc import Mapping
from typing import Final

import msgspec

from syncd.config.document import MappingFileShape, PlatformShape
from syncd.config.spec import P, StoreSpec
from syncd.config.stores import StoreShape

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_REF: Final = "#/$defs/{name}"


def schema(specs: Mapping[str, StoreSpec[P]]) -> dict[str, object]:
    """Give the JSON Schema (draft 2020-12) of both kinds of file, stores of the types `specs` included.

    The same specs give the same document, key for key, in the same order.
    """
    ordered = [specs[name] for name in sorted(specs)]
    kinds = [PlatformShape, MappingFileShape, StoreShape, *(spec.options for spec in ordered)]
    references, components = msgspec.json.schema_components(kinds, schema_hook=_anything, ref_template=_REF)
    definitions: dict[str, object] = {_plain(name): _tidy(component) for name, component in components.items()}
    platform, mappings, common, *options = (_plain(_name(reference)) for reference in references)
    shared = _object(definitions.pop(common))
    stores: list[object] = []
    for spec, name in zip(ordered, options, strict=True):
        definitions[f"store-{spec.name}"] = _store(spec.name, shared, _object(definitions[name]))
        stores.append({"$ref": _REF.format(name=f"store-{spec.name}")})
    for name in set(options):
        del definitions[name]
    properties = _object(_object(definitions[platform])["properties"])
    properties["stores"] = {"type": "object", "additionalProperties": {"anyOf": stores} if stores else False}
    return {
        "$schema": DIALECT,
        "title": "syncd configuration",
        "anyOf": [{"$ref": _REF.format(name=platform)}, {"$ref": _REF.format(name=mappings)}],
        "$defs": dict(sorted(definitions.items())),
    }


def _store(kind: str, common: dict[str, object], options: dict[str, object]) -> object:
    """Lay the options of one type beside the fields that every store takes."""
    return {
        **({"description": options["description"]} if "description" in options else {}),
        "type": "object",
        "properties": {
            **_object(options.get("properties", {})),
            **_object(common["properties"]),
            "type": {"const": kind},
        },
        "required": ["type", *_list(options.get("required", []))],
        "additionalProperties": False,
    }


def _anything(_kind: type) -> dict[str, object]:
    """Leave open what an option is that its store's own check looks at."""
    return {"description": "As the documentation of this type of store says."}


def _tidy(value: object) -> object:
    """Say in the schema what a person may write: text fields as one list of types, and no word of what `null` does."""
    if isinstance(value, list):
        return [_tidy(item) for item in value]
    if not isinstance(value, dict):
        return value
    out: dict[str, object] = {}
    for key, inner in value.items():
        if key == "properties":
            out[key] = {name: _tidy(field) for name, field in inner.items()}
        elif key == "anyOf":
            out.update(_union([member for member in inner if member != {"type": "null"}]))
        elif key == "$ref":
            out[key] = _REF.format(name=_plain(_name(value)))
        elif key == "title":
            out[key] = _plain(inner)
        elif key != "default" or not isinstance(inner, (dict, type(None))):
            out[key] = inner if key in ("default", "enum", "const") else _tidy(inner)
    return out


def _union(members: list[dict[str, object]]) -> dict[str, object]:
    simple = [member["type"] for member in members if member.keys() == {"type"}]
    others = [_object(_tidy(member)) for member in members if member.keys() != {"type"}]
    if simple:
        others.append({"type": simple[0] if len(simple) == 1 else simple})
    return others[0] if len(others) == 1 else {"anyOf": others}


def _plain(name: str) -> str:
    """Name a definition without the word that only the code needs."""
    return name.removesuffix("Shape")


def _name(reference: Mapping[str, object]) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


def _object(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        message = f"a schema is an object, not {type(value).__name__}"
        raise TypeError(message)
    return value


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
