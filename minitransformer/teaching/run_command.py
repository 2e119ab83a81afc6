"""What the modules have in common that are commands themselves, such as those that measure.

--help shows the module's docstring: what it does, where that is written, and how long it takes.
"""

import argparse
import sys

from minitransformer.exit_code import exit_code


def run_command(doc, run, options=None):
    """Read the arguments, call run with them by name, and end the process with an exit code.

    doc: the module's docstring. options: {name of an argument: keywords of add_argument}.
    """
    name = sys.modules["__main__"].__spec__.name.removesuffix(".__main__")
    parser = argparse.ArgumentParser(prog=f"python -m {name}", description=doc, allow_abbrev=False,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    for option, keywords in (options or {}).items():
        parser.add_argument(option, **keywords)
    arguments = vars(parser.parse_args())

    def run_it():
        run(**arguments)  # whatever it returns is no exit code

    sys.exit(exit_code(name.rpartition(".")[2], run_it))
