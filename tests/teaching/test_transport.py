"""What an answer gave arrives in the grader as it was, and nothing else does."""

import base64
import json

import numpy as np
import pytest

from minitransformer.functional.attention import AttentionCache
from minitransformer.teaching.diagnosis import named_leaves
from minitransformer.teaching.transport import decode, encode, read_outcomes, write_outcomes

VALUES = [None, True, 3, -0.5, "naïve", 2 - 1j, np.float32(0.1), np.bool_(True), np.int64(7),
          np.arange(6.0).reshape(2, 3).T, np.zeros((0, 2), np.float32), np.array(2.0),
          np.array([1 + 2j]), np.array(["cube", "a"]), np.array([True, False]),
          np.array([np.nan, np.inf, -0.0]), [1, (2, [np.ones(2)])], (), {},
          {"up": {"w": np.ones((2, 1)), "b": None}, 3: "x"},
          AttentionCache(np.ones(1), np.zeros(2), (1, "a"), None)]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_arrives_as_it_was(value):
    arrived = decode(json.loads(json.dumps(encode(value))))
    given, expected = named_leaves(arrived, "x"), named_leaves(value, "x")
    assert [name for name, _ in given] == [name for name, _ in expected]
    assert type(arrived).__name__ == type(value).__name__
    for (_, a), (_, b) in zip(given, expected):
        assert type(a) is type(b)
        if isinstance(b, np.ndarray):
            assert a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
            a[...] = b  # it can be written into
        else:
            assert a == b


@pytest.mark.parametrize("value", [len, object(), np.array([len], object), {1}])
def test_what_is_no_number_arrives_as_a_stand_in_of_its_name(value):
    assert type(decode(encode(value))).__name__ == type(value).__name__


def test_outcomes_arrive_with_error_place_and_change(tmp_path):
    path = tmp_path / "outcomes.json"

    def changes(dout, cache):
        dout += 1
        return dout, dout

    write_outcomes("1.2", changes, seed=3, path=path)
    assert {outcome.changed for outcome in read_outcomes(path)} == {"dout"}

    def fails(dout, cache):
        raise KeyError("lost")

    write_outcomes("1.2", fails, seed=3, path=path)
    outcome = read_outcomes(path)[0]
    assert outcome.error == "KeyError: 'lost'" and "raise KeyError" in outcome.place
    write_outcomes("1.2", 5, seed=3, path=path)
    assert read_outcomes(path) == []
    write_outcomes("0.4", ("cube", "sign"), seed=3, path=path)
    assert read_outcomes(path)[0].value == ("cube", "sign")


def array(dtype, shape=(1,), data=b"12345678"):
    return {"array": [dtype, list(shape), base64.b64encode(data).decode()]}


@pytest.mark.parametrize("content", [
    "", "5", "[5]", "[[1]]", json.dumps([[{"code": "1"}, None, "", None]]),
    json.dumps([[{"plain": [1]}, None, "", None]]), json.dumps([[{}, None, "", None]]),
    json.dumps([[array("|O8"), None, "", None]]),
    json.dumps([[array("<f8", (9,)), None, "", None]]),
    json.dumps([[array("(10000,10000)f8"), None, "", None]]),
    "[[" + '{"list": [' * 100_000], ids=range(11))
def test_what_was_not_written_by_the_grader_is_refused(tmp_path, content):
    path = tmp_path / "outcomes.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match="cannot be read"):
        read_outcomes(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ValueError, match="missing"):
        read_outcomes(tmp_path / "none.json")
