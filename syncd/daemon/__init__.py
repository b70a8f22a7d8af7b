"""Time and life: when what is due, signals, health, metrics and logs around the pass.

What belongs here: the loop of `syncd run` and all that tells people how it fares. What does not: reading,
planning or writing a Secret, which is the pass's (`syncd/reconcile.py`) and the same for every verb.
"""
