"""A learned source as a night keeps it: with the items that it knows, asked by batches of users.

Shapes: U users, I items that the source knows, K places of a list.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from training.lookup import find
from training.retrieval.interactions import UNSEEN, Interactions
from training.retrieval.learned import Learned
from training.retrieval.proposals import Proposals
from training.retrieval.shelf import Shelf
from training.retrieval.source import NO_ITEM, Source, UnknownSourceError, lists
from training.retrieval.touched import visits
from training.user_side import UserBatch

_ITEMS: Final = "item_no.i8"


@dataclass(frozen=True, slots=True)
class Fitted:
    """What one source learned on one night, for one surface."""

    learned: Learned
    item_no_I: np.ndarray
    """int64, ascending: the items behind the source's dense numbers."""
    source: Source

    def save(self) -> dict[str, bytes]:
        """Write it as files by name."""
        return {**self.source.save(), _ITEMS: self.item_no_I.astype("<i8").tobytes()}

    @classmethod
    def load(cls, learned: Learned, files: Mapping[str, bytes]) -> "Fitted":
        """Make it again from what it saved.

        Raises:
            UnknownSourceError: If the items are missing, or the source does not know its files.
        """
        if _ITEMS not in files:
            raise UnknownSourceError(f"{learned.name} needs {_ITEMS}, found {sorted(files)}")
        item_no_I = np.frombuffer(files[_ITEMS], "<i8").astype(np.int64)
        own = {name: content for name, content in files.items() if name != _ITEMS}
        return cls(learned, item_no_I, learned.load(own))

    def propose(self, batch: UserBatch, shelf: Shelf, *, num_items: int) -> Proposals:
        """Propose what the source finds best of what the surface may show.

        A user of whom the source knows no visit is proposed nothing. What he visited is left to
        other sources, but for live slots, which come again every week.
        """
        asked = visits(batch.short, self.item_no_I, num_users=batch.num_users)
        rows = np.flatnonzero(asked.length_U > 0)
        found = lists(
            self.source,
            asked.taken(rows),
            num_items=min(num_items, len(self.item_no_I)),
            is_allowed_I=shelf.may_show(self.item_no_I),
            masks_history=shelf.surface.is_bought_once,
        )
        score_UK = _told(found.score_UK, is_log=self.learned.is_log)
        row, place = np.nonzero((found.item_UK != NO_ITEM) & (score_UK > 0))
        item_no = self.item_no_I[found.item_UK[row, place]]
        return Proposals(rows[row], item_no, score_UK[row, place].astype(np.float64))

    def led_to(self, item_no: int, batch: UserBatch) -> list[int]:
        """List which of a user's visited items lead to an item by themselves, the strongest first.

        The source is asked with each of them alone; one that does not know the item leads nowhere.

        Args:
            item_no: The item.
            batch: The user alone.
        """
        [place] = find(self.item_no_I, np.array([item_no])).tolist()
        own = np.unique(visits(batch.short, self.item_no_I, num_users=1).item_N)
        if place < 0 or not len(own):
            return []
        alone = Interactions.of([[item] for item in own.tolist()], num_items=len(self.item_no_I))
        asked = replace(alone, user_U=np.full(len(own), UNSEEN, np.int64))
        score_Q = self.source.score_users(asked)[:, place]
        order = np.lexsort((own, -score_Q))
        return self.item_no_I[own[order][score_Q[order] > -np.inf]].tolist()


def _told(score_UK: np.ndarray, *, is_log: bool) -> np.ndarray:
    """Say scores as tables hold them: chances for their logarithms; what is not above 0 is left."""
    return np.exp(score_UK) if is_log else score_UK
