import numpy as np

from tocsin.explanation.aggregate import by_source


def test_columns_of_a_source_are_summed_and_rows_keep_their_sum():
    values = np.array([[0.1, 0.2, 0.3, 0.4], [0.0, 1.0, 0.0, 0.0]])
    out = by_source(values, [2, 0, 2, 1], 4)
    np.testing.assert_allclose(out, [[0.2, 0.4, 0.4, 0.0], [1.0, 0.0, 0.0, 0.0]])
    np.testing.assert_allclose(out.sum(axis=1), values.sum(axis=1))
