"""A plan, or what came of it, in words: for a terminal, as a patch, as JSON, as a pull-request comment.

What belongs here: wording, colour, escaping, exit codes. What does not: deciding anything, printing anything, and
values: only names, classes, codes and versions are ever looked at, so that no value, length, prefix or hash can be
shown. Names and messages come from stores, clusters and files; whatever a terminal would act on is escaped.
"""

from typing import Literal

from syncd.model.plan import Plan
from syncd.model.report import PassReport
from syncd.report.exit_code import exit_code_for_apply, exit_code_for_diff
from syncd.report.json_form import plan_as_json
from syncd.report.markdown import plan_as_markdown
from syncd.report.spelling import Spelling
from syncd.report.text import plan_as_text, report_as_text
from syncd.report.unified import plan_as_unified

__all__ = ["exit_code_for_apply", "exit_code_for_diff", "render_apply", "render_diff"]

DiffForm = Literal["text", "unified", "json", "markdown"]
ApplyForm = Literal["text", "json"]


def render_diff(plan: Plan, *, form: DiffForm, color: bool, redact_keys: bool = False) -> str:
    """Spell what `apply` would change; ends with a newline.

    `color` only concerns the forms for people, `text` and `unified`. `redact_keys` shows `key-1`, `key-2` for the
    names of keys, the same for the same name, and no messages, which may name keys.
    """
    spelling = Spelling(color=color and form in ("text", "unified"), redact_keys=redact_keys)
    forms = {"text": plan_as_text, "unified": plan_as_unified, "json": plan_as_json, "markdown": plan_as_markdown}
    return forms[form](plan, spelling)


def render_apply(report: PassReport, *, form: ApplyForm, color: bool, redact_keys: bool = False) -> str:
    """Spell what a pass did; ends with a newline. The arguments are those of `render_diff`."""
    if form == "json":
        return plan_as_json(report.plan, Spelling(redact_keys=redact_keys))
    return report_as_text(report, Spelling(color=color, redact_keys=redact_keys))
