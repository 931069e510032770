"""The class-balance board: how much there is of each class, and what weights and a cut for blur change."""

from seglib.widgets.balance.board import BalanceBoard

__all__ = ["BalanceBoard"]
