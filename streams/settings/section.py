"""What all sections of the settings have in common."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A section of the settings file; an unknown name in it is refused."""

    # What was put in may be a password, and details of errors go to logs.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
