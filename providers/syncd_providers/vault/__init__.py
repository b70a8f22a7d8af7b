"""HashiCorp Vault and OpenBao: KV 1 and 2, by every login that machines use.

`options` and `auth` are the configuration, `paths` the names of objects, `answers` what an answer means, `client` the
requests (the one place that knows hvac), `provider` what the gateway calls. A token comes from `methods`, one request
for each login method, with `approle` for secret ids that come wrapped, `aws_identity` and `azure_identity` for what
the SDKs of the clouds show; `login` judges the answer, and `session` looks after the token.
"""

from syncd.fetch.seam import ProviderSpec
from syncd_providers.vault.options import VaultOptions, check
from syncd_providers.vault.provider import VaultProvider

SPEC: ProviderSpec[VaultOptions] = ProviderSpec(
    name="vault", options=VaultOptions, create=VaultProvider, check=check, requests_per_second=500.0, concurrency=16
)
