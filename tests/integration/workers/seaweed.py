"""SeaweedFS, an object store that speaks S3 and checks signatures, as a process on loopback."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pyarrow import fs
from tests.integration.harness.binaries import made
from tests.integration.harness.certificates import Authority
from tests.integration.harness.processes import Process, lasting_port
from tests.integration.workers.buckets import BUCKET, OTHER_BUCKET, Buckets

START_SECONDS = 60
GRPC = 10000
"""SeaweedFS listens for gRPC at each port plus this."""


@dataclass(frozen=True, slots=True)
class Keys:
    """An access key of the store."""

    key: str
    secret: str

    @property
    def environment(self) -> dict[str, str]:
        """The variables that the kubelet sets from a Secret with this access key."""
        return {"AWS_ACCESS_KEY_ID": self.key, "AWS_SECRET_ACCESS_KEY": self.secret}


ADMIN = Keys("ADMINKEY0000000000", "admin-secret-0123456789abcdef")
READER = Keys("READERKEY000000000", "reader-secret-0123456789abcdef")
"""May list BUCKET and read its objects."""
GETTER = Keys("GETTERKEY000000000", "getter-secret-0123456789abcdef")
"""May read objects of BUCKET, and not list it."""
STRANGER = Keys("STRANGERKEY0000000", "stranger-secret-0123456789abcdef")
"""May read another bucket."""
RIGHTS: Mapping[Keys, list[str]] = {
    ADMIN: ["Admin"],
    READER: [f"Read:{BUCKET}", f"List:{BUCKET}"],
    GETTER: [f"Read:{BUCKET}"],
    STRANGER: [f"Read:{OTHER_BUCKET}", f"List:{OTHER_BUCKET}"],
}


@dataclass(frozen=True, slots=True)
class Seaweed(Buckets):
    """A store that runs, with two buckets. `http` and `https` are its endpoints."""

    http: str
    https: str
    authority: Path
    """Certificate of the authority that signed the one of `https`."""
    files: fs.S3FileSystem
    """With all rights."""


@contextmanager
def serving(folder: Path) -> Iterator[Seaweed]:
    """Run it with its data in `folder`, until everything is ready to be read and written."""
    pair = Authority(folder / "tls").issue("store", user="store", hosts=("IP:127.0.0.1",))
    identities = [
        {"name": keys.key, "credentials": [{"accessKey": keys.key, "secretKey": keys.secret}], "actions": actions}
        for keys, actions in RIGHTS.items()
    ]
    (folder / "identities.json").write_text(json.dumps({"identities": identities}))
    (folder / "data").mkdir()
    master, volume, filer, http, https = (_port() for _ in range(5))
    process = Process(
        "weed",
        [
            made("seaweedfs", "weed"),
            "-logtostderr",
            "server",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            f"-dir={folder / 'data'}",
            f"-master.port={master}",
            "-master.telemetry=false",
            "-master.volumeSizeLimitMB=64",
            f"-volume.port={volume}",
            "-volume.max=100",
            "-filer",
            f"-filer.port={filer}",
            "-s3",
            f"-s3.port={http}",
            f"-s3.port.https={https}",
            f"-s3.cert.file={pair.certificate}",
            f"-s3.key.file={pair.key}",
            f"-s3.config={folder / 'identities.json'}",
            "-s3.autoCreateBucket=false",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
        ],
        folder / "weed.log",
    )
    try:
        files = fs.S3FileSystem(
            access_key=ADMIN.key,
            secret_key=ADMIN.secret,
            endpoint_override=f"127.0.0.1:{http}",
            scheme="http",
            region="us-east-1",
            allow_bucket_creation=True,
            request_timeout=60,
            retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=1),
        )
        store = Seaweed(f"http://127.0.0.1:{http}", f"https://127.0.0.1:{https}", folder / "tls/ca.crt", files)
        _wait_until_ready(store, process)
        yield store
    finally:
        process.kill()
        for port in (master, volume, filer, http):
            for name in (f"seaweedfs-*-{port}.sock", f"seaweedfs-*-grpc-{port + GRPC}.sock"):
                for socket in Path("/tmp").glob(name):
                    socket.unlink()


def _wait_until_ready(store: Seaweed, process: Process) -> None:
    end = time.monotonic() + START_SECONDS
    while True:
        with suppress(OSError):
            for bucket in (BUCKET, OTHER_BUCKET):
                store.files.create_dir(bucket)
                store.put(f"{bucket}/ready.txt", b"ready")
            return
        if not process.running or time.monotonic() > end:
            raise AssertionError(f"SeaweedFS did not start:\n{process.tail(40)}")
        time.sleep(0.1)


def _port() -> int:
    """One that leaves the port for gRPC below those that the kernel gives to clients."""
    while (port := lasting_port()) + GRPC > 32000:
        pass
    return port
