"""The applicability domains of the model versions of a lane."""

from collections.abc import Mapping

from processors.alerts.subject import Subject
from processors.assay.domain import DOMAIN_LAYOUT, Domain, DomainState
from processors.keys import domain_key
from processors.series import Scored
from processors.store import Store

DOMAINS_AT_HAND_MAX = 1_000


class Domains:
    """Places scored pairs in the domain of their model version; the store changes with `save` only.

    >>> from processors.store import MemoryStore
    >>> store, domains, about = MemoryStore(), Domains(), Subject("net", "1", "a")
    >>> def pair(i): return Scored("1", i, (None,) * 4, 0.0, 0.0, *[None] * 3, f"M{i}")
    >>> for i in range(100): _ = domains.placed(pair(i), about, {"logP": i % 7 - 3.0}, store)
    >>> domains.save(store)
    >>> Domains().placed(pair(101), about, {"logP": 40.0}, store).domain_rank < 0.05
    True
    """

    def __init__(self) -> None:
        self._at_hand: dict[Subject, tuple[Domain, DomainState | None]] = {}

    def placed(
        self, record: Scored, about: Subject, features: Mapping[str, float | str], store: Store
    ) -> Scored:
        """Return a scored pair with the rank of its molecule, as it is where there is none."""
        if not features:
            return record
        place = self._domain(about, store).update(record.molecule_id, features)
        return record if place.rank is None else record._replace(domain_rank=place.rank)

    def _domain(self, about: Subject, store: Store) -> Domain:
        found = self._at_hand.get(about)
        if found is None:
            data = store.get(domain_key(about.lane_key, about.model_version))
            state = None if data is None else DOMAIN_LAYOUT.unpack(data)
            found = self._at_hand[about] = (Domain(state=state), state)
        return found[0]

    def save(self, store: Store) -> None:
        """Write the domains that learnt; let go of what is too much to keep at hand."""
        for about, (domain, stored) in self._at_hand.items():
            if domain.state is not stored:
                key = domain_key(about.lane_key, about.model_version)
                store.put(key, DOMAIN_LAYOUT.pack(domain.state))
                self._at_hand[about] = (domain, domain.state)
        if len(self._at_hand) > DOMAINS_AT_HAND_MAX:
            self._at_hand.clear()
