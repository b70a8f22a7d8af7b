"""Adapters to the secret stores, one package or module for each SDK."""
