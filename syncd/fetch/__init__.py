"""Values by reference: the provider seam, its registry, and the gateway that reads each source once.

What belongs here: everything between a reference and its outcome that is the same for all stores
(de-duplication, batches, budget, breaker, retries, deadlines, credentials' files, the lean transport).
What does not: any SDK (that is an adapter's), and any decision about a Secret.
"""
