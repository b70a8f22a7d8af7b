"""AWS Secrets Manager, through botocore. Nothing of the SDK is imported before the first fetch."""

from typing import Final

from syncd.fetch.seam import ProviderSpec
from syncd_providers.aws.options import AwsOptions, check
from syncd_providers.aws.provider import AwsProvider

SPEC: Final = ProviderSpec(
    name="aws",
    options=AwsOptions,
    create=AwsProvider,
    check=check,
    # Of the 10,000 reads a second that a region takes; batches have a pace of their own beside it.
    requests_per_second=500.0,
    concurrency=16,
)
"""The entry point `aws` of the group `syncd.providers`."""
