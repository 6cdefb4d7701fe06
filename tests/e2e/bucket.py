"""SeaweedFS in a namespace: a store that speaks S3, which can be taken away and given back with what it holds."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from pyarrow import fs
from tests.e2e.cluster import ROOT, Namespace, until

MANIFESTS = Path(__file__).with_name("bucket.yaml")
BUCKET, PORT = "shop", 8333
SECRET = "shop-s3"
"""Has keys that may list and read the bucket."""
OWNER = ("OWNERKEY0000000000", "owner-secret-0123456789abcdef")


def image() -> str:
    """Made of the program that hack/cluster/bins.sh compiles, and loaded into the node."""
    hack = ROOT / "hack/cluster"
    subprocess.run([hack / "bins.sh", "seaweedfs"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    made = subprocess.run([hack / "infra-images.sh", "weed"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    reference = made.stdout.strip()
    subprocess.run([hack / "load.sh", reference], cwd=ROOT, check=True)
    return reference


class Store:
    """A store that runs."""

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace
        self.endpoint = f"http://store.{namespace.name}.svc:{PORT}"
        namespace.apply(*yaml.safe_load_all(MANIFESTS.read_text().replace("@IMAGE@", image())))
        self._ready()

    def put(self, folder: Path, path: str) -> str:
        """Copy a folder of this machine into the bucket, which is made; its address."""
        address = self.namespace.get("service", "store")["spec"]["clusterIP"]
        files = fs.S3FileSystem(
            access_key=OWNER[0],
            secret_key=OWNER[1],
            endpoint_override=f"{address}:{PORT}",
            scheme="http",
            region="us-east-1",
            allow_bucket_creation=True,
        )

        def made() -> bool | None:
            """The parts of the store find each other within a few seconds."""
            try:
                files.create_dir(BUCKET)
                fs.copy_files(str(folder), f"{BUCKET}/{path}", fs.LocalFileSystem(), files)
            except OSError:
                return None
            return True

        until("the bucket", made, 60)
        return f"s3://{BUCKET}/{path}"

    @contextmanager
    def away(self) -> Iterator[None]:
        """Nobody listens at its address, as while its node is exchanged."""
        self.namespace.kubectl("scale", "deployment/store", "--replicas=0")
        try:
            until("the end of its pod", lambda: None if self.namespace.items("pods", "app=store") else True, 120)
            yield
        finally:
            self.namespace.kubectl("scale", "deployment/store", "--replicas=1")
            self._ready()

    def _ready(self) -> None:
        self.namespace.kubectl("rollout", "status", "deployment/store", "--timeout=120s")
