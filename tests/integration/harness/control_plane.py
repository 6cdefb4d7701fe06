"""A real etcd and kube-apiserver on loopback ports, with as many controllers as a test wants; no kubelet."""

import base64
import json
import os
import shutil
import ssl
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import yaml
from tests.integration.harness.binaries import ROOT, binary, gateway_api_crds, kuberay_crds
from tests.integration.harness.certificates import Authority, Pair
from tests.integration.harness.processes import Process, free_port, lasting_port

# Enough to delete a namespace, collect garbage and give every namespace its default ServiceAccount.
BASIC_CONTROLLERS = (
    "namespace-controller",
    "garbage-collector-controller",
    "serviceaccount-controller",
    "root-ca-certificate-publisher-controller",
)

FAST = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""KubeRay's CRDs are half a megabyte each."""
MEMORY = "/dev/shm"


class ControlPlane:
    """Starts on `start()` (or `with`); `stop()` ends the processes and deletes the files.

    Several run side by side. Kill `apiserver`, `etcd` or `controller_manager` to play an outage.
    """

    def __init__(self, *, controllers: Sequence[str] = (), audit_policy: dict[str, Any] | None = None) -> None:
        """`controllers` are kube-controller-manager's names (none: not started); `audit_policy` fills `audit_log`."""
        # In memory where there is such a place: etcd waits for the disk at each write, and others may be using it.
        memory = MEMORY if os.access(MEMORY, os.W_OK) else None
        self.directory = Path(tempfile.mkdtemp(prefix="recsys-control-plane-", dir=memory))
        self.controllers = tuple(controllers)
        self.audit_policy = audit_policy
        self.audit_log = self.directory / "audit.log"
        self.url = ""
        self.etcd: Process | None = None
        self.apiserver: Process | None = None
        self.controller_manager: Process | None = None
        self._apiserver_command: list[str | Path] = []
        self._authority = Authority(self.directory / "pki")
        self._service_accounts = self._authority.key_pair("service-accounts")
        self._server = self._authority.issue(
            "apiserver",
            user="kube-apiserver",
            hosts=("DNS:localhost", "DNS:kubernetes.default.svc", "IP:127.0.0.1", "IP:10.43.0.1"),
        )
        self._admin = self._authority.issue("admin", user="admin", groups=("system:masters",))

    @property
    def ca_file(self) -> Path:
        """The certificate that signed the server's."""
        return self._authority.root.certificate

    @property
    def kubeconfig(self) -> Path:
        """Credentials of an administrator (valid after `start`)."""
        return self.directory / "admin.kubeconfig"

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Self:
        """Start everything and wait until the API server is ready. A port that is snatched meanwhile is replaced."""
        for attempts_left in (2, 1, 0):
            try:
                self._start_servers()
                break
            except PortTakenError:
                self._kill()
                shutil.rmtree(self.directory / "etcd", ignore_errors=True)
                if not attempts_left:
                    raise
        if self.controllers:
            self._start_controllers()
        return self

    def _start_servers(self) -> None:
        etcd_url, peer_url = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
        self.etcd = Process(
            "etcd",
            [
                binary("etcd"), f"--data-dir={self.directory / 'etcd'}", "--name=default", "--log-level=warn",
                f"--listen-client-urls={etcd_url}", f"--advertise-client-urls={etcd_url}",
                f"--listen-peer-urls={peer_url}", f"--initial-advertise-peer-urls={peer_url}",
                f"--initial-cluster=default={peer_url}",
            ],
            self.directory / "etcd.log",
        )  # fmt: skip
        port = lasting_port()
        self.url = f"https://127.0.0.1:{port}"
        self._apiserver_command = [
            binary("kube-apiserver"), f"--etcd-servers={etcd_url}", f"--secure-port={port}",
            "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none",
            f"--tls-cert-file={self._server.certificate}", f"--tls-private-key-file={self._server.key}",
            f"--client-ca-file={self.ca_file}", "--authorization-mode=RBAC", "--allow-privileged",
            f"--service-account-key-file={self._service_accounts.certificate}",
            f"--service-account-signing-key-file={self._service_accounts.key}",
            "--service-account-issuer=https://kubernetes.default.svc", "--service-cluster-ip-range=10.43.0.0/16",
            "--shutdown-delay-duration=0s", "--profiling=false", *self._audit_flags(),
        ]  # fmt: skip
        self.start_apiserver()
        self.write_kubeconfig(self.kubeconfig, self._admin)
        self._wait_ready()

    def start_apiserver(self) -> None:
        """Start kube-apiserver, for the first time or after it was killed; does not wait."""
        self.apiserver = Process("kube-apiserver", self._apiserver_command, self.directory / "apiserver.log")

    def _audit_flags(self) -> list[str]:
        if self.audit_policy is None:
            return []
        policy = self.directory / "audit-policy.yaml"
        policy.write_text(yaml.safe_dump({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", **self.audit_policy}))
        return [
            f"--audit-policy-file={policy}",
            f"--audit-log-path={self.audit_log}",
            "--audit-log-mode=blocking-strict",
        ]

    def _start_controllers(self) -> None:
        config = self.directory / "controller-manager.kubeconfig"
        user = "system:kube-controller-manager"
        self.write_kubeconfig(config, self._authority.issue("controller-manager", user=user))
        self.controller_manager = Process(
            "kube-controller-manager",
            [
                binary("kube-controller-manager"), f"--kubeconfig={config}", f"--authentication-kubeconfig={config}",
                f"--authorization-kubeconfig={config}", f"--secure-port={free_port()}", "--bind-address=127.0.0.1",
                f"--service-account-private-key-file={self._service_accounts.key}", f"--root-ca-file={self.ca_file}",
                "--use-service-account-credentials", "--leader-elect=false", "--namespace-sync-period=5s",
                f"--controllers={','.join(self.controllers)}",
            ],
            self.directory / "controller-manager.log",
        )  # fmt: skip

    def _wait_ready(self, seconds: float = 90) -> None:
        end = time.monotonic() + seconds
        with self.client() as client:
            while True:
                for process in (self.etcd, self.apiserver):
                    if process is not None and not process.running:
                        taken = "address already in use" in process.tail(200)
                        kind = PortTakenError if taken else RuntimeError
                        raise kind(f"{process.name} ended while starting; its log ends with:\n{process.tail()}")
                try:
                    if client.get("/readyz").status_code == 200:
                        return
                except httpx.TransportError:
                    pass
                if time.monotonic() > end:
                    tail = self.apiserver.tail() if self.apiserver else ""
                    raise RuntimeError(
                        f"kube-apiserver was not ready within {seconds:.0f} s; its log ends with:\n{tail}"
                    )
                time.sleep(0.05)

    def write_kubeconfig(
        self, path: Path, pair: Pair | None = None, *, token: str | None = None, url: str = ""
    ) -> Path:
        """A kubeconfig for a certificate or a token; `url` replaces the server's own, for a proxy in between."""
        user: dict[str, str] = {}
        if pair is not None:
            user["client-certificate-data"] = _base64(pair.certificate)
            user["client-key-data"] = _base64(pair.key)
        if token is not None:
            user["token"] = token
        cluster = {"server": url or self.url, "certificate-authority-data": _base64(self.ca_file)}
        path.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "clusters": [{"name": "test", "cluster": cluster}],
                    "users": [{"name": "test", "user": user}],
                    "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
                    "current-context": "test",
                }
            )
        )
        return path

    def kubeconfig_for(self, user: str, groups: tuple[str, ...] = (), *, url: str = "") -> Path:
        """A kubeconfig of any user, to see what RBAC lets it do."""
        name = user.replace(":", "-").replace("/", "-")
        pair = self._authority.issue(name, user=user, groups=groups)
        return self.write_kubeconfig(self.directory / f"{name}.kubeconfig", pair, url=url)

    def issue(self, name: str, *, hosts: tuple[str, ...]) -> Pair:
        """A server certificate that clients of this control plane trust, for a proxy in between."""
        return self._authority.issue(name, user=name, hosts=hosts)

    def ssl_context(self) -> ssl.SSLContext:
        """TLS as the administrator."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        context.load_cert_chain(self._admin.certificate, self._admin.key)
        return context

    def client(self) -> httpx.Client:
        """A synchronous HTTP client of the API server, as the administrator."""
        return httpx.Client(base_url=self.url, verify=self.ssl_context(), timeout=30, trust_env=False)

    def install_crds(self, files: Iterable[Path] | None = None) -> None:
        """Apply CRDs (the project's own when `files` is absent) and wait until they are served."""
        paths = sorted((ROOT / "crds").glob("*.yaml")) if files is None else list(files)
        if not paths:
            raise RuntimeError("There are no CRDs to install: generate them with `python hack/gen/crds.py`.")
        with self.client() as client:
            for path in paths:
                for manifest in yaml.load_all(path.read_text(), FAST):
                    if manifest and manifest["kind"] == "CustomResourceDefinition":
                        self._install_crd(client, manifest)

    def install_gateway_api(self, plurals: tuple[str, ...] = ("gatewayclasses", "gateways", "httproutes")) -> None:
        """Apply these CRDs of the Gateway API and wait until they are served."""
        self.install_crds(gateway_api_crds() / f"gateway.networking.k8s.io_{plural}.yaml" for plural in plurals)

    def install_kuberay(self) -> None:
        """Apply KubeRay's CRDs of RayJobs and RayClusters and wait until they are served."""
        self.install_crds(kuberay_crds() / f"ray.io_{plural}.yaml" for plural in ("rayclusters", "rayjobs"))

    def remove_kuberay(self) -> None:
        """Delete KubeRay's CRD of RayJobs, and all RayJobs with it."""
        with self.client() as client:
            answer = client.delete("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/rayjobs.ray.io")
        if answer.is_error:
            raise RuntimeError(f"The CRD of RayJobs could not be deleted: {answer.text}")

    def _install_crd(self, client: httpx.Client, manifest: dict[str, Any], seconds: float = 30) -> None:
        name = manifest["metadata"]["name"]
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}"
        answer = client.patch(
            path,
            params={"fieldManager": "tests", "force": "true"},
            headers={"Content-Type": "application/apply-patch+yaml"},
            content=json.dumps(manifest),
        )
        if answer.is_error:
            raise RuntimeError(f"The API server refuses the CRD {name}: {answer.json()['message']}")
        spec = manifest["spec"]
        group, plural = f"/apis/{spec['group']}/{spec['versions'][0]['name']}", spec["names"]["plural"]
        end = time.monotonic() + seconds
        # Discovery, by which the operator asks what there is, comes a moment after the objects.
        while (
            client.get(f"{group}/{plural}", params={"limit": "1"}).status_code != 200
            or f'"name":"{plural}"' not in client.get(group).text
        ):
            if time.monotonic() > end:
                conditions = client.get(path).json().get("status", {}).get("conditions")
                raise RuntimeError(f"The CRD {name} was not served within {seconds:.0f} s: {conditions}")
            time.sleep(0.05)

    def create_namespace(self, name: str, labels: dict[str, str] | None = None) -> str:
        """Make a namespace, or keep the one that is there."""
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels or {}}}
        with self.client() as client:
            answer = client.post("/api/v1/namespaces", json=manifest)
        if answer.is_error and answer.status_code != 409:
            raise RuntimeError(f"The namespace {name} could not be made: {answer.text}")
        return name

    def stop(self) -> None:
        """End the processes and delete the directory."""
        self._kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _kill(self) -> None:
        for process in (self.controller_manager, self.apiserver, self.etcd):
            if process is not None:
                process.kill()


class PortTakenError(RuntimeError):
    """Somebody else took the port between its choice and its use."""


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
