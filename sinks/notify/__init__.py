"""Channels by which alerts reach people: one file each, and no list of them.

A channel has `Options`, its settings as a subclass of `ChannelOptions`, and `Channel(options, ca,
now_s)` with `send(notice)`, which delivers or raises UnavailableError (try again) or DataError
(refused for good), and `probe()`, which raises the same when the address cannot be reached. Secrets
are fields of type SecretStr; `NAME_file` in the settings names a file that holds one. Retries,
order, filters and dead letters are the caller's. One more channel is one more file here, whose name
is its section in the settings; names that begin with an underscore are no channels.
"""
