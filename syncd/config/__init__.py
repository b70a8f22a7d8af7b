"""Files to stores, mappings and settings: everything checked, every problem reported at once, with its place.

What belongs here: the shapes of the file, what they mean, and the JSON Schema. What does not: any I/O beyond
reading the files, and any knowledge of a particular store (its options come in as a `ProviderSpec`).
"""
