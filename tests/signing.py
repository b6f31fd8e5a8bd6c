"""A certificate of our own making, for tests that sign."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


def make_signer(folder: Path) -> tuple[Path, Path]:
    """A certificate chain and its key in PEM; skips the test where they cannot be made or used."""
    pytest.importorskip("c2pa")
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    (folder / "leaf.ext").write_text(
        "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
        "extendedKeyUsage=emailProtection\nauthorityKeyIdentifier=keyid\n"
        "subjectKeyIdentifier=hash\n"
    )
    for command in (
        "ecparam -name prime256v1 -genkey -noout -out ca.key",
        "req -x509 -new -key ca.key -sha256 -days 30 -subj /O=Test/CN=Root -out ca.pem",
        "ecparam -name prime256v1 -genkey -noout -out leaf.raw",
        "pkcs8 -topk8 -nocrypt -in leaf.raw -out leaf.key",
        "req -new -key leaf.raw -subj /O=Test/CN=Leaf -out leaf.csr",
        "x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -sha256"
        " -extfile leaf.ext -out leaf.pem",
    ):
        subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)
    chain = folder / "chain.pem"
    chain.write_text((folder / "leaf.pem").read_text() + (folder / "ca.pem").read_text())
    return chain, folder / "leaf.key"
