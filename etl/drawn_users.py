"""Which users stand for all where not all fit into memory: those of the smallest hashes.

A user's hash is of his id alone, so that whoever is drawn for a small share is drawn for every
larger one, on any day, by whoever draws.
"""

from hashlib import blake2b
from typing import Final

import pyarrow as pa

HASH_BYTES: Final = 8


def user_hash(user_id: str) -> bytes:
    """Hash a user's id: eight bytes, evenly spread, that compare as numbers do."""
    return blake2b(user_id.encode(), digest_size=HASH_BYTES).digest()


def are_drawn(user_id: pa.Array, share: float) -> pa.BooleanArray:
    """Tell which rows are of drawn users.

    Args:
        user_id: Whose each row is: strings.
        share: Of all users, in (0, 1).
    """
    limit = int(share * 256**HASH_BYTES).to_bytes(HASH_BYTES, "big")
    coded = user_id.dictionary_encode()
    drawn = pa.array([user_hash(user) < limit for user in coded.dictionary.to_pylist()], pa.bool_())
    return drawn.take(coded.indices)
