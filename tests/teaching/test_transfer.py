"""The ways to a classifier, on a body small enough for a test; and the file of measurements."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from minitransformer.data.questions import QuestionData
from minitransformer.models import EncoderOnly, EncoderOnlyConfig
from minitransformer.teaching import transfer
from minitransformer.teaching.transfer_runs import (
    Experiment, key_of, measure, read_transfer)
from minitransformer.tree import tree_items, tree_map
from minitransformer.variants.adapters import merge

CONFIG = EncoderOnlyConfig(30, d_model=24, n_heads=3, n_layers=2, d_ff=16, max_seq_len=20,
                           norm_placement="post", positions="learned", embedding_norm=True,
                           tied_embeddings="output", pooling="none")


class Words:
    def encode(self, text, max_tokens):
        return [1, *(3 + ord(c) % 20 for c in text)][:max_tokens]


ENCODER = SimpleNamespace(model=EncoderOnly(CONFIG, seed=3), tokenizer=Words())
TEXTS = [(letter * (2 + i % 5), label) for i in range(9) for label, letter in enumerate("abc")]
EXAMPLES = transfer.encode(ENCODER, TEXTS)


def test_texts_are_cut():
    assert transfer.encode(ENCODER, [("a" * 99, 2)]) == [([1] + [3 + 97 % 20] * 15, 2)]


@pytest.mark.parametrize("way", ["head", "LoRA", "full"])
def test_each_way_learns_and_leaves_the_encoder_as_it_is(way):
    before = tree_map(np.array, ENCODER.model.params)
    model = transfer.on_body(ENCODER, way, 3, seed=0, rank=2, alpha=4)
    start = transfer.share_right(lambda rows: transfer.predicted(model, rows), EXAMPLES)
    learn = transfer.train_head if way == "head" else transfer.train
    trained = learn(model, EXAMPLES, steps=60, peak=0.02, seed=0)
    share = transfer.share_right(trained.predict, EXAMPLES)
    assert share > max(start, 0.9) and trained.seconds > 0 and trained.curve == []
    head = 24 * 3 + 3
    body = sum(x.size for name, x in tree_items(before) if not name.startswith("output"))
    assert trained.learning == {"head": head, "LoRA": head + 2 * 2 * 2 * (24 * 2),
                                "full": head + body}[way]
    for (name, x), (_, y) in zip(tree_items(before), tree_items(ENCODER.model.params)):
        assert np.array_equal(x, y) and y.flags.writeable, name
    assert np.array_equal(trained.predict([[1, 5], [1, 6, 6]]),
                          transfer.predicted(model, [[1, 5], [1, 6, 6]]))
    model.params = merge(model.params)
    assert transfer.share_right(lambda rows: transfer.predicted(model, rows), EXAMPLES) == share


def test_ways_begin_alike():
    rows = [ids for ids, _ in EXAMPLES]
    logits = [transfer.on_body(ENCODER, way, 3, seed=0, rank=2).forward(
        ids=np.array([rows[0]]))[0] for way in ("head", "LoRA", "full")]
    assert np.array_equal(logits[0], logits[1]) and np.array_equal(logits[0], logits[2])
    with pytest.raises(ValueError, match="way is 'all'"):
        transfer.on_body(ENCODER, "all", 3, seed=0)


def test_from_scratch_has_the_shape_and_nothing_else():
    model = transfer.from_scratch(CONFIG, 3, seed=0)
    body = transfer.on_body(ENCODER, "full", 3, seed=0)
    assert [(n, x.shape) for n, x in tree_items(model.params)] == [
        (n, x.shape) for n, x in tree_items(body.params) if x.size] or {
        n for n, _ in tree_items(model.params)} == {n for n, _ in tree_items(body.params)}
    assert not np.array_equal(model.params["embedding"]["table"],
                              body.params["embedding"]["table"])
    small = transfer.from_scratch(CONFIG, 3, seed=0, **transfer.SMALL)
    assert small.config.d_model == 64 and len(small.params["blocks"]) == 2


def test_vectors_are_the_means_over_the_tokens_whatever_the_batch():
    model = transfer.on_body(ENCODER, "head", 3, seed=0)
    rows = [ids for ids, _ in EXAMPLES]
    together = transfer.mean_vectors(model, rows)
    alone = np.concatenate([transfer.mean_vectors(model, [row]) for row in rows])
    assert together.shape == (len(rows), 24)
    np.testing.assert_allclose(together, alone, atol=1e-5)


def experiment():
    data = QuestionData(TEXTS, TEXTS[:6], TEXTS[6:12], ("a", "b", "c"))
    return Experiment(ENCODER, data, sizes=(3, 9), steps={3: 2, 6: 2, 9: 4}, watched=4)


SETTINGS = {"tried": {"head": (1e-2, 3e-2), "LoRA": (1e-2,), "small": (1e-3,)},
            "choosing": {"examples": 6, "seed": 100}}


def test_every_run_is_kept_and_none_is_made_twice(tmp_path, monkeypatch):
    path = tmp_path / "transfer.json"
    content = measure(experiment(), seeds=[0], path=path, **SETTINGS)
    assert read_transfer(path)["runs"] == content["runs"] and len(content["runs"]) == 6
    assert len(content["tried"]) == 4 and set(content["chosen"]) == set(SETTINGS["tried"])
    rows = {(row["way"], row["examples"]): row for row in content["runs"]}
    assert rows["small", 9]["steps"] == 20 and rows["LoRA", 9]["steps"] == 4
    assert [len(rows["LoRA", n]["curve"]) for n in (3, 9)] == [0, 4]
    assert len(rows["head", 9]["curve"]) == 1 and content["parts"]["test"] == 6
    assert content["test_counts"] == [2, 2, 2]

    made = []
    original = Experiment.run
    monkeypatch.setattr(Experiment, "run",
                        lambda self, way, **o: made.append((way, o["seed"]))
                        or original(self, way, **o))
    again = measure(experiment(), seeds=[0, 1], path=path, **SETTINGS)
    assert made == [(way, 1) for _ in range(2) for way in SETTINGS["tried"]]
    assert again["runs"][:6] == content["runs"] and len(again["runs"]) == 12


def test_two_processes_share_the_seeds(tmp_path):
    path = tmp_path / "transfer.json"
    other = measure(experiment(), seeds=[1], path=path, **SETTINGS)
    text = path.read_text(encoding="utf-8")
    path.unlink()
    mine = experiment()
    original = mine.run

    def run(way, **options):  # meanwhile the other process writes its rows
        row = original(way, **options)
        if (way, options["seed"], options["examples"]) == ("LoRA", 0, 9):
            path.write_text(text, encoding="utf-8")
        return row

    mine.run = run
    content = measure(mine, seeds=[0], path=path, **SETTINGS)
    assert len({key_of(row) for row in content["runs"]}) == len(content["runs"]) == 12
    assert all(row in content["runs"] for row in other["runs"])
    assert len(content["tried"]) == 4 and read_transfer(path) == json.loads(json.dumps(content))


def test_a_missing_file_says_its_command(tmp_path):
    with pytest.raises(FileNotFoundError, match="minitransformer.teaching.transfer_runs"):
        read_transfer(tmp_path / "none.json")
