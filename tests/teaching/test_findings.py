"""The museum as a table, and the picture of such a table."""

import dataclasses

import matplotlib.pyplot as plt
import pytest

from minitransformer.teaching import findings
from minitransformer.teaching.findings import draw_findings, museum_findings
from minitransformer.teaching.museum import CHECKS, all_exhibits, exhibit


def test_the_table_says_what_the_exhibits_say():
    found = museum_findings()
    exhibits = [item for item in all_exhibits() if item.lesson <= "09"]
    named = {name for item in exhibits for name in item.caught_by + item.missed_by}
    assert len(found) == len(exhibits)
    for item in exhibits:
        row = found[f"{item.lesson}  {item.title}"]
        assert row.keys() == named <= CHECKS.keys()
        assert all(row[check] is True for check in item.caught_by)
        assert all(row[check] is False for check in item.missed_by)
        unnamed = row.keys() - {*item.caught_by, *item.missed_by, *findings.FOR_ALL}
        assert all(row[check] is None for check in unnamed)


def test_arrays_that_do_not_fit_count_as_caught_and_other_errors_do_not(monkeypatch):
    item = dataclasses.replace(exhibit("one_over_batch"), caught_by=(), missed_by=())
    monkeypatch.setattr(findings, "all_exhibits", lambda: [item])

    def stops(error):
        def check(exhibit):
            raise error("stop")
        return dict.fromkeys(findings.FOR_ALL, check)
    monkeypatch.setattr(findings, "CHECKS", stops(ValueError))
    assert set(*[row.values() for row in museum_findings().values()]) == {True}
    monkeypatch.setattr(findings, "CHECKS", stops(TypeError))
    with pytest.raises(TypeError):
        museum_findings()


def test_the_picture_marks_and_counts():
    ax = draw_findings({"a": {"x": True, "y": None}, "b": {"x": False, "y": True}}, title="T")
    texts = [text.get_text() for text in ax.texts]
    assert texts.count("✓") == 2 and texts.count("✗") == 1
    assert "1" in texts and "1/1" in texts and "found" in texts
    plt.close(ax.figure)
