"""The rule for names of namespaces and Secrets, checked at the last step before a path or a URL is made of them.

A namespace or name of `..` turns a request for one object into one for the object above it.
"""

import re
from typing import Final

from syncd.model.mapping import SecretKey

LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
"""DNS-1123 label, for `fullmatch`: what a namespace is called."""
SUBDOMAIN: Final = re.compile(r"(?!.{254})[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
"""DNS-1123 subdomain, for `fullmatch`: what a Secret is called."""


def well_named(key: SecretKey) -> bool:
    """Tell whether namespace and name are such as Kubernetes knows them."""
    return bool(LABEL.fullmatch(key.namespace) and SUBDOMAIN.fullmatch(key.name))
