"""Settings: what a file leaves out is the default's, and what is wrong in it is named."""

import json

import pytest

from minitransformer.language_model.settings import read_settings, with_settings, write_settings

DEFAULTS = {"name": "a", "model": {"width": 8, "rate": 0.5, "heads": None, "tied": True}}


def test_a_part_is_enough_and_the_defaults_stay(tmp_path):
    before = json.dumps(DEFAULTS)
    merged = with_settings(DEFAULTS, {"model": {"width": 4, "heads": 2, "rate": 1}})
    assert merged == {"name": "a", "model": {"width": 4, "rate": 1, "heads": 2, "tied": True}}
    merged["model"]["width"] = 99
    assert json.dumps(DEFAULTS) == before
    write_settings(tmp_path / "new" / "config.json", merged)
    assert read_settings(tmp_path / "new" / "config.json", DEFAULTS) == merged


@pytest.mark.parametrize("content, message", [
    ("{", "config.json is not JSON: "), ("[1]", "expected an object"),
    ('{"model": 3}', "'model' is 3"),
    ('{"mode": {}}', "no key 'mode'; there are name, model"),
    ('{"model": {"widht": 3}}', "'model' has no key 'widht'; there are width, rate, heads"),
    ('{"model": {"width": 3.5}}', "'width' is 3.5, expected a value like 8"),
    ('{"model": {"width": "3"}}', "'width' is '3'"), ('{"model": {"width": true}}', "is True"),
    ('{"model": {"rate": null}}', "'rate' is None"), ('{"model": {"tied": 1}}', "'tied' is 1"),
    ('{"model": {"heads": [2]}}', r"'heads' is \[2\]"), ('{"name": 3}', "'name' is 3"),
    ('{"model": {"rate": NaN}}', "'rate' is nan"), ('{"model": {"rate": -1e300}}', "'rate' is -1e"),
    (f'{{"model": {{"width": 1{"0" * 400}}}}}', "'width' is 10000")])
def test_what_is_wrong_is_named(tmp_path, content, message):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ValueError, match=message):
        read_settings(tmp_path / "config.json", DEFAULTS)


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no configuration"):
        read_settings(tmp_path / "nowhere.json", DEFAULTS)
