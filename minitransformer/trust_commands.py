"""The commands for signatures: keys, signing, verifying."""

from pathlib import Path

from minitransformer.arguments import a_path


def add_commands(add):
    """Give the command line its parsers. add: add_command of cli, for its list of commands."""
    sub = add(keygen, "keygen my-key")
    sub.add_argument("path", type=a_path, metavar="KEY",
                     help="where the private key goes; the public one goes to KEY.pub")

    sub = add(sign, "sign runs/translator/translator.npz --key my-key", "sign --code --key my-key")
    _add_what(sub)
    sub.add_argument("--key", type=a_path, required=True, metavar="KEY", help="your private key")

    sub = add(verify, "verify translator.npz --key my-key.pub", "verify --code --key my-key.pub",
              "verify --code other-clone/minitransformer --key my-key.pub")
    _add_what(sub)
    sub.add_argument("--key", type=a_path, required=True, metavar="PUBLIC",
                     help="the public key of whom you trust")


def _add_what(sub):
    what = sub.add_mutually_exclusive_group(required=True)
    what.add_argument("file", nargs="?", type=a_path, metavar="FILE",
                      help="a file, such as a model")
    what.add_argument("--code", nargs="?", type=a_path, const=Path(__file__).resolve().parent,
                      metavar="FOLDER", help="all files of this package, or of one in FOLDER")


def add_requirement(sub):
    """Give a command that loads a model the option --require-signature."""
    sub.add_argument("--require-signature", type=a_path, metavar="PUBLIC",
                     help="refuse a model that the owner of this public key has not signed")


def expect_signed(arguments, file):
    """Where --require-signature is given: verify the model, or raise as verify_file does.

    file: the model's name where --model is a folder.
    """
    if arguments.require_signature is not None:
        from minitransformer.trust import verify_file

        path = arguments.model
        verify_file(path / file if path.is_dir() else path, arguments.require_signature)


def keygen(arguments):
    """Make a pair of keys: a private one to sign with, a public one for all who verify.

    Keep the private one to yourself, and hand the public one over in a way that nobody else can
    meddle with: a signature says only that the owner of the key made it. Needs the package
    cryptography: python -m pip install cryptography
    """
    from minitransformer.trust import fingerprint, make_keys
    from minitransformer.trust.keys import read_public

    public = make_keys(arguments.path)
    print(f"The private key is in {arguments.path}, readable by you alone. Keep it so.")
    print(f"The public key is in {public}, to be given away. Its fingerprint is")
    print(fingerprint(read_public(public)))
    return 0


def sign(arguments):
    """Sign a file, or all files of this package: the signature goes beside it, as FILE.sig.

    What is signed is the file's bytes, neither its name nor its date. Needs the package
    cryptography: python -m pip install cryptography
    """
    from minitransformer.trust import sign_code, sign_file

    print("The signature is in", sign_code(arguments.key, arguments.code) if arguments.code
          else sign_file(arguments.file, arguments.key))
    return 0


def verify(arguments):
    """Verify a file, or all files of this package, by the signature beside it.

    The exit code is 0 if it is as it was signed by the owner of the public key, else 1, and the
    reason is printed. Code that was tampered with could also lie about itself: to be sure, verify
    it with a copy that you trust, which --code FOLDER is for. Needs the package cryptography:
    python -m pip install cryptography
    """
    from minitransformer.trust import verify_code, verify_file
    from minitransformer.trust.statements import compiled_files, listed_files

    if not arguments.code:
        verify_file(arguments.file, arguments.key)
        print(f"{arguments.file} is as it was signed.")
        return 0
    files = listed_files(verify_code(arguments.key, arguments.code))
    print(f"All {len(files)} files in {arguments.code} are as they were signed, and there are no "
          f"others.")
    if compiled := compiled_files(arguments.code):
        print(f"Not covered: {compiled} files that Python compiled for itself in __pycache__, "
              f"which may run instead. Delete these folders where others could write to them.")
    return 0
