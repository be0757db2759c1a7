import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.sources.envelope import Envelope, with_raw


@given(st.binary(max_size=60))
def test_the_foreign_line_comes_back_byte_for_byte(line: bytes) -> None:
    written = msgspec.json.encode(with_raw(line, file="f", line=1))

    assert msgspec.json.decode(written, type=Envelope).original() == line


def test_what_a_log_does_not_say_is_absent() -> None:
    written = msgspec.json.encode(with_raw(b"x", file="f", line=1, user="ana"))

    assert msgspec.json.decode(written) == {
        "v": 1,
        "file": "f",
        "line": 1,
        "raw": "x",
        "user": "ana",
    }


def test_a_field_that_the_envelope_does_not_have_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.json.decode(b'{"v": 1, "file": "f", "line": 1, "colour": "red"}', type=Envelope)
