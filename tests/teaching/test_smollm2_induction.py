"""Lesson 20's look at SmolLM2, on a small model that has learned nothing."""

import numpy as np
import pytest

from minitransformer.interpretability.ablation import ablate_heads, head_means
from minitransformer.interpretability.induction import losses_by_half, repeated_tokens
from minitransformer.models import DecoderOnly, DecoderOnlyConfig
from minitransformer.teaching.smollm2_induction import induction_in, read_smollm2_induction


def test_heads_are_taken_by_their_rank(capsys):
    model = DecoderOnly(DecoderOnlyConfig(
        30, d_model=12, n_heads=6, n_kv_heads=2, n_layers=2, d_ff=8, max_seq_len=12, dropout=0.0,
        positions="rotary", bias=False, norm="rms", activation="swiglu"))
    found = induction_in(model, range(3, 30), n_texts=3, period=5, taken=(1, 3), draws=2)
    assert found["induction"].shape == found["previous"].shape == (2, 6)
    assert np.all(np.diff([found["induction"][head] for head in found["order"]]) <= 0)
    assert found["induction"][found["order"][0]] == found["induction"].max()
    assert [(row["kind"], row["heads"]) for row in found["rows"]] == [
        ("induction", 1), ("others", 1), ("others", 1), ("induction", 3), ("others", 3),
        ("others", 3), ("previous", 1), ("previous", 2), ("previous", 4)]
    best = found["previous_order"][0]
    assert found["previous"][best] == found["previous"].max()
    assert len(found["rows"][-1]["induction"]) == 4
    ids = repeated_tokens(np.random.default_rng(0), n_texts=3, period=5, length=10,
                          vocab=range(3, 30))
    means = head_means(model.forward(ids)[1], n_heads=6)
    silent = ablate_heads(model, found["order"][:3], means=means)
    assert found["rows"][3]["second"] == losses_by_half(silent, ids)[1]
    assert found["whole"] == losses_by_half(model, ids)
    assert "others" in capsys.readouterr().out


def test_a_missing_file_names_its_command(tmp_path):
    with pytest.raises(FileNotFoundError, match="smollm2_induction"):
        read_smollm2_induction(tmp_path / "none.json")


def test_what_lesson_20_says_of_smollm2_is_in_the_file():
    found = read_smollm2_induction()
    induction = np.array(found["induction"])
    assert induction.shape == (30, 9) and np.count_nonzero(induction > 0.3) == 12
    assert set(np.argwhere(induction > 0.3)[:, 0]) <= set(range(17, 25))
    assert np.max(induction[:14]) < 0.05 and found["previous_order"][0] == [16, 0]
    assert [block for block, _ in found["order"][:4]] == [18, 17, 17, 17]
    rows = {(row["kind"], row["heads"]): row for row in found["rows"] if row["kind"] != "others"}
    first, second = found["whole"]
    assert rows["induction", 4]["second"] > 2 * second
    assert rows["induction", 8]["second"] > np.log(49_152) > rows["induction", 4]["second"]
    assert all(row["second"] < second + 0.5 for row in found["rows"]
               if row["kind"] == "others" and row["heads"] <= 16)
    alone = rows["previous", 1]
    assert alone["second"] > 8 and alone["induction"][0] < 0.3
    assert max(alone["induction"][1:]) < 0.05
