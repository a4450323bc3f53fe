"""Certificates for hosts of tests, signed by themselves."""

import subprocess
from pathlib import Path


def make_certificate(folder: Path, name: str) -> None:
    """NAME.pem and NAME.key for localhost, and NAME.der as the firmware takes it."""
    key, pem, der = (folder / f"{name}.{suffix}" for suffix in ("key", "pem", "der"))
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"]
    subprocess.run([*make, *subject, "-keyout", key, "-out", pem], check=True, capture_output=True)
    subprocess.run(["openssl", "x509", "-in", pem, "-outform", "DER", "-out", der], check=True)
