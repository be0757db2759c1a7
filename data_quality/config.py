"""What the checks take as usual, and how much of what failed they show."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class QualityConfig:
    """Settings of ``validate`` and ``drift``."""

    max_examples: int = 5
    """Offending examples kept of one failed expectation on one day."""
    usual_days: int = 7
    """Days before a day whose rows say what is usual; the median of them is compared."""
    min_usual_share: float = 0.5
    """A day with fewer rows than this share of the usual is a warning."""
    max_usual_share: float = 2.0
    """A day with more rows than this share of the usual is a warning."""
    num_rows_ignored: int = 100
    """Added to both sides before they are compared: 3 rows instead of 1 are no news."""
    num_bins: int = 10
    """Quantile bins of the week before in which a day's values are counted for their drift."""
    max_psi: float = 0.2
    """Population stability index above which a feature is said to have moved.

    0.1 little, 0.2 much: Siddiqi, Credit Risk Scorecards, 2006, section 6.
    """
    min_share: float = 1e-4
    """Shares of a bin below it are taken as it, so that an empty bin has a logarithm."""
    min_drift_rows: int = 1_000
    """Rows that the day and the week before must have each: of fewer, PSI measures chance."""
    max_drift_rows: int = 100_000
    """Rows of a day beyond which drift looks at one key in n only, chosen by the key's hash."""
