"""The class-balance board: what there is of each class, what weights and a cut for blur make of it."""

from seglib.widgets.balance.board import BalanceBoard

__all__ = ["BalanceBoard"]
