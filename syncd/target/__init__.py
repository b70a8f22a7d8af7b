"""Where Secrets go: the target seam, Kubernetes and directories behind it, and the home objects.

What belongs here: reading and writing one Secret with its preconditions, and the instance's key, inventory and
Lease. What does not: deciding whether to write (that is the plan's), and reading a store.
"""
