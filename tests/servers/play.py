"""Start every test server with a few demo secrets and say how to point syncd at them: `python -m tests.servers.play`.

What it prints are commands to paste. Ctrl-C or SIGTERM stops the servers and removes the folder.
"""

import shlex
import shutil
import signal
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from tests.servers.keyvault import KeyVault
from tests.servers.kube import Kube
from tests.servers.kube_build import kube_available
from tests.servers.moto import AwsCredentials, Moto
from tests.servers.openbao import OpenBao

_MOUNT: Final = "secret"
_CONFIGURATION: Final = """\
# Demo: three stores into one place. Change what you like and run `syncd diff` again.
version: 1
instance: demo
{target}
stores:
  vault:
    type: vault
    address: {openbao.address}
    auth: {{appRole: {{roleId: {{file: role-id}}, secretId: {{file: secret-id}}}}}}
  aws:
    type: aws
    region: {moto.region}
    endpoint: {moto.endpoint}
    auth: {{static: {{accessKeyId: {aws.access_key_id}, secretAccessKey: {{file: aws-secret-access-key}}}}}}
  azure:
    type: azure
    vaultUrl: {keyvault.vault_url}
    authority: {keyvault.authority}
    tls: {{caFile: {keyvault.ca_file}}}
    auth:
      clientSecret:
        tenantId: {keyvault.tenant_id}
        clientId: {keyvault.client_id}
        secret: {{file: azure-client-secret}}
defaults: {{namespace: payments, interval: 10s, labels: {{env: demo}}}}
secrets:
  - name: db-credentials
    data:
      username: {{store: vault, key: payments/db, property: username}}
      password: {{store: vault, key: payments/db, property: password}}
      ca.crt: {{store: azure, key: payments-ca}}
      host: {{literal: db.internal}}
  - name: payment-provider
    data:
      api-key: {{store: aws, key: payments/provider-api-key}}
  - name: app-env
    namespace: shop
    dataFrom:
      - {{store: aws, key: shop/app}}
"""
_CLUSTER: Final = """\
target:
  kubernetes: {kubeconfig: kubeconfig, context: demo}
home: {namespace: syncd}"""
_FOLDER: Final = """\
target:
  directory: {path: secrets}"""


@dataclass(frozen=True)
class Demo:
    """The servers, and the folder with what points syncd at them."""

    folder: Path
    openbao: OpenBao
    moto: Moto
    keyvault: KeyVault
    kube: Kube | None
    """None where there is no Go to build it with."""

    def fill(self) -> None:
        """Put the demo secrets into the stores, and the configuration and credentials into the folder."""
        self.openbao.put(_MOUNT, "payments/db", {"username": "payments", "password": "demo-password-1"})
        self.moto.put("payments/provider-api-key", "demo-api-key-1")
        self.moto.put("shop/app", '{"SESSION_KEY": "demo-session-key-1", "LOG_LEVEL": "info"}')
        self.keyvault.put("payments-ca", "-----BEGIN CERTIFICATE-----\ndemo\n-----END CERTIFICATE-----\n")
        role_id, secret_id = self.openbao.approle([self.openbao.reader(_MOUNT)])
        aws = self.moto.credentials()
        for name, content in {
            "role-id": role_id,
            "secret-id": secret_id,
            "aws-secret-access-key": aws.secret_access_key,
            "azure-client-secret": self.keyvault.client_secret,
            "openbao-root-token": self.openbao.root_token,
        }.items():
            file = self.folder / name
            file.touch(mode=0o600)
            file.write_text(content + "\n")
        if self.kube is not None:
            for namespace in ("syncd", "payments", "shop"):
                self.kube.namespace(namespace)
            self.kube.kubeconfig(self.folder / "kubeconfig", context="demo")
        (self.folder / "syncd.yaml").write_text(self._configuration(aws))

    def _configuration(self, aws: AwsCredentials) -> str:
        return _CONFIGURATION.format(
            target=_FOLDER if self.kube is None else _CLUSTER,
            openbao=self.openbao,
            moto=self.moto,
            aws=aws,
            keyvault=self.keyvault,
        )

    def tell(self) -> str:
        """Say where everything is, and what to do with it."""
        programs = Path(sys.executable).parent
        syncd = shlex.quote(str(programs / "syncd"))
        cluster = self.kube.url if self.kube else "not here: no Go to build it with, so the target is a folder"
        lines = [
            f"OpenBao         {self.openbao.address}",
            f"AWS (moto)      {self.moto.endpoint}",
            f"Key Vault       {self.keyvault.vault_url}",
            f"kube-apiserver  {cluster}",
            "",
            "In another terminal:",
            f"  cd {shlex.quote(str(self.folder))}",
            f"  {syncd} check         # syncd.yaml says what goes where",
            f"  {syncd} diff          # what would change; exit code 1 as long as something would",
            f"  {syncd} apply --yes   # write it, once",
            f"  {syncd} run           # keep it so: looks every 10 s, until Ctrl-C",
            *self._looking(),
            "",
            "Rotate a value and look again:",
            *self._rotating(programs),
            "",
            "Ctrl-C here stops the servers and removes the folder.",
        ]
        return "\n".join(lines) + "\n"

    def _looking(self) -> list[str]:
        if self.kube is None:
            return ["  cat secrets/payments/db-credentials.yaml"]
        if shutil.which("kubectl") is None:
            return []
        return ["  kubectl --kubeconfig kubeconfig -n payments get secret db-credentials -o yaml"]

    def _rotating(self, programs: Path) -> list[str]:
        address, bao = self.openbao.address, shlex.quote(str(programs / "bao"))
        return [
            f"  export BAO_ADDR={address} BAO_TOKEN=$(cat openbao-root-token)",
            f"  {bao} kv put {_MOUNT}/payments/db username=payments password=demo-password-2",
        ]


def _started(stack: ExitStack, folder: Path) -> Demo:
    """Start the servers; the stack stops each that was started, whatever comes."""
    data = folder / "servers"
    openbao = OpenBao.start(data / "openbao")
    stack.callback(openbao.stop)
    moto = Moto.start(data / "moto")
    stack.callback(moto.stop)
    keyvault = KeyVault.start(data / "keyvault")
    stack.callback(keyvault.stop)
    kube = None
    if kube_available() is None:
        kube = Kube.start(data / "kube")
        stack.callback(kube.stop)
    return Demo(folder, openbao, moto, keyvault, kube)


def main() -> int:
    """Serve until told to end."""
    # Of all queues and events, this one may be used in a handler that interrupts its own use.
    ended: SimpleQueue[int] = SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _frame: ended.put(number))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="syncd-demo-")))
        print("starting the servers", file=sys.stderr, flush=True)
        try:
            demo = _started(stack, folder)
            demo.fill()
        except Exception:
            if not ended.empty():  # Ctrl-C in a terminal reaches the servers too, which then do not start
                return 0
            raise
        print(demo.tell(), end="", flush=True)
        ended.get()
        print("stopping the servers", file=sys.stderr, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
