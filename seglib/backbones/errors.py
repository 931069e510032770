"""What can go wrong with weights."""


class WeightsError(ValueError):
    """Weights cannot be had; the sentence says why and what to do instead."""
