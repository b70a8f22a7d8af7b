"""What a mapping asks for and what the stores answered, made into the content of one Secret: whole, or not at all.

What belongs here: selecting a part of a value, decoding it, collecting the keys, and all that the API server
would refuse about the result. What does not: reading a store, ownership and marks, differences, and anything that
needs a clock, a network or an environment. Bytes go in, a `Content` or a `Refusal` comes out.
"""

from syncd.build.content import build

__all__ = ["build"]
