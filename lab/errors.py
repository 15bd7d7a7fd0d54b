"""The one exception that stands for a user's mistake."""


class UsageError(ValueError):
    """What was got, the rule, the remedy, in one line; the command line prints it and exits 2."""
