"""An authority with a certificate for brokers and one for clients, made for one run: P-256, as a new deployment would."""

import functools
import pathlib
import subprocess
import tempfile
from dataclasses import dataclass

_kept = []  # folders that go when the program ends


@dataclass(frozen=True)
class Certificates:
    folder: pathlib.Path

    def __getattr__(self, name):
        """ca, server_cert, server_key, client_cert, client_key: the path of the PEM file."""
        return str(self.folder / f"{name.replace('_', '-')}.pem")


def _make(folder, name, subject, *more):
    files = ["-keyout", f"{folder}/{name}-key.pem", "-out", f"{folder}/{name}.pem"]
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    subprocess.run([*command, "-days", "2", "-subj", f"/CN={subject}", *files, *more], check=True, capture_output=True)


@functools.cache
def made():
    kept = tempfile.TemporaryDirectory(prefix="peers-certificates-", dir="/var/tmp")
    _kept.append(kept)
    folder = pathlib.Path(kept.name)
    folder.chmod(0o755)  # mosquitto gives up root
    _make(folder, "ca", "bench")
    issued = ["-CA", f"{folder}/ca.pem", "-CAkey", f"{folder}/ca-key.pem"]
    issued += ["-addext", "basicConstraints=critical,CA:FALSE"]
    for name in ("server", "client"):
        _make(folder, name, name, *issued, "-addext", "subjectAltName=IP:127.0.0.1")
        (folder / f"{name}.pem").rename(folder / f"{name}-cert.pem")
        (folder / f"{name}-key.pem").chmod(0o644)
    return Certificates(folder)
