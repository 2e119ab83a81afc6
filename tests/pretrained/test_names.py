import numpy as np
import pytest

from minitransformer.pretrained.names import fill_params, transposed

TEMPLATE = {"w": np.zeros((2, 3), np.float32), "blocks": [{"gain": np.zeros(3, np.float32)}]}
TABLE = {"w": transposed("weight"), "blocks.0.gain": "layer.0.norm"}
ARRAYS = {"weight": np.arange(6.0).reshape(3, 2), "layer.0.norm": np.ones(3), "unused": np.ones(1)}


def test_leaves_are_found_by_the_table():
    params = fill_params(TEMPLATE, ARRAYS, TABLE, source="model.file")
    assert params["w"].tolist() == [[0, 2, 4], [1, 3, 5]] and params["w"].dtype == np.float32
    assert params["blocks"][0]["gain"].tolist() == [1] * 3


def test_a_missing_array_and_a_wrong_shape_are_named():
    with pytest.raises(ValueError, match="model.file has no array 'weight', which 'w' is read"):
        fill_params(TEMPLATE, {"layer.0.norm": np.ones(3)}, TABLE, source="model.file")
    with pytest.raises(ValueError, match=r"belongs to 'w' has shape \(2, 2\), expected \(2, 3\)"):
        fill_params(TEMPLATE, {**ARRAYS, "weight": np.ones((2, 2))}, TABLE, source="model.file")


def test_what_a_file_lends_read_only_is_not_frozen_in_the_model():
    lent = np.arange(6.0).reshape(2, 3)
    lent.setflags(write=False)
    filled = fill_params({"a": np.zeros((2, 3)), "b": np.zeros((3, 2))}, {"x": lent},
                         {"a": "x", "b": transposed("x")}, source="file")
    assert filled["a"].flags.writeable and filled["b"].flags.writeable
    assert np.array_equal(filled["a"], lent) and np.array_equal(filled["b"], lent.T)
