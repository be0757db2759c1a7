"""How networks' learning rates rise and fall."""

import math


def rate(step: int, num_steps: int, *, rising_share: float = 1 / 30) -> float:
    """Give a step's share of the learning rate: a short rise, then half a cosine down to 0.

    Loshchilov, Hutter, ICLR 2017, without restarts.

    Args:
        step: From 0.
        num_steps: Of the whole fit.
        rising_share: Share of the steps in which it rises, one step at least.
    """
    num_rising = max(int(num_steps * rising_share), 1)
    if step < num_rising:
        return (step + 1) / num_rising
    return 0.5 * (1 + math.cos(math.pi * (step - num_rising) / max(num_steps - num_rising, 1)))
