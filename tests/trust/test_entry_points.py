"""Small things that came through a door that was open."""

import numpy as np
import pytest

from minitransformer.data.batching import pad_rows
from minitransformer.language_model.settings import read_settings
from minitransformer.language_model.training import SETTINGS
from minitransformer.models import DecoderOnly, DecoderOnlyConfig
from minitransformer.training import AdamW, Trainer

CONFIG = DecoderOnlyConfig(7, d_model=8, n_heads=2, n_layers=1, d_ff=4, max_seq_len=8)


def test_prompts_of_something_else_than_ids():
    model = DecoderOnly(CONFIG)
    for prompts in ([[3.5]], [[3], [True]], [["a"]]):
        with pytest.raises(TypeError, match="prompt [01] must be integers"):
            model.generate(prompts, max_new_tokens=1)
    with pytest.raises(ValueError, match="prompt 1 holds the id 9, but there are 7"):
        model.stream([[3, 4], [3, 9]], max_new_tokens=1)
    assert len(model.generate([[3], np.array([4, 5])], max_new_tokens=1)) == 2


@pytest.mark.parametrize("dtype", ["int32", bool, "U3", object])
def test_a_model_of_whole_numbers(dtype):
    with pytest.raises(ValueError, match="dtype is .*, expected one of real numbers"):
        DecoderOnly(CONFIG, dtype=dtype)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_settings_that_are_not_finite(tmp_path, number):
    path = tmp_path / "config.json"
    path.write_text(f'{{"training": {{"peak": {number}}}}}', encoding="utf-8")
    with pytest.raises(ValueError, match="config.json: 'peak' is (nan|-?inf), expected a value"):
        read_settings(path, SETTINGS)


def test_no_rows():
    with pytest.raises(ValueError, match="no rows"):
        pad_rows([])


def test_a_run_in_a_file(tmp_path):
    (tmp_path / "run").write_text("notes", encoding="utf-8")
    model = DecoderOnly(CONFIG)
    with pytest.raises(ValueError, match="run is a file, expected the folder of a run"):
        Trainer(model, AdamW(model.params), None, run_dir=tmp_path / "run")
    assert (tmp_path / "run").read_text(encoding="utf-8") == "notes"
