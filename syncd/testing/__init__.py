"""For authors of adapters and for our own tests: an in-memory provider, a provider's duties as a suite, a test's time.

What belongs here: real implementations of the seams that need no service, and what checks any implementation.
Not for use in production. Only `provider_contract` needs pytest.
"""
