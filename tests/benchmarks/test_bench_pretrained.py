"""The benchmark of the pretrained models: a row, with small work in their place."""

import bench_pretrained
import pytest


def test_a_row_holds_times_and_the_ratio(monkeypatch):
    work = bench_pretrained.Work(lambda i: sum(range(1000)), lambda i: sum(range(3000)),
                                 lambda: 0.5, 1.0, ("numpy",))
    monkeypatch.setitem(bench_pretrained.WORK, "minilm", lambda threads: work)
    row = bench_pretrained.measure("minilm", threads=1, rounds=3)
    assert row["error"] == 0.5 and len(row["original_ms"]) == 3 and row["ratio"][1] < 1


def test_alone_where_the_original_is_missing(monkeypatch):
    work = bench_pretrained.Work(lambda i: None, None, None, 1.0, ())
    monkeypatch.setitem(bench_pretrained.WORK, "minilm", lambda threads: work)
    assert "ratio" not in bench_pretrained.measure("minilm", threads=1, rounds=2)


def test_different_results_are_not_timed(monkeypatch):
    work = bench_pretrained.Work(lambda i: None, lambda i: None, lambda: 2.0, 1.0, ())
    monkeypatch.setitem(bench_pretrained.WORK, "minilm", lambda threads: work)
    with pytest.raises(SystemExit, match="the original's by 2.0e.00, more than 1.0"):
        bench_pretrained.measure("minilm", threads=1, rounds=2)


def test_the_sentences_are_of_all_lengths():
    texts = bench_pretrained.sentences(64)
    lengths = sorted(map(len, texts))
    assert len(texts) == 64 and lengths[0] < 60 and lengths[-1] > 200
