"""The proposal explorer: superpixels grow together, regions are ranked, one is chosen, scored and pasted."""

from seglib.widgets.proposals.explorer import ProposalExplorer

__all__ = ["ProposalExplorer"]
