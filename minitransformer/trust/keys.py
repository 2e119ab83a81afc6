"""Keys for signatures by Ed25519: a private one that signs, a public one that verifies.

Both are PEM files, which other programs read too (openssl pkey -in FILE -text). Whoever can read
the private one can sign in your name: it is made for its owner's eyes alone.
"""

import hashlib
import os
from pathlib import Path


class SignatureError(ValueError):
    """A file that is not signed, not as it was signed, or signed by another; or a useless key."""


def make_keys(path):
    """Make a pair of keys: the private one at path, the public one at path + ".pub" (returned).

    Raises FileExistsError when one of the two is there: a lost key cannot be made again.
    """
    serialization, ed25519 = _cryptography()
    path = Path(path)
    public_path = Path(f"{path}.pub")
    for there in (path, public_path):
        if there.exists():
            raise FileExistsError(f"{there} is there already, and a key is never overwritten: give "
                                  f"another name")
    private = ed25519.Ed25519PrivateKey.generate()
    path.parent.mkdir(parents=True, exist_ok=True)
    _write_new(path, 0o600, private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()))
    _write_new(public_path, 0o644, private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    return public_path


def read_private(path):
    """The private key in a PEM file.

    Raises FileNotFoundError; SignatureError for something else, for a key with a password, and
    for a file that others than its owner may read, where the system knows of such.
    """
    serialization, ed25519 = _cryptography()
    content = _read(path)
    try:
        key = serialization.load_pem_private_key(content, password=None)
    except Exception as error:  # the library has many ways to say no
        raise SignatureError(f"{path} holds no private key without a password ({error}): give the "
                             f"one that keygen made, not the .pub") from error
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise SignatureError(f"{path} holds a private key of another kind, expected Ed25519: make "
                             f"one with keygen")
    if os.name == "posix" and (mode := Path(path).stat().st_mode & 0o777) & 0o077:
        raise SignatureError(f"others than its owner can get at the private key {path} (its mode "
                             f"is {mode:o}): if nobody has copied it, chmod 600 {path}; else make "
                             f"new keys with keygen")
    return key


def read_public(path):
    """The public key in a PEM file. Raises FileNotFoundError; SignatureError for something else."""
    serialization, ed25519 = _cryptography()
    content = _read(path)
    try:
        key = serialization.load_pem_public_key(content)
    except Exception as error:  # as above
        raise SignatureError(f"{path} holds no public key ({error}): give the .pub that keygen "
                             f"made") from error
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise SignatureError(f"{path} holds a public key of another kind, expected Ed25519")
    return key


def fingerprint(public_key):
    """A public key's short name: the SHA-256 of its 32 bytes, 64 hexadecimal digits."""
    return hashlib.sha256(public_key.public_bytes_raw()).hexdigest()


def _write_new(path, mode, content):
    # O_EXCL: never over a file that came to be in the meantime, nor through a link.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags, mode), "wb") as file:
        file.write(content)


def _read(path):
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no key {path}: check the path, or make keys with keygen")
    return Path(path).read_bytes()


def _cryptography():
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("signatures are made and verified by the package cryptography: "
                                  "python -m pip install cryptography",
                                  name="cryptography") from error
    return serialization, ed25519
