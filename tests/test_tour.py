"""The tour: what it prints, what it leaves, and that it keeps its promise."""

import re

import pytest

from minitransformer import tour
from minitransformer.data.number_words import number_pairs
from minitransformer.translator import Pairs


def test_a_short_tour_shows_every_part(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(tour, "print_checks", lambda seed: True)
    monkeypatch.setattr(tour, "number_word_pairs", lambda: Pairs(
        number_pairs(range(1000)), number_pairs([12, 40]), number_pairs([547, 7, 30])))
    assert tour.run_tour(steps=2, figures=tmp_path / "figures") == 0
    out = capsys.readouterr().out
    assert out.count("  wrong  ") + out.count("  right  ") == 3
    assert re.search(r"\d of 3 without a single wrong letter", out)
    assert "python3 run.py lessons" in out
    pictures = sorted((tmp_path / "figures").iterdir())
    assert [picture.name for picture in pictures] == ["translator_attention.png",
                                                      "translator_loss.png"]
    assert all(picture.name in out and picture.stat().st_size > 5000 for picture in pictures)


def test_a_wrong_gradient_ends_the_tour(monkeypatch, capsys):
    monkeypatch.setattr(tour, "print_checks", lambda seed: False)
    assert tour.run_tour() == 1
    assert "translate" not in capsys.readouterr().out.lower()


@pytest.mark.slow
def test_four_in_five_unseen_numbers_are_right(tmp_path, capsys):
    assert tour.run_tour(figures=tmp_path) == 0
    assert float(re.search(r"\((\d+\.\d)%\)", capsys.readouterr().out)[1]) >= 80
