import pyarrow as pa

from scoring.contract.rules.masks import all_of, any_of, count, if_any, positions, unless_all, without


def test_what_is_true_nowhere_is_no_mask_at_all():
    assert if_any(pa.array([False, None])) is None
    assert unless_all(pa.array([True, None])) is None
    assert (count(None), positions(None).tolist()) == (0, [])


def test_masks_are_combined_where_they_are_known():
    first, second = pa.array([True, False, None]), pa.array([False, False, True])

    assert positions(any_of((first, None, second))).tolist() == [0, 2]
    assert positions(all_of((first, pa.array([True, True, True])))).tolist() == [0]
    assert all_of((first, None)) is None
    assert positions(without(pa.array([True, True, True]), pa.array([True, False, None]))).tolist() == [1, 2]
    assert (count(first), positions(unless_all(first)).tolist()) == (1, [1])
