"""Boxed results: what the source cites stands in exactly one lesson, and lessons box what is cited.

A lesson tags a result with \\tag{softmax.dx}, the source cites it as [softmax.dx]. A tag is text,
in which TeX wants an underscore written \\_: JupyterLab shows the bare source of a formula without.
A pair whose lesson does not exist yet is left out; it is held to the rule as soon as the notebook
is there.
"""

import io
import json
import re
import tokenize
from collections import Counter
from pathlib import Path

import pytest

import minitransformer

PACKAGE = Path(minitransformer.__file__).parent
LESSONS = PACKAGE.parent / "lessons"
FOLDERS = ("functional", "variants", "layers", "models", "interpretability", "parallel")
SINGLE_FILES = ("decoding.py", "sampling.py", "kv_cache.py", "compress.py", "pretrained/smollm2.py")

LESSON_OF = {  # the one place that says which lesson derives which pair
    "linear": "01",
    "softmax": "02", "log_softmax": "02", "cross_entropy": "02",
    "embedding": "03",
    "attention": "04",
    "heads": "05", "multi_head_attention": "05",
    "layer_norm": "06",
    "residual": "07", "dropout": "07", "relu": "07", "feed_forward": "07", "add_and_norm": "07",
    "encoder_block": "07",
    "decoder_block": "08", "decoder": "08", "tied_embeddings": "08", "encoder_decoder": "08",
    "beam": "11", "sampling": "11", "kv_cache": "11",
    "decoder_only": "12", "language_model": "12",
    "rms_norm": "13", "batch_norm": "13",
    "gelu": "14", "gelu_tanh": "14", "silu": "14", "swiglu": "14", "rotary": "14",
    "mean_pooling": "15",
    "convolution": "17", "permuted": "17",
    "low_rank": "18",
    "attribution": "19", "rollout": "19",
    "ablation": "20", "patching": "20", "induction": "20",
    "blockwise_attention": "21",
    "quantize": "22", "svd": "22", "prune": "22",
    "copy_to_all": "23", "sum_over_all": "23", "data_parallel": "23", "column_parallel": "23",
    "row_parallel": "23", "split_attention": "23", "vocabulary_embedding": "23",
    "vocabulary_cross_entropy": "23", "ring_shift": "23", "ring_attention": "23",
}
CITATION = re.compile(r"\[([a-z_]+\.[a-z_]+)\]")
TAG = re.compile(r"\\tag\{([^}]*)\}")


def cited(text):
    """The tags cited in the comments and docstrings of Python source, never in its code."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return [tag for token in tokens if token.type in (tokenize.COMMENT, tokenize.STRING)
            for tag in CITATION.findall(token.string)]


def lesson_tags():
    """{lesson: tags in its Markdown}, for the lessons that exist."""
    tags = {}
    for path in sorted(LESSONS.glob("[0-9][0-9]_*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        tags[path.name[:2]] = [tag.replace(r"\_", "_") for cell in cells
                               if cell["cell_type"] == "markdown"
                               for tag in TAG.findall("".join(cell["source"]))]
    return tags


FILES = [*(PACKAGE / name for name in SINGLE_FILES),
         *(path for folder in FOLDERS for path in sorted((PACKAGE / folder).glob("*.py")))]
SOURCE = {tag for path in FILES for tag in cited(path.read_text(encoding="utf-8"))}
TAGS = lesson_tags()
ALL_TAGS = Counter(tag for tags in TAGS.values() for tag in tags)


def pair_of(tag):
    return tag.partition(".")[0]


def test_every_pair_that_the_source_cites_has_a_lesson():
    assert {pair_of(tag) for tag in SOURCE} <= LESSON_OF.keys()


@pytest.mark.parametrize("tag", sorted(SOURCE))
def test_a_cited_result_is_boxed_in_exactly_one_lesson(tag):
    lesson = LESSON_OF[pair_of(tag)]
    if lesson not in TAGS:
        pytest.skip(f"lesson {lesson} is not written yet")
    assert tag in TAGS[lesson]
    assert ALL_TAGS[tag] == 1


@pytest.mark.parametrize("lesson", TAGS)
def test_a_boxed_gradient_is_cited_by_the_source(lesson):
    gradients = {tag for tag in TAGS[lesson] if tag.partition(".")[2].startswith("d")}
    assert gradients <= SOURCE


@pytest.mark.parametrize("lesson", TAGS)
def test_a_tag_is_a_pair_and_a_name_and_occurs_once(lesson):
    for tag in TAGS[lesson]:
        assert re.fullmatch(r"[a-z_]+\.[a-z_]+", tag)
        assert ALL_TAGS[tag] == 1


def test_an_underscore_in_a_tag_is_escaped():
    for path in LESSONS.glob("[0-9][0-9]_*.ipynb"):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "markdown":
                for tag in TAG.findall("".join(cell["source"])):
                    assert "_" not in tag.replace(r"\_", ""), f"{path.stem}: write \\_ in {tag}"


def test_citations_are_read_from_comments_only():
    assert cited('x = params[config.name]  # (B,) [softmax.dx]\n"""[linear.dw]"""\n') == [
        "softmax.dx", "linear.dw"]
