"""A throw-away certificate authority, kept in one directory."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


def _openssl(*arguments: str | Path, stdin: str | None = None) -> str:
    done = subprocess.run(["openssl", *map(str, arguments)], input=stdin, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key, as PEM files."""

    certificate: Path
    key: Path


class Authority:
    """Signs certificates that live for a day."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.root = Pair(directory / "ca.crt", directory / "ca.key")
        self._key(self.root.key)
        _openssl(
            "req", "-x509", "-new", "-key", self.root.key, "-out", self.root.certificate, "-days", "1",
            "-subj", "/CN=test-ca", "-addext", "basicConstraints=critical,CA:true",
            "-addext", "keyUsage=critical,keyCertSign,digitalSignature",
        )  # fmt: skip

    def _key(self, path: Path) -> None:
        _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path)

    def key_pair(self, name: str) -> Pair:
        """A bare key pair (`certificate` is the public key), as ServiceAccount tokens are signed with."""
        pair = Pair(self.directory / f"{name}.pub", self.directory / f"{name}.key")
        self._key(pair.key)
        _openssl("pkey", "-in", pair.key, "-pubout", "-out", pair.certificate)
        return pair

    def issue(self, name: str, *, user: str, groups: tuple[str, ...] = (), hosts: tuple[str, ...] = ()) -> Pair:
        """A certificate of a user (CN) in groups (O), for a server when `hosts` names it (`DNS:...`, `IP:...`)."""
        pair = Pair(self.directory / f"{name}.crt", self.directory / f"{name}.key")
        request, extensions = self.directory / f"{name}.csr", self.directory / f"{name}.ext"
        self._key(pair.key)
        subject = "".join(f"/O={group}" for group in groups) + f"/CN={user}"
        _openssl("req", "-new", "-key", pair.key, "-out", request, "-subj", subject)
        lines = ["keyUsage=critical,digitalSignature", "extendedKeyUsage=clientAuth,serverAuth"]
        if hosts:
            lines.append("subjectAltName=" + ",".join(hosts))
        extensions.write_text("\n".join(lines) + "\n")
        _openssl(
            "x509", "-req", "-in", request, "-CA", self.root.certificate, "-CAkey", self.root.key, "-CAcreateserial",
            "-days", "1", "-out", pair.certificate, "-extfile", extensions,
        )  # fmt: skip
        return pair
