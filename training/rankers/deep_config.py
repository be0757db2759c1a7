"""How large the deep ranker's network is, and what it reads and says; nothing here needs torch.

How it learns is said in ``training.rankers.deep_training``.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One thing of a user or a candidate that is told by a code, such as a category."""

    name: str
    """No two fields have the same."""
    size: int
    """Codes are 0 … size − 1; 0 is unknown (``training.codes``)."""
    unknown_dropout: float = 0.0
    """Chance with which a code is taken for unknown while the network learns, so that what is new
    is scored by the rest of its content (Volkovs et al., DropoutNet, NeurIPS 2017). An event's
    field of the same name is dropped likewise, each event for itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """One chance, or share, that is predicted."""

    name: str
    """As in ``training.tasks``."""
    after: str | None = None
    """Name of the head without which this one cannot be: p = p(after) · p(own | after), learned and
    judged over all impressions (Ma et al., ESMM, SIGIR 2018, eq. 1)."""
    weight: float = 1.0
    """Of its loss in the sum."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkConfig:
    """What the network reads, its size, and what it says."""

    user_fields: tuple[Field, ...] = ()
    """Of a user."""
    candidate_fields: tuple[Field, ...]
    """Of a candidate."""
    num_user_dense: int = 0
    """Numbers of a user."""
    num_candidate_dense: int = 0
    """Numbers of a candidate, pairs with the user included."""
    num_wide: int = 0
    """Weights of a wide part, of which each row reads some: they are added to the heads as they are
    (Cheng et al., Wide & Deep, DLRS 2016); 0 is none."""
    begins_from_known: bool = False
    """Whether rows bring logits to which the network adds what they do not say."""
    num_content: int = 0
    """Numbers of a candidate's content vector; 0 is none."""
    event_fields: tuple[str, ...] = ()
    """Candidate's fields that an event of a history has too, the first of them in their order.
    Without any no history is read."""
    event_contexts: tuple[int, ...] = ()
    """How many codes each thing has that is told of an event alone, such as its kind or age. What
    a code means is added to the event's vector."""
    searched_by: str | None = None
    """Event's field that a long history is searched by: only events that share the candidate's
    code are read (Pi et al., SIM, CIKM 2020, § 3.1, hard search). None, and none is read."""
    max_found: int = 50
    """Newest such events that are read."""
    width: int = 16
    """Numbers of a field's vector; event's vectors have that for each of their fields."""
    content_width: int = 32
    """Numbers that the content vector is brought to."""
    attention: tuple[int, ...] = (32,)
    """Widths of the attention's net."""
    num_crosses: int = 3
    """Cross layers."""
    cross_rank: int = 32
    """Of their matrices."""
    trunk: tuple[int, ...] = (256, 128)
    """Widths of the trunk's layers."""
    num_experts: int = 1
    """Trunks; of more than one each head mixes its own (Ma et al., MMoE, KDD 2018)."""
    dropout: float = 0.0
    """Share of a trunk layer's numbers that is dropped while the network learns."""
    num_places: int = 1
    """Codes of where an impression stood; 0 is the first place, and where it is not known."""
    heads: tuple[Head, ...] = (
        Head(name="click"),
        Head(name="cart", after="click"),
        Head(name="order", after="click"),
    )
    """What is predicted."""

    @property
    def fields(self) -> tuple[Field, ...]:
        """All fields in the order of the table of vectors."""
        return self.user_fields + self.candidate_fields

    @property
    def event_width(self) -> int:
        """Numbers of an event's vector, and of what a candidate asks with."""
        return self.width * len(self.event_fields)

    @property
    def user_width(self) -> int:
        """Numbers of a user as the trunk reads him; a dense one has two (``deep_dense``)."""
        return self.width * len(self.user_fields) + 2 * self.num_user_dense

    @property
    def candidate_width(self) -> int:
        """Numbers of a candidate as the trunk reads it, with what it heard of histories."""
        num_heard = (1 if self.event_fields else 0) + (1 if self.searched_by else 0)
        content = self.content_width if self.num_content else 0
        own = self.width * len(self.candidate_fields) + 2 * self.num_candidate_dense + content
        return own + num_heard * (self.event_width + 1)

    def check(self) -> None:
        """Refuse what does not fit together.

        Raises:
            InvalidNetworkError: With what does not.
        """
        for is_wrong, said in self._faults():
            if is_wrong:
                raise InvalidNetworkError(said)

    def _faults(self) -> list[tuple[bool, str]]:
        names = [field.name for field in self.fields]
        first = tuple(field.name for field in self.candidate_fields)[: len(self.event_fields)]
        plain = {head.name for head in self.heads if head.after is None}
        afters = {head.after for head in self.heads} - {None}
        return [
            (len(set(names)) < len(names), f"field names must differ, found {names}"),
            (not self.candidate_fields, "a candidate needs at least one field"),
            (self.event_fields != first, f"events have candidate's first fields, {first}"),
            (
                self.searched_by is not None and self.searched_by not in self.event_fields,
                f"a history is searched by one of {self.event_fields}, not {self.searched_by!r}",
            ),
            (not afters <= plain, f"heads come after one of {sorted(plain)}, found {afters}"),
            (not self.trunk or not self.attention, "trunk and attention need a layer each"),
        ]


class InvalidNetworkError(ValueError):
    """A configuration, or rows, do not fit together."""
