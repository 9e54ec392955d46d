"""The stage `notify`: tells the addresses of the settings what happens to alerts.

Each address has a consumer group of its own, so one that is away holds up only itself, and goes on
where it was. `outbox` decides what is due, `address` runs one address, `process` all of them.
"""

STAGE = "notify"


def group_of(topic_prefix: str, address: str) -> str:
    """Return the consumer group of an address such as "webhook.lab"."""
    return f"{topic_prefix}-{STAGE}-{address}"
