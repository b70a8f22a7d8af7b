"""syncd brings secrets from remote stores into Kubernetes Secrets."""

__version__ = "0.1.0"
