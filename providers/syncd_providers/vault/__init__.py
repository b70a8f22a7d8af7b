"""HashiCorp Vault and OpenBao: KV 1 and 2, by token or AppRole.

`options` is the configuration, `paths` the names of objects, `answers` what an answer means, `login` and `session` the
token, `client` the requests (the one place that knows hvac), `provider` what the gateway calls.
"""

from syncd.fetch.seam import ProviderSpec
from syncd_providers.vault.options import VaultOptions, check
from syncd_providers.vault.provider import VaultProvider

SPEC: ProviderSpec[VaultOptions] = ProviderSpec(
    name="vault", options=VaultOptions, create=VaultProvider, check=check, requests_per_second=500.0, concurrency=16
)
