"""What a campaign does not take, each with the reason."""

NOT_TAKEN: dict[str, str] = {}
