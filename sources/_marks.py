"""Which sign is the decimal mark of a document: recognised from all its cells or refused, never guessed."""

from __future__ import annotations

import re

NUMBER = re.compile(r"[+\-−]?([0-9.,]+)%?")
GROUPED = {mark: re.compile(rf"[1-9][0-9]{{0,2}}(?:\{mark}[0-9]{{3}})+") for mark in ",."}
BLANKS = str.maketrans("", "", " \u00a0\u2009\u202f'’")
OTHER = {",": ".", ".": ","}


class Undecidable(ValueError):
    """The document's cells contradict each other, or none tells; the message is a sentence for a person."""


class Marks:
    """Evidence of a document's decimal mark.

    "0,348", "1101,445" and "1.101,445" can only have a decimal comma, "11,245.34", "20.2" and "1,101,445" only a
    decimal point; "1,234" and "1.234" can be either and only raise the question.
    """

    def __init__(self) -> None:
        self.sure: dict[str, str] = {}  # mark -> a cell in which it can only be the decimal mark
        self.weak: dict[str, str] = {}  # mark -> a cell in which it is the decimal mark or a thousands mark
        self.grouping = False  # a cell groups its thousands and has a decimal mark too

    def see(self, cell: str) -> None:
        """Take one cell into account; what is no number says nothing."""
        found = NUMBER.fullmatch(cell.translate(BLANKS))
        if not found:
            return
        body = found.group(1)
        if "," in body and "." in body:
            self._both(body, cell)
        elif "," in body:
            self._one(body, ",", cell)
        elif "." in body:
            self._one(body, ".", cell)

    def _both(self, body: str, cell: str) -> None:
        mark = "," if body.rfind(",") > body.rfind(".") else "."
        whole, _, fraction = body.rpartition(mark)
        if fraction.isdigit() and GROUPED[OTHER[mark]].fullmatch(whole):
            self.sure.setdefault(mark, cell)
            self.grouping = True

    def _one(self, body: str, mark: str, cell: str) -> None:
        whole, _, fraction = body.partition(mark)
        if body.count(mark) > 1:
            if GROUPED[mark].fullmatch(body):
                self.sure.setdefault(OTHER[mark], cell)
        elif GROUPED[mark].fullmatch(body):
            self.weak.setdefault(mark, cell)
        elif fraction.isdigit() and (whole.isdigit() or not whole):
            self.sure.setdefault(mark, cell)

    @property
    def open_question(self) -> bool:
        """True until a cell with a point that can only be decimal was seen; cells with a comma always matter."""
        return "." not in self.sure

    def decide(self) -> str:
        """Return "." or ",". Raises Undecidable where cells contradict each other or only "1,234" is there."""
        sure, weak = self.sure, self.weak
        if "," in sure and "." in sure:
            raise Undecidable(f"{sure[',']!r} has a decimal comma and {sure['.']!r} a decimal point")
        if "," in sure:
            if "." in weak and not self.grouping:
                raise Undecidable(f"{sure[',']!r} has a decimal comma, and {weak['.']!r} may have a decimal point")
            return ","
        if "," in weak and "." not in sure:
            raise Undecidable(f"{weak[',']!r} may have a decimal comma or a thousands comma, and no other cell tells")
        return "."
