"""Signatures: what is signed verifies, and everything else is refused, by name."""

import base64
import hashlib
import os
import shutil

import pytest

pytest.importorskip("cryptography", reason="signatures need the package cryptography")

from minitransformer.trust import (  # noqa: E402
    SignatureError, fingerprint, make_keys, sign_code, sign_file, verify_code, verify_file)
from minitransformer.trust.keys import read_private, read_public  # noqa: E402

@pytest.fixture
def keys(tmp_path):
    """(private, public): paths."""
    return tmp_path / "key", make_keys(tmp_path / "key")


@pytest.fixture
def signed(tmp_path, keys):
    """A file with its signature beside it."""
    path = tmp_path / "model.npz"
    path.write_bytes(bytes(range(256)) * 10)
    assert sign_file(path, keys[0]) == tmp_path.resolve() / "model.npz.sig"
    return path


def refused(message, path, public):
    with pytest.raises(SignatureError, match=message) as error:
        verify_file(path, public)
    assert path.name in str(error.value)


def test_what_is_signed_verifies_and_says_what_it_was(signed, keys):
    statement = verify_file(signed, keys[1])
    assert statement.splitlines() == [
        "minitransformer signature 1: file", f"key: {fingerprint(read_public(keys[1]))}",
        "size: 2560", f"sha256: {hashlib.sha256(signed.read_bytes()).hexdigest()}"]
    assert (signed.parent / "model.npz.sig").read_text("utf-8").startswith(statement)


def test_a_copy_under_another_name_verifies(signed, keys, tmp_path):
    for end in ("", ".sig"):
        shutil.copy(f"{signed}{end}", tmp_path / f"copy{end}")
    verify_file(tmp_path / "copy", keys[1])


def test_a_file_without_a_signature(signed, keys):
    (signed.parent / "model.npz.sig").unlink()
    refused("is not signed: there is no model.npz.sig beside it", signed, keys[1])


@pytest.mark.parametrize("place", [0, 1, 1000, 2559])
def test_a_flipped_bit_in_the_file(signed, keys, place):
    content = bytearray(signed.read_bytes())
    content[place] ^= 4
    signed.write_bytes(content)
    refused("not what was signed: its size is the same, its bytes are not", signed, keys[1])


@pytest.mark.parametrize("length", [0, 1, 2559, 2561])
def test_a_file_cut_off_or_longer(signed, keys, length):
    signed.write_bytes((signed.read_bytes() + b"x")[:length])
    refused(f"not what was signed: it has {length} bytes and was signed with 2560", signed, keys[1])


def test_another_key(signed, keys, tmp_path):
    other = make_keys(tmp_path / "other")
    refused("names the key '[0-9a-f]{16}' as its signer, not the one", signed, other)
    sign_file(signed, tmp_path / "other")  # now the wrong owner signs
    refused("somebody else signed it", signed, keys[1])


def test_a_forged_signature_in_the_name_of_the_right_key(signed, keys, tmp_path):
    make_keys(tmp_path / "other")
    beside = signed.parent / "model.npz.sig"
    mine = beside.read_text("utf-8")
    signed.write_bytes(b"evil")
    sign_file(signed, tmp_path / "other")
    evil = beside.read_text("utf-8").replace(
        fingerprint(read_public(tmp_path / "other.pub")), fingerprint(read_public(keys[1])))
    beside.write_text(evil, encoding="utf-8", newline="\n")
    refused("forged or damaged", signed, keys[1])
    statement = evil.partition("signature: ")[0]  # the new text over the old signature
    beside.write_text(statement + "signature: " + mine.partition("signature: ")[2],
                      encoding="utf-8", newline="\n")
    refused("forged or damaged", signed, keys[1])


def test_every_truncation_and_every_flipped_byte_of_a_signature(signed, keys):
    beside = signed.parent / "model.npz.sig"
    whole = beside.read_bytes()
    for length in range(len(whole)):
        beside.write_bytes(whole[:length])
        refused("not whole", signed, keys[1])
    for place in range(len(whole)):
        for bit in (1, 128):
            damaged = bytearray(whole)
            damaged[place] ^= bit
            beside.write_bytes(damaged)
            refused("sig (is|names)", signed, keys[1])


def test_a_signature_of_code_is_none_of_a_file(signed, keys):
    """The owner did sign the text, but for another purpose."""
    beside = signed.parent / "model.npz.sig"
    statement = beside.read_text("utf-8").partition("signature: ")[0].replace(": file", ": code")
    signature = base64.b64encode(read_private(keys[0]).sign(statement.encode())).decode()
    beside.write_text(f"{statement}signature: {signature}\n", encoding="utf-8", newline="\n")
    refused("the signature of something else than a file", signed, keys[1])


def test_a_large_signature_is_not_read(signed, keys):
    with open(signed.parent / "model.npz.sig", "r+b") as file:
        file.truncate(1 << 40)  # a hole, where the system has such
    refused("too large", signed, keys[1])


def test_missing_files(tmp_path, keys):
    with pytest.raises(FileNotFoundError, match="no file .*nothing"):
        sign_file(tmp_path / "nothing", keys[0])
    with pytest.raises(FileNotFoundError, match="no file .*nothing"):
        verify_file(tmp_path / "nothing", keys[1])
    with pytest.raises(FileNotFoundError, match="no key .*nothing.*keygen"):
        read_private(tmp_path / "nothing")


