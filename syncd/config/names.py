"""What the API server accepts as a name, label, annotation or data key, checked before anything is asked of it.

The rules are Kubernetes' own (apimachinery `util/validation`, core `validation.ValidateSecret`), ASCII only, so that a
look-alike or decomposed letter is refused too. Each check gives what is wrong, or an empty text.
"""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache
from typing import Final

_REPEATED: Final = 4_096
"""How many answers are kept: ten thousand mappings use a few dozen different keys."""
_LABEL: Final = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN: Final = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")
_QUALIFIED: Final = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_DATA_KEY: Final = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_WORD: Final = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_ID: Final = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_./]{0,315}[A-Za-z0-9])?")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

SUBDOMAIN_LENGTH: Final = 253
NAME_HINT: Final = "lower-case letters, digits, - and ., at most 253"
LABEL_HINT: Final = "lower-case letters, digits and -, at most 63"

MARK_PREFIX: Final = "syncd.dev/"
MANAGED_BY: Final = "app.kubernetes.io/managed-by"
_STEERING: Final = frozenset(
    {
        "argocd.argoproj.io/secret-type",
        "argocd.argoproj.io/instance",
        "argocd.argoproj.io/tracking-id",
    }
)
"""Make Argo CD read the Secret as its own credential, or prune it as its own object."""
_STEERING_DOMAINS: Final = ("kubernetes.io", "k8s.io", "meta.helm.sh")
"""Reserved for Kubernetes itself, or what makes Helm take an object for a release's; subdomains too."""
_FREE_DOMAIN: Final = "app.kubernetes.io"
"""The recommended labels of applications are for everybody."""
_ACCOUNT_ANNOTATION: Final = "kubernetes.io/service-account.name"
SERVICE_ACCOUNT: Final = "kubernetes.io/service-account-token"

SHORT_TYPES: Final = {
    "opaque": "Opaque",
    "tls": "kubernetes.io/tls",
    "docker-registry": "kubernetes.io/dockerconfigjson",
    "basic-auth": "kubernetes.io/basic-auth",
    "ssh-auth": "kubernetes.io/ssh-auth",
    "service-account-token": SERVICE_ACCOUNT,
}
_MINTING_TYPES: Final = frozenset({SERVICE_ACCOUNT, "bootstrap.kubernetes.io/token"})
_MINTING_DOMAIN: Final = "helm.sh/"


def is_dns_label(name: str) -> bool:
    """Tell whether `name` may be a namespace, or an instance (RFC 1123 label)."""
    return _LABEL.fullmatch(name) is not None


def is_dns_subdomain(name: str) -> bool:
    """Tell whether `name` may be the name of a Secret (RFC 1123 subdomain)."""
    return len(name) <= SUBDOMAIN_LENGTH and _SUBDOMAIN.fullmatch(name) is not None


@lru_cache(_REPEATED)
def is_data_key(key: str) -> bool:
    """Tell whether `key` may be a key of a Secret: no path when it is mounted as a file."""
    return _DATA_KEY.fullmatch(key) is not None and key != "." and not key.startswith("..")


def is_word(name: str) -> bool:
    """Tell whether `name` may name a store or a target of the configuration."""
    return _WORD.fullmatch(name) is not None


def is_id(name: str) -> bool:
    """Tell whether `name` may be the id of a mapping."""
    return _ID.fullmatch(name) is not None


def has_control(value: str) -> bool:
    """Tell whether `value` holds a character that could forge a line of output."""
    return _CONTROL.search(value) is not None


@lru_cache(_REPEATED)
def label_key(key: str, *, secret_type: str = "") -> str:
    """Say what is wrong with the key of a label or annotation on a Secret of `secret_type`."""
    prefix, slash, name = key.rpartition("/")
    if (slash and not is_dns_subdomain(prefix)) or not _QUALIFIED.fullmatch(name):
        return "not a valid key: NAME or DOMAIN/NAME, the name of at most 63 letters, digits, -, _ and ."
    if key == _ACCOUNT_ANNOTATION and secret_type == SERVICE_ACCOUNT:
        return ""
    if key.startswith(MARK_PREFIX) or prefix.endswith("." + MARK_PREFIX.rstrip("/")) or key == MANAGED_BY:
        return "syncd sets this one itself"
    if key in _STEERING or (prefix != _FREE_DOMAIN and _under(prefix, _STEERING_DOMAINS)):
        return "this one steers Kubernetes or another controller, so a mapping may not set it"
    return ""


def label_value(value: str) -> str:
    """Say what is wrong with the value of a label."""
    if value and not _QUALIFIED.fullmatch(value):
        return "not a label value: at most 63 letters, digits, -, _ and ., a letter or digit at both ends"
    return ""


@lru_cache(_REPEATED)
def full_type(name: str) -> str | None:
    """Give the Kubernetes name of a Secret type, or None where `name` is none."""
    if name in SHORT_TYPES:
        return SHORT_TYPES[name]
    if name == "Opaque":
        return name
    prefix, slash, word = name.partition("/")
    return name if slash and is_dns_subdomain(prefix) and _QUALIFIED.fullmatch(word) else None


def mints_credentials(secret_type: str) -> bool:
    """Tell whether writing a Secret of this type makes or changes credentials of the cluster."""
    return secret_type in _MINTING_TYPES or secret_type.startswith(_MINTING_DOMAIN)


def nearest(name: str, known: Iterable[str]) -> str:
    """Give the known name that was probably meant, or an empty text."""
    candidates = {candidate.lower(): candidate for candidate in sorted(known, reverse=True)}
    close = get_close_matches(name[:64].lower(), candidates, n=1, cutoff=0.6)
    return candidates[close[0]] if close else ""


def _under(domain: str, parents: Iterable[str]) -> bool:
    return any(domain == parent or domain.endswith("." + parent) for parent in parents)
