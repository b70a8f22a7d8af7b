"""The nouns that flow through a pass, a file for each family; frozen, and without behaviour beyond keys.

Nothing in here reads, writes, logs or decides. Values are `SecretValue`, failures are data.
"""
