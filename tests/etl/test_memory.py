import psutil

from etl import memory

_BLOCKS = 200_000
_BYTES = 1_000


def test_what_the_c_library_keeps_for_later_goes_back_to_the_system() -> None:
    blocks = [bytes(_BYTES) for _ in range(_BLOCKS)]
    last = bytes(_BYTES)  # Behind it: memory is not given back from the end by itself.
    del blocks
    before = psutil.Process().memory_info().rss

    memory.give_back()

    assert before - psutil.Process().memory_info().rss > _BLOCKS * _BYTES / 2
    assert len(last) == _BYTES
