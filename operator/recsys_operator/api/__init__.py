"""The three kinds as types: the one source of truth for the CRDs, the reference docs and every parser."""
