"""How the shop's apps write their log, and how much of it is damaged on the way."""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class DirtConfig:
    """Rates are shares of the lines that can have the kind; no line has two."""

    duplicate: float = 0.01
    """Sent again, from the same hour to 5 days later."""
    late: float = 0.01
    """Arrives 1 to 5 days after its event day."""
    out_of_order: float = 0.02
    """Arrives 1 to 5 hours late, on its event day; of events before 23:00."""
    truncated: float = 0.002
    """Cut anywhere, also inside a character."""
    not_json: float = 0.002
    """Lines of log text in between, for each line of the day."""
    wrong_type: float = 0.002
    """The time as an object, or the position as text."""
    absurd_time: float = 0.002
    """Years before or after it arrived."""
    renamed_field: float = 0.003
    """``at`` called ``timestamp``; of version 3."""
    not_utf8: float = 0.01
    """A text in another encoding; of lines with a query, a comment or a title."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LogConfig:
    """Which versions write, and what they leave out."""

    seed: int = 7
    """Of ids, versions, delays and dirt."""
    version_1_share: float = 0.1
    """Users of the oldest apps; whatever those cannot say, live streams, comes from version 2."""
    version_2_share: float = 0.25
    """Users of last year's apps, and items whose catalogue lines are of last year's form."""
    gzip_share: float = 0.2
    """Hours whose file is compressed."""
    no_session_share: float = 0.1
    """Users whose app never names its session."""
    no_app_share: float = 0.05
    """Users whose app never says country, platform and language."""
    silent_app_share: float = 0.1
    """Events that leave them out though their app knows them."""
    no_place_share: float = 0.1
    """Outcomes that name neither request nor position."""
    extra_share: float = 0.05
    """Events with fields that no reader knows."""
    dirt: DirtConfig = field(default_factory=DirtConfig)
