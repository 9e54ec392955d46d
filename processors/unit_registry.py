"""The table of units, made once: an import waits for one that is under way in another thread.

pint's own default registry is filled at its first use, and two lanes that use it at once find it
half filled.
"""

import pint

REGISTRY: pint.UnitRegistry[float] = pint.UnitRegistry(on_redefinition="ignore")
