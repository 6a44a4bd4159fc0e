"""What becomes of a row: a number, what the balance calls it, and the rule that quarantines it."""

from __future__ import annotations

(STAYS, GROUP, STRANGER, EMPTY, NO_NUMBER, NO_YEAR, NO_UNIT, EXACT, SUPERSEDED, NOT_ASKED, TOO_LARGE) = range(11)
FATES = ("out", "set aside: aggregate", "quarantined", "set aside: no value", "quarantined", "quarantined",
         "quarantined", "duplicate: exact", "duplicate: superseded", "set aside: not asked for", "quarantined")
RULES = {STRANGER: "identity", NO_NUMBER: "number", NO_YEAR: "year", NO_UNIT: "unit", SUPERSEDED: "superseded",
         TOO_LARGE: "number"}
