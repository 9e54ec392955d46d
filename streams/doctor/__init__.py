"""What `recalibra doctor` looks at: one file per subject, and no list of them.

A subject has `PLACE`, its place in the report, and `look(checkup)`, which yields findings. It may
raise any RecalibraError, whose sentence becomes its last finding; the others go on. One more
subject is one more file here; names that begin with an underscore are no subjects.
"""
