"""The classifier: what it reads, its file, and that it learns; on data made here."""

import numpy as np
import pytest

from minitransformer import classifier, cli
from minitransformer.classifier import (
    FILE, TASKS, Classifier, Task, make_trainer, moved_image, train_classifier)
from minitransformer.data.classes import ClassData, from_patches, to_patches
from minitransformer.models import EncoderOnly, EncoderOnlyConfig
from minitransformer.training import CheckpointError

SIZES = {"d_model": 16, "n_heads": 2, "n_layers": 1, "d_ff": 16, "max_seq_len": 8}


def small_data(seed=0):
    """Two voices, a high one and a low one; the scales of the three features differ widely."""
    rng = np.random.default_rng(seed)

    def some(count):
        return [((rng.normal(i % 2, 0.3, (3 + i % 4, 3)) * [1, 100, 0.01] + 5).astype(np.float32),
                 i % 2) for i in range(count)]
    return ClassData(some(20), some(6), some(30), ("low", "high"))


SMALL = Task(small_data, SIZES, steps=60, batch_size=8, peak=1e-2, noise=0.1)


@pytest.fixture
def small_task(monkeypatch):
    monkeypatch.setitem(classifier.TASKS, "vowels", SMALL)


def test_features_are_standardized_by_those_that_were_learned_from():
    examples = small_data().train
    made = Classifier.untrained(examples, ("low", "high"), **SIZES)
    seen = np.concatenate([made.standardize(features) for features, _ in examples])
    assert seen.dtype == np.float32
    np.testing.assert_allclose(seen.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(seen.std(axis=0), 1, atol=1e-3)
    batch = made.batch(examples[:3])
    for row, mask, (features, _) in zip(batch.features, batch.mask, examples):
        assert np.array_equal(row[mask], made.standardize(features)) and not row[~mask].any()


def test_an_answer_does_not_depend_on_the_other_examples():
    data = small_data()
    made = Classifier.untrained(data.train, data.classes, **SIZES)
    batch = made.batch(data.test)
    together, _ = made.model.forward(batch.features, mask=batch.mask)
    for example, logits in zip(data.test, together):
        alone = made.batch([example])
        np.testing.assert_allclose(made.model.forward(alone.features)[0][0], logits, atol=2e-5)


def test_it_learns_is_saved_and_loaded(tmp_path):
    data = small_data()
    made = Classifier.untrained(data.train, data.classes, seed=1, **SIZES)
    rows = make_trainer(made, SMALL, data.train, seed=1, print_every=0,
                        validation=[made.batch(data.validation)]).train(SMALL.steps)
    assert len(rows) == 60 and rows[-1].loss < 0.4 < rows[0].loss
    labels = [label for _, label in data.test]
    assert (made.predict(data.test) == labels).mean() > 0.9
    made.save(tmp_path / FILE)
    for path in (tmp_path, tmp_path / FILE):
        loaded = Classifier.load(path)
        assert loaded.classes == ("low", "high") and loaded.mean.dtype == np.float32
        assert np.array_equal(loaded.predict(data.test), made.predict(data.test))
        assert np.array_equal(loaded.mean, made.mean) and np.array_equal(loaded.std, made.std)


def test_training_examples_are_changed_and_noisy_and_others_are_not():
    data = small_data()
    task = SMALL._replace(change=lambda features, rng: features[:2])
    made = Classifier.untrained(data.train, data.classes, **SIZES)
    stream = make_trainer(made, task, data.train, print_every=0).batches
    batch = stream.batch(0)
    assert batch.features.shape == (8, 2, 3) and batch.features.dtype == np.float32
    clean = {label: [made.standardize(f)[:2] for f, one in data.train if one == label]
             for label in range(2)}
    for features, label in zip(batch.features, batch.targets):
        distances = [np.std(features - other) for other in clean[int(label)]]
        assert 0.02 < min(distances) < 0.2


def test_an_image_moves_by_one_point_at_most_and_nothing_comes_round():
    image, rng = np.zeros((8, 8), np.float32), np.random.default_rng(0)
    image[0, 3], image[5, 5] = 1, 2
    seen = set()
    for _ in range(300):
        moved = from_patches(moved_image(to_patches(image), rng))
        assert moved.shape == image.shape and moved.dtype == image.dtype
        (row, column), = np.argwhere(moved == 2)
        seen.add((int(row) - 5, int(column) - 5))
        assert (moved == 1).sum() == (row >= 5)                 # the top row leaves the image
    assert seen == {(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)}


def test_a_file_that_holds_no_classifier_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no classifier at"):
        Classifier.load(tmp_path)
    EncoderOnly(EncoderOnlyConfig(n_features=3, n_classes=2, d_model=4, n_heads=1, n_layers=1,
                                  d_ff=4)).save(tmp_path / "model.npz")
    with pytest.raises(CheckpointError, match="no classes"):
        Classifier.load(tmp_path / "model.npz")


def test_the_command_trains_resumes_and_tells_the_test(tmp_path, small_task, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    command = ["train", "classifier", "--data", "vowels", "--steps"]
    assert cli.main([*command, "5"]) == 0
    out = capsys.readouterr().out
    assert "26 examples to learn from, 30 to test on" in out
    assert "of 30 unseen examples are classified correctly" in out
    folder = tmp_path / "runs" / "classifier"
    assert {"checkpoint.npz", "log.csv", FILE} <= {path.name for path in folder.iterdir()}
    assert cli.main([*command, "5"]) == 1                       # a run is never overwritten
    assert "already holds a run" in capsys.readouterr().err
    assert cli.main([*command, "60", "--resume"]) == 0
    right = int(capsys.readouterr().out.split(" of 30 unseen")[0].split()[-1])
    found = Classifier.load(folder).predict(small_data().test)
    assert right == sum(guess == label for guess, (_, label) in zip(found, small_data().test))
    assert right > 25


def test_the_mistakes_are_named_the_commonest_first(tmp_path, monkeypatch, capsys):
    data = small_data()
    mixed = data._replace(test=[(x, 1) for x, label in data.test if label == 0][:9]
                          + [(x, 0) for x, label in data.test if label == 1][:4])
    monkeypatch.setitem(classifier.TASKS, "vowels", SMALL._replace(load=lambda: mixed))
    train_classifier(tmp_path, data="vowels")
    out = capsys.readouterr().out
    assert "  high taken for low: 9\n  low taken for high: 4\n0 of 13 unseen" in out


@pytest.mark.parametrize("steps", ["0", "-3"])
def test_a_run_has_a_step(small_task, tmp_path, capsys, steps):
    assert cli.main(["train", "classifier", "--data", "vowels", "--steps", steps, "--out",
                     str(tmp_path)]) == 1
    assert f"steps is {steps}, expected at least 1" in capsys.readouterr().err


def test_missing_data_are_answered_with_a_command(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert cli.main(["train", "classifier", "--data", "digits", "--out", str(tmp_path)]) == 1
    assert "pip install --no-deps scikit-learn" in capsys.readouterr().err


def test_the_settings_make_models():
    for task in TASKS.values():
        EncoderOnlyConfig(n_features=3, n_classes=2, **task.sizes)
