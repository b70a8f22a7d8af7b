"""How a defect in syncd is told: the type of the error and our own line, never its text, which may carry values."""

from typing import Final

REASON: Final = "defect"
"""The reason code of a Secret that was not judged because of one."""
_OURS = ("syncd", "syncd_providers")


def kept_for(error: BaseException, *, what: str, origin: str) -> str:
    """Say that the Secret `what` is kept since its mapping, which stands at `origin`, brought a defect up."""
    return f"{what}: a defect in syncd: {described(error)}, by the mapping at {origin}; it is kept, please report it"


def described(error: BaseException) -> str:
    """Give such as `TypeError at syncd.plan.marks:88`: the innermost line of ours that the error came through."""
    place, trace = "at an unknown place", error.__traceback__
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] in _OURS:
            place = f"at {module}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__} {place}"
