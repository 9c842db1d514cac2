"""Certificates for tests: an authority of one's own, and what it signs for localhost."""

import subprocess


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


class Authority:
    def __init__(self, folder, name="Test Authority"):
        self.folder = folder
        self.cert, self.key = folder / "ca.pem", folder / "ca.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                "-keyout", str(self.key), "-out", str(self.cert))

    def sign(self, name, names="DNS:localhost,IP:127.0.0.1"):
        """(certificate chain, key) for these names, `name.pem` and `name.key`; each has a serial number of its own."""
        cert, key, request = (self.folder / f"{name}.{end}" for end in ("pem", "key", "csr"))
        extensions = self.folder / "extensions"
        extensions.write_text(f"subjectAltName={names}\nbasicConstraints=critical,CA:FALSE\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}",
                "-keyout", str(key), "-out", str(request))
        openssl("x509", "-req", "-in", str(request), "-CA", str(self.cert), "-CAkey", str(self.key), "-CAcreateserial", "-days", "2",
                "-extfile", str(extensions), "-out", str(cert))
        return cert, key

    def trust_store(self):
        """For Java: a PKCS12 store with the authority alone."""
        store = self.folder / "trust.p12"
        if store.exists():
            return store
        subprocess.run(["keytool", "-importcert", "-noprompt", "-alias", "ca", "-file", str(self.cert), "-keystore", str(store),
                        "-storetype", "PKCS12", "-storepass", "changeit"], check=True, capture_output=True)
        return store
