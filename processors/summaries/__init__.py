"""What a window remembers of its pairs: small, revertible, and the same in every order of arrival.

A summary takes pairs in (`update`), takes them out again (`revert`), rests as bytes (`to_bytes`,
`from_bytes`) and is read by the files in `processors/metrics/`. May import `schemas` only. To add
one: a file with a subclass of `summary.Summary`; a metric names it in `NEEDS`.
"""
