"""`template:` of a mapping: what it becomes, and every mistake with its place in the file and its line in the text."""

import hashlib
from pathlib import Path

import pytest

from syncd.model.shaping import Template
from tests.unit.shelf import loaded, mapping, told

DATA = "name: a\ndata: {user: k, host: {literal: db.internal}, tls.crt: c}"


def template_of(folder: Path, body: str) -> Template | None:
    (found,) = loaded(folder, mapping(body)).mappings
    return found.template


def test_the_templates_of_keys_are_kept_as_they_stand(tmp_path: Path) -> None:
    body = f"{DATA}\ntemplate:\n  keep: false\n  data:\n    conf: |\n      a {{{{ user }}}}\n\n    n: 8"
    assert template_of(tmp_path, body) == Template((("conf", "a {{ user }}\n"), ("n", "8")), keep=False)


def test_without_a_template_there_is_none(tmp_path: Path) -> None:
    assert template_of(tmp_path, DATA) is None


def test_labels_and_annotations_are_made_when_the_file_is_loaded(tmp_path: Path) -> None:
    body = (
        f"{DATA}\nlabels: {{x: y}}\ntemplate:\n"
        "  labels: {host: '{{ host | upper }}', hash: '{{ (host | sha256 | split(\"a\"))[0] }}-x'}\n"
        "  annotations: {example.com/url: 'https://{{ host }}/'}"
    )
    (found,) = loaded(tmp_path, mapping(body)).mappings
    digest = hashlib.sha256(b"db.internal").hexdigest()
    assert dict(found.labels) == {"x": "y", "host": "DB.INTERNAL", "hash": digest.partition("a")[0] + "-x"}
    assert dict(found.annotations) == {"example.com/url": "https://db.internal/"}
    assert found.template is None


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{}", ["5: : no template in it (write template: {data: {KEY: TEXT}})"]),
        (
            "{keep: false}",
            [
                "5: : no template in it (write template: {data: {KEY: TEXT}})",
                "16: .keep: nothing would be left (give it a key under `data`)",
            ],
        ),
        (
            "{data: {a/b: x}}",
            [
                (
                    "23: .data['a/b']: not a key for a Secret "
                    "(letters, digits, -, _ and ., at most 253; not . and not starting with ..)"
                )
            ],
        ),
        (
            "{data: {x: '{{ usre }}'}}",
            ["23: .data.x: line 1: the mapping has no key `usre` (did you mean user?)"],
        ),
        (
            """{data: {x: "a\\n\\n{{ data['tls.key'] }}"}}""",
            ["23: .data.x: line 3: the mapping has no key `tls.key` (give it under `data`)"],
        ),
        (
            "{data: {x: '{% set a = 1 %}', y: '{{ user.name }}', z: '{{ user'}}",
            [
                "23: .data.x: line 1: there is no tag `set` (if, elif, else, endif, for, endfor, raw)",
                """45: .data.y: line 1: values have no attributes (write VALUE["name"])""",
                "67: .data.z: line 1: not a template: unexpected end of template, expected 'end of print statement'",
            ],
        ),
        (
            "{data: {x: '{{ user | sha256 }}'}}",
            [
                (
                    "23: .data.x: line 1: the filter sha256 is for literals: a plain hash of a secret gives it away "
                    "(leave it out)"
                )
            ],
        ),
        (
            "{labels: {x: '{{ user }}'}}",
            [
                (
                    "25: .labels.x: line 1: `user` is no literal, and what stands here is for everybody to see "
                    "(use keys with `literal:` alone)"
                )
            ],
        ),
        (
            "{labels: {x: 'a b'}}",
            [
                (
                    "25: .labels.x: not a label value: at most 63 letters, digits, -, _ and ., "
                    "a letter or digit at both ends"
                )
            ],
        ),
        (
            "{labels: {kubernetes.io/x: a}}",
            [
                (
                    "25: .labels['kubernetes.io/x']: this one steers Kubernetes or another controller, "
                    "so a mapping may not set it"
                )
            ],
        ),
        ("{labels: {x: '{{ host + 1 }}'}}", ["25: .labels.x: line 1: `+` adds numbers; `~` puts texts together"]),
        (
            "{annotations: {x: '{{ [host] }}'}}",
            ["30: .annotations.x: line 1: a list has no text form; `tojson` makes text of it"],
        ),
        ("{date: {x: y}}", ["16: .date: unknown field (did you mean data?)"]),
    ],
)
def test_a_mistake_is_told_with_its_place_and_its_line(tmp_path: Path, template: str, expected: list[str]) -> None:
    """G15."""
    lines = told(tmp_path, mapping(f"{DATA}\nid: a/b\ntemplate: {template}"))
    assert lines == [f"syncd.yaml:11:{line.replace(': ', ': secrets[0].template', 1)}" for line in expected]


def test_a_label_stands_in_one_place(tmp_path: Path) -> None:
    lines = told(tmp_path, mapping(f"{DATA}\nlabels: {{x: y}}\ntemplate: {{labels: {{x: z}}}}"))
    said = "secrets[0].template.labels.x: it stands under `labels` of the mapping too (remove one of them)"
    assert lines == [f"syncd.yaml:11:25: {said}"]


@pytest.mark.parametrize(
    "body",
    [
        "name: a\ndataFrom: [{key: k}]\ntemplate: {data: {x: '{{ whatever }}'}}",
        "name: a\ntls: {certificate: c, privateKey: k}\ntemplate: {data: {x: '{{ data[\"tls.crt\"] }}'}}",
        "name: a\nbasicAuth: {username: u, password: p}\ntemplate: {data: {x: '{{ username }}:{{ password }}'}}",
        "name: a\ndata: {k: v}\ntemplate: {data: {x: '{{ k }}'}}\nchecks: {required: [x, k]}\nallowEmpty: [x, k]",
        "name: a\ndata: {k: v}\ntemplate: {keep: false, data: {x: '{{ k }}'}}\nallowEmpty: [k]\nchecks: {json: [x]}",
    ],
)
def test_what_the_mapping_can_give_may_be_named(tmp_path: Path, body: str) -> None:
    assert template_of(tmp_path, body) is not None


def test_a_check_of_a_key_that_the_template_drops_is_a_mistake(tmp_path: Path) -> None:
    body = "name: a\ndata: {k: v}\ntemplate: {keep: false, data: {x: '{{ k }}'}}\nchecks: {required: [k]}"
    (line,) = told(tmp_path, mapping(body))
    assert "secrets[0].checks.required[0]" in line


def test_ten_mistakes_of_a_template_are_told(tmp_path: Path) -> None:
    text = "".join(f"{{{{ x{number} }}}}" for number in range(30))
    assert len(told(tmp_path, mapping(f"{DATA}\ntemplate: {{data: {{x: '{text}'}}}}"))) == 10
