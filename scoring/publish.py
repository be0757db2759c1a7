"""Publishes slates: writes one file a surface, then moves the one pointer that readers follow.

Belongs here: what a publication holds and when it may replace another. That the rows keep every
promise is checked before, by ``scoring.guarantees``; how the folder stays whole is
``scoring.publication_folder``; readers are ``scoring.reader``.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

import msgspec
import pyarrow as pa

from etl.arrow import arrow_schema
from etl.tables import PUBLICATIONS_LOG
from scoring import publication_folder as folder
from scoring.publication_build import Blocked, Offer, PublicationError, build, require_whole
from scoring.publication_places import SOURCES, StoreError
from scoring.published import FORMAT, Manifest, Swap, read_manifest

__all__ = [
    "Blocked",
    "NothingToRollBackError",
    "Offer",
    "OlderSlatesError",
    "PublicationError",
    "PublishConfig",
    "StoreError",
    "log_rows",
    "publish",
    "rollback",
]

SEGMENT_RULE: Final = "country|platform|language as sent with requests, nothing where absent"


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishConfig:
    """How publications follow one another."""

    num_kept: int = 7
    """Publications that stay for rollback."""
    is_older_allowed: bool = False
    """Whether a surface may go back to slates of an older day than it serves."""
    versions: dict[str, str] = field(default_factory=dict)
    """Of the software that made the slates, for the manifest."""


class OlderSlatesError(PublicationError):
    """Older slates than those served were offered."""


class NothingToRollBackError(PublicationError):
    """There is no such publication to go back to."""


def publish(
    publications: Path,
    *,
    surfaces: Mapping[str, Offer | Blocked],
    items: pa.Table,
    now: datetime,
    config: PublishConfig,
) -> Manifest:
    """Write a publication and let readers see it, all surfaces at once.

    Killed at any point, it leaves readers the publication before or this one, whole.

    Args:
        publications: The folder; made if missing.
        surfaces: By name, each surface's rows, or why it keeps its file. All served ones.
        items: ``item_no``, ``item_id`` and ``title`` of at least every item that is named.
        now: When, with its time zone.
        config: How publications follow one another.

    Returns:
        What readers see now.

    Raises:
        PublicationError: If a surface that is served is not named, none has rows, or the disk
            refused.
        OlderSlatesError: If a day is older than what its surface serves.
        StoreError: If rows cannot be published as they are.
        AlreadyPublishingError: If another process is publishing.
    """
    with folder.only_writer(publications):
        before = folder.current(publications)
        _require_all_served(surfaces, before)
        _require_newer(surfaces, before, config)
        draft = _draft(publications, before, now, config)
        manifest = build(publications, draft, surfaces=surfaces, items=items)
        folder.move_pointer(publications, folder.swap_of(manifest))
        folder.retire(publications, num_kept=config.num_kept)
    return manifest


def rollback(publications: Path, *, to: str | None, now: datetime) -> Swap:
    """Let readers see an earlier publication again.

    Args:
        publications: The folder.
        to: A publication's id; None for the one that the current one replaced.
        now: When, with its time zone.

    Returns:
        How the pointer moved.

    Raises:
        NothingToRollBackError: If there is no such publication.
        PublicationError: If its files are not those that its manifest names.
    """
    with folder.only_writer(publications):
        served = folder.current(publications)
        if served is None:
            raise NothingToRollBackError(
                f"nothing is published in {publications}; run: nightmarket night --day D"
            )
        manifest = read_manifest(publications, _target(publications, served, to))
        require_whole(publications, manifest)
        swap = msgspec.structs.replace(
            folder.swap_of(manifest),
            action=folder.ROLLED_BACK,
            published_at=_utc(now),
            previous_id=served.publication_id,
        )
        folder.move_pointer(publications, swap)
    return swap


def log_rows(publications: Path, *, already_logged: Collection[tuple[str, datetime]]) -> pa.Table:
    """Say which moves of the pointer are still to be logged.

    The folder keeps its own history, so that a kill between swap and log loses nothing.

    Args:
        publications: The folder.
        already_logged: ``publication_id`` and ``published_at`` (UTC) of the rows there are.

    Returns:
        Rows of ``tables.PUBLICATIONS_LOG``, oldest first.
    """
    known = {(publication_id, _utc(at)) for publication_id, at in already_logged}
    moves = folder.swaps(publications)
    new = [swap for swap in moves if (swap.publication_id, swap.published_at) not in known]
    schema = arrow_schema(PUBLICATIONS_LOG.schema)
    return pa.Table.from_pylist([_log_row(swap) for swap in new], schema=schema)


def _log_row(swap: Swap) -> dict[str, object]:
    row = {name: getattr(swap, name) for name in swap.__struct_fields__}
    surfaces = msgspec.json.encode(swap.surfaces, order="sorted").decode()
    return row | {"arrival_date": swap.slate_date, "surfaces": surfaces}


def _draft(
    publications: Path, before: Swap | None, now: datetime, config: PublishConfig
) -> Manifest:
    """Begin a manifest: all but the surfaces. Ids sort by age, whatever the clock does."""
    made_at = _utc(now)
    made = {swap.publication_id for swap in folder.swaps(publications)}
    number = max((int(found.split("-")[0]) for found in made), default=0) + 1
    return Manifest(
        format=FORMAT,
        publication_id=f"{number:06d}-{made_at:%Y%m%dT%H%M%SZ}",
        previous_id="" if before is None else before.publication_id,
        made_at=made_at,
        slate_date=date.min,
        surfaces={} if before is None else before.surfaces,
        sources=SOURCES,
        segment_rule=SEGMENT_RULE,
        versions=config.versions,
    )


def _require_all_served(surfaces: Mapping[str, Offer | Blocked], before: Swap | None) -> None:
    served = set() if before is None else set(before.surfaces)
    if missing := served - set(surfaces):
        raise PublicationError(
            f"{', '.join(sorted(missing))} would no longer be served; offer its rows, or block it "
            "with a reason, which keeps its file"
        )


def _require_newer(
    surfaces: Mapping[str, Offer | Blocked], before: Swap | None, config: PublishConfig
) -> None:
    if before is None or config.is_older_allowed:
        return
    for name, offered in surfaces.items():
        served = before.surfaces[name].slate_date if name in before.surfaces else None
        if isinstance(offered, Offer) and served is not None and offered.day < served:
            raise OlderSlatesError(
                f"{name} serves the slates of {served}, and those of {offered.day} are older; to "
                "go back, run: nightmarket rollback, or publish with --allow-older"
            )


def _target(publications: Path, served: Swap, to: str | None) -> str:
    there = folder.ids(publications)
    target = folder.replaced_by(publications, served.publication_id) if to is None else to
    if target in there and target != served.publication_id:
        return target
    wanted = "the one before it" if to is None else repr(to)
    others = ", ".join(found for found in there if found != served.publication_id) or "no other"
    raise NothingToRollBackError(
        f"{served.publication_id} is served, and {wanted} cannot be gone back to; there is {others}"
    )


def _utc(at: datetime) -> datetime:
    """Say an instant in UTC; one without a time zone is in UTC, as the lake's are."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
