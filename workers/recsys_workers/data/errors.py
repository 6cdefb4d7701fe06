"""What can be wrong with a dataset. Messages are sentences that name the file, what was found and what is allowed."""


class InvalidData(ValueError):
    """The files cannot be read as the interactions that the RecModel's schema describes."""


class DatasetChanged(ValueError):
    """The files hold other bytes than the digest that the run, or its first attempt, fixed."""
