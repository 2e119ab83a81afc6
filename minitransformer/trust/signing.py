"""Signatures beside what they are for: FILE.sig for a file, minitransformer.sig for the package.

A signature is the statement (statements.py), then a line with Ed25519's 64 bytes over exactly that
text. To verify is to ask, in this order: is there one, is it whole, is it by the key that you
trust, has its text been changed, and is the file what the text says. Only the last needs the file,
and nothing that the .sig claims is used before its signature holds.
Source: Bernstein, Duif, Lange, Schwabe and Yang 2012 (Ed25519); RFC 8032.
"""

import base64
import binascii
from pathlib import Path

from minitransformer.trust.keys import SignatureError, fingerprint, read_private, read_public
from minitransformer.trust.statements import (
    FIRST_LINE, code_statement, file_statement, listed_files)

PACKAGE = Path(__file__).resolve().parent.parent
LAST_LINE = "signature: "
LARGEST = 1 << 24  # bytes of a .sig; that of the whole package takes 30 thousand


def sign_file(path, key):
    """Write the signature of the file at path, by the private key in the file key; its path.

    A signature that is there is replaced. Raises FileNotFoundError, SignatureError as read_private.
    """
    _expect_file(path)
    return _sign(path, file_statement, read_private(key))


def sign_code(key, folder=PACKAGE):
    """As sign_file, for all files of a package; this one, when no folder is given."""
    return _sign(folder, code_statement, read_private(key))


def verify_file(path, key):
    """The statement about the file at path, signed by the owner of the public key in the file key.

    Raises FileNotFoundError; SignatureError, saying what is wrong and what to do, when the file is
    not signed, is not what was signed, or was signed by another.
    """
    _expect_file(path)
    public = read_public(key)
    signed = _signed_statement(path, public, "file")
    if (here := file_statement(path, fingerprint(public))) != signed:
        there, mine = (text.splitlines()[2:] for text in (signed, here))
        changed = (f"it has {mine[0][6:]} bytes and was signed with {there[0][6:]}"
                   if mine[0] != there[0] else "its size is the same, its bytes are not")
        raise SignatureError(f"{path} is not what was signed: {changed}. It is cut off, damaged or "
                             f"tampered with: do not use it, fetch it again")
    return signed


def verify_code(key, folder=PACKAGE):
    """As verify_file, for all files of a package; the message names those that differ."""
    public = read_public(key)
    signed = _signed_statement(folder, public, "code")
    here = code_statement(folder, fingerprint(public))
    if here != signed:
        there, mine = listed_files(signed), listed_files(here)
        kinds = {"changed": [name for name in mine if there.get(name, mine[name]) != mine[name]],
                 "missing": [name for name in there if name not in mine],
                 "not signed": [name for name in mine if name not in there]}
        found = "; ".join(f"{kind}: {', '.join(names[:5])}"
                          + (f" and {len(names) - 5} more" if len(names) > 5 else "")
                          for kind, names in kinds.items() if names)
        raise SignatureError(f"the code in {folder} is not what was signed: {found}. Do not use "
                             f"it: install it again")
    return signed


def signature_path(path):
    """Where the signature of a file or folder lies: beside it."""
    path = Path(path).resolve()
    return path.with_name(path.name + ".sig")


def _sign(path, make_statement, private):
    statement = make_statement(path, fingerprint(private.public_key()))
    signature = base64.b64encode(private.sign(statement.encode())).decode()
    beside = signature_path(path)
    beside.write_text(f"{statement}{LAST_LINE}{signature}\n", encoding="utf-8", newline="\n")
    return beside


def _signed_statement(path, public, kind):
    """The text in the .sig beside path, once it is known to be signed by this key."""
    from cryptography.exceptions import InvalidSignature

    beside = signature_path(path)
    if not beside.is_file():
        raise SignatureError(f"{path} is not signed: there is no {beside.name} beside it. Ask its "
                             f"maker for one; your own files you sign with sign")
    statement, signature = _parts(beside)
    claimed = statement.splitlines()[1].partition("key: ")[2]
    if claimed != fingerprint(public):
        raise SignatureError(f"{beside} names the key {claimed[:16]!r} as its signer, not the "
                             f"one that you gave, {fingerprint(public)[:16]!r}: somebody else "
                             f"signed it, or you gave the wrong public key")
    try:
        public.verify(signature, statement.encode())
    except InvalidSignature:
        raise SignatureError(f"{beside} is forged or damaged: the owner of the key did not sign "
                             f"this text. Do not use {Path(path).name}; fetch both again") from None
    if not statement.startswith(f"{FIRST_LINE}{kind}\n"):
        raise SignatureError(f"{beside} is the signature of something else than a {kind}: "
                             f"{statement.splitlines()[0]!r}")
    return statement


def _parts(beside):
    """(statement, the signature's bytes) of a .sig. SignatureError where it does not look so."""
    try:
        if beside.stat().st_size > LARGEST:
            raise ValueError("it is too large")
        text = beside.read_bytes().decode("utf-8")
        statement, found, signature = text.rpartition(LAST_LINE)
        if not (found and text.startswith(FIRST_LINE) and signature.endswith("\n")
                and statement.endswith("\n") and statement.count("\n") > 1):
            raise ValueError("lines are missing")
        return statement, base64.b64decode(signature[:-1], validate=True)
    except (ValueError, binascii.Error) as error:
        raise SignatureError(f"{beside} is no signature of this package, or not whole ({error}): "
                             f"fetch it again") from error


def _expect_file(path):
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no file {path}: check the path")
