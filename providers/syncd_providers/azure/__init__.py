"""Azure Key Vault: secrets by name and version, one at a time, since the service has no batch.

`options` says how a store is configured, `reference` what a key names, `answers`, `listing` and `refusals` what each
answer means (pure), `client` puts them together. `session` and what it imports (`credential`, `methods`, `cli`,
`transport`) import the Azure SDK, so they are imported themselves only when a store of this type is first read.
"""

from syncd.fetch.seam import ProviderSpec
from syncd_providers.azure.client import AzureProvider
from syncd_providers.azure.options import AzureOptions, check

SPEC: ProviderSpec[AzureOptions] = ProviderSpec(
    name="azure",
    options=AzureOptions,
    create=AzureProvider,
    check=check,
    requests_per_second=80.0,
)
"""The vault allows 400 transactions a second (4,000 in 10 s); a fifth of it leaves the rest to the applications.
Source: learn.microsoft.com/azure/key-vault/general/service-limits."""
