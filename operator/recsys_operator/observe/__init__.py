"""What reads: everything that a decision needs, once, into frozen values."""
