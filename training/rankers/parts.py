"""Files of a model that is part of another one: their names begin with the part's."""

from collections.abc import Mapping


def named(part: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Name a part's files among those of the whole."""
    return {f"{part}.{file}": written for file, written in files.items()}


def of(part: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Find a part's files among those of the whole, as it named them."""
    prefix = f"{part}."
    return {
        file.removeprefix(prefix): written
        for file, written in files.items()
        if file.startswith(prefix)
    }
