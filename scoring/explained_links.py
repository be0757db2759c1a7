"""Says what sources that read no table of their own rest on: hosts, hours, searches, what is shown.

The figures are those of the assembler's features, looked up for the one user and the one item.
"""

from typing import Final

import numpy as np
import pyarrow as pa

from training import pair_features
from training.item_side import ItemSide
from training.retrieval.groups import shares_of_hosts
from training.user_side import UserBatch

_SAID: Final = {
    "watched_products": ("pair_days_since_showing", "he saw what shows it {:.1f} days ago"),
    "showing_products": ("shown_pair_affinity", "weighted events with products it shows: {:.2f}"),
    "live_presence": ("slot_presence_share", "share of his active hours: {:.0%}"),
    "well_rated": ("category_pair_click_lift", "clicks on its category {:.1f}× as usual"),
    "latent_interests": ("category_pair_examined", "he looked {:.1f}× at its category"),
    "searched": ("query_title_share", "share of its title's words that he searched for: {:.0%}"),
}
"""For each source the feature that it rests on, and how it is said where it is above 0."""


def links_of(item_no: int, batch: UserBatch, *, users: pa.Table, items: ItemSide) -> dict[str, str]:
    """Say in words what ties a user to an item, by source.

    Args:
        item_no: The item.
        batch: The user alone.
        users: His row of ``tables.FEATURES_USER_DAILY``.
        items: The evening's items, this one among them if it is alive.
    """
    item_R = np.array([item_no])
    place_R = items.places(item_R)
    user_R = np.zeros(1, np.int64)
    asked = pair_features.Asked(
        user_R, item_R, place_R, users, items, batch.items, batch.categories, batch.evening_us
    )
    known = pair_features.of_all(asked)
    said = {
        source: text.format(known[feature][0])
        for source, (feature, text) in _SAID.items()
        if known[feature][0] > 0
    }
    host = int(items.codes("host_id")[place_R[0]]) if place_R[0] >= 0 else -1
    if known["is_host_followed"][0] > 0:
        said["followed_hosts"] = f"he follows {items.words('host_id')[host]}"
    hosts = shares_of_hosts(batch, items)
    for share in hosts.share_Q[(hosts.code_Q == host) & (host >= 0)].tolist():
        said["host_affinity"] = f"share of {items.words('host_id')[host]} in his hosts: {share:.0%}"
    return said
