from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array

from training.retrieval import content
from training.retrieval.content import ContentConfig
from training.retrieval.interactions import Interactions
from training.retrieval.source import NO_ITEM, lists


def test_an_item_that_nobody_touched_is_found_by_its_attributes() -> None:
    attribute_IA = csr_array(np.array([[1, 0], [1, 0], [0, 1], [0, 1], [0, 0]], np.float32))
    touched = Interactions.of([[0], [2]], num_items=5)

    source = content.fit(
        replace(touched, attribute_IA=attribute_IA), config=ContentConfig(num_factors=2), seed=1
    )
    found = lists(source, touched, num_items=1)

    assert found.item_UK[:, 0].tolist() == [1, 3]


def test_without_attributes_nothing_is_proposed() -> None:
    touched = Interactions.of([[0], [2]], num_items=5)

    source = content.fit(touched, config=ContentConfig(), seed=1)

    assert (lists(source, touched, num_items=3).item_UK == NO_ITEM).all()
