"""Values from files: a YAML or JSON file, a dotenv file, or a folder of files. To try things out, and in pipelines.

What the path names tells the form: a folder by being one, a file by its name (`.yaml`, `.yml`, `.json`, `.env`).
"""

from syncd.fetch.seam import ProviderSpec
from syncd_providers.file.provider import FileOptions, FileProvider, check

SPEC: ProviderSpec[FileOptions] = ProviderSpec(
    name="file",
    options=FileOptions,
    create=FileProvider,
    check=check,
    requests_per_second=10_000.0,
)
"""A request is one file opened."""