def test_a_key_is_never_overwritten(tmp_path, keys):
    before = [path.read_bytes() for path in keys]
    with pytest.raises(FileExistsError, match="never overwritten"):
        make_keys(keys[0])
    keys[0].unlink()
    with pytest.raises(FileExistsError, match=r"key\.pub is there already"):
        make_keys(keys[0])
    assert not keys[0].exists() and keys[1].read_bytes() == before[1]


@pytest.mark.skipif(os.name != "posix", reason="the system has no such permissions")
def test_a_private_key_that_others_can_read_is_refused(signed, keys):
    assert keys[0].stat().st_mode & 0o777 == 0o600
    for mode in (0o640, 0o604, 0o620, 0o644):
        keys[0].chmod(mode)
        with pytest.raises(SignatureError, match=f"its mode is {mode:o}.*chmod 600"):
            sign_file(signed, keys[0])
    keys[0].chmod(0o400)
    sign_file(signed, keys[0])


def test_what_is_no_key(tmp_path, signed, keys):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    def write(private, password=serialization.NoEncryption()):  # noqa: B008
        path = tmp_path / "strange"
        path.write_bytes(private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, password))
        path.chmod(0o600)
        return path

    with pytest.raises(SignatureError, match="no private key without a password"):
        read_private(write(ed25519.Ed25519PrivateKey.generate(),
                           serialization.BestAvailableEncryption(b"secret")))
    with pytest.raises(SignatureError, match="another kind, expected Ed25519"):
        read_private(write(ec.generate_private_key(ec.SECP256R1())))
    with pytest.raises(SignatureError, match="not the .pub"):
        read_private(keys[1])
    with pytest.raises(SignatureError, match="give the .pub"):
        verify_file(signed, keys[0])
    mark = b"-----%s PUBLIC KEY-----"
    for content in (b"", b"\xff\x00", mark % b"BEGIN" + b"\nAAAA\n" + mark % b"END"):
        keys[1].write_bytes(content)
        with pytest.raises(SignatureError, match="holds no public key"):
            verify_file(signed, keys[1])


def test_the_signature_is_plain_ed25519_over_the_text(signed, keys):
    """Verified without the package's own code."""
    from cryptography.hazmat.primitives import serialization

    text = (signed.parent / "model.npz.sig").read_bytes()
    statement, _, signature = text.rpartition(b"signature: ")
    public = serialization.load_pem_public_key(keys[1].read_bytes())
    public.verify(base64.b64decode(signature), statement)


@pytest.fixture
def package(tmp_path):
    folder = tmp_path / "installed" / "a_package"
    (folder / "inner").mkdir(parents=True)
    (folder / "__init__.py").write_text('"""Doc."""\n\n__version__ = "4.5"\n', encoding="utf-8")
    for name in ("a.py", "b.py", "inner/__init__.py", "inner/style.css"):
        (folder / name).write_text(f"# {name}\n", encoding="utf-8")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "a.pyc").write_bytes(b"compiled")
    return folder


def test_code_verifies_whatever_python_compiles(package, keys):
    assert sign_code(keys[0], package) == package.resolve().parent / "a_package.sig"
    (package / "__pycache__" / "b.pyc").write_bytes(b"compiled")
    statement = verify_code(keys[1], package)
    assert "version: 4.5\nfiles: 5\n" in statement and "__pycache__" not in statement


def test_changed_missing_and_new_code_is_named(package, keys):
    sign_code(keys[0], package)
    (package / "inner" / "style.css").write_text("evil", encoding="utf-8")
    (package / "b.py").rename(package / "numpy.py")
    with pytest.raises(SignatureError, match=(
            "changed: inner/style.css; missing: b.py; not signed: numpy.py. Do not use")):
        verify_code(keys[1], package)


def test_code_of_the_same_size_is_not_the_same(package, keys):
    sign_code(keys[0], package)
    (package / "a.py").write_text("# A.py\n", encoding="utf-8")
    with pytest.raises(SignatureError, match=r"what was signed: changed: a\.py\. Do"):
        verify_code(keys[1], package)


def test_only_one_kind_of_difference(package, keys):
    sign_code(keys[0], package)
    (package / "a.pyc").write_bytes(b"a compiled file in the source's place does run")
    with pytest.raises(SignatureError, match=r"what was signed: not signed: a\.pyc\. Do"):
        verify_code(keys[1], package)


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
def test_links_in_code_are_refused(package, keys, tmp_path):
    sign_code(keys[0], package)
    (package / "linked").symlink_to(tmp_path, target_is_directory=True)
    for act, key in ((verify_code, keys[1]), (sign_code, keys[0])):
        with pytest.raises(SignatureError, match="linked is a link"):
            act(key, package)


def test_a_folder_that_is_no_package(tmp_path, keys):
    with pytest.raises(SignatureError, match="no package"):
        sign_code(keys[0], tmp_path)


def test_the_packages_own_code_can_be_signed(keys, tmp_path):
    from minitransformer.trust.signing import PACKAGE

    copy = tmp_path / "minitransformer"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    sign_code(keys[0], copy)
    assert " functional/attention.py\n" in verify_code(keys[1], copy)
