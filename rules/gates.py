"""What must be true of a vintage before it may enter the database, with every number in one place.

A gate that fails stops the run with exit 3 and leaves the database as it was; `--accept GATE` lets it through and is
recorded in the manifest.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from rules.indicators import INDICATORS, MAIN

if TYPE_CHECKING:
    from history.losses import Loss
    from history.merge import Conflict


@dataclass(frozen=True, slots=True)
class Limits:
    """The numbers of one dataset's gates.

    economies:  fewest economies with GDP in any year of the vintage: in 1980 the IMF itself has 144 of its 197.
    majors:     economies without which no vintage is believed.
    unmatched:  largest share of names and codes that may stay unknown.
    world:      largest difference between the World row and the sum, as a share of the sum.
    world_stops: True where a difference means that economies are lost; False where the row is typed by hand and a
                difference is a typo of the row, which is reported and not trusted.
    share:      largest share of one economy in the picture.
    jump:       a value this many times its neighbour, or this small a part of it, is no figure of an economy. The
                largest real step in ten vintages is 13.3 (Croatia 1992 to 1993); a thousandfold error of small values
                shows where a series crosses 1,000, as a step of 100 to 1,000.
    gone, lost: largest share of the economies, and of the figures, that a vintage may lack which its neighbour before
                has, in the years both speak for. Nine real pairs lose no economy, and 24 figures of 8,377 at most.
    """

    economies: int = 1
    majors: tuple[str, ...] = ()
    unmatched: Decimal = Decimal("0.02")
    world: Decimal = Decimal("0.02")
    world_stops: bool = True
    share: Decimal = Decimal("0.40")
    jump: int = 100
    gone: Decimal = Decimal("0.02")
    lost: Decimal = Decimal("0.05")


MAJORS = ("USA", "CHN", "JPN", "DEU")

LIMITS: Mapping[str, Limits] = {
    "imf-weo": Limits(economies=180, majors=MAJORS),
    # Iraq falls from 180.4 to 0.4 billion between 1990 and 1991 in the World Bank's own figures, at the official rate.
    "worldbank-wdi": Limits(economies=150, majors=MAJORS, jump=500),
    "wikipedia-nominal": Limits(economies=170, majors=MAJORS, world_stops=False),
}
USERS_OWN = Limits(share=Decimal(1), world_stops=False)  # a table of ten countries is a table

OF_FIGURES = ("economies", "majors", "unmatched", "world", "share", "jump")  # judged by transform, on one vintage
CONFLICT, SHRINK = OF_HISTORY = ("conflict", "shrink")  # judged by load, against what is held
NAMES = OF_FIGURES + OF_HISTORY
SUMMED = ("NGDPD", "LP")  # the World's figure is the sum of the economies'; of a rate or a ratio it is not
NEIGHBOURS = 10  # years: figures of one economy further apart than these say nothing of each other
SHOWN = 60  # characters of a hostile name that a message repeats


def limits_of(dataset: str, indicator: str = MAIN) -> Limits:
    """Return the limits of a dataset for GDP.

    A user's own table, and a picture of another indicator, have only the ones that hold for every table.
    """
    return LIMITS.get(dataset, USERS_OWN) if indicator == MAIN else USERS_OWN


@dataclass(frozen=True)
class Census:
    """What an engine counted in one vintage, for the gates to judge.

    indicator:   the main one, NGDPD where the vintage has it; "GDP" below is its figures.
    year:        of the picture; 0 where each cell has its own.
    gdp:         iso3 -> GDP in billion US dollars in that year.
    economies:   the economies that have GDP in any year.
    world:       the World row's GDP in that year, None where the source gives none.
    names:       how many different names and codes, aggregates left out; unknown: those that nobody knows.
    jumps:       sentences naming a value that is a hundredfold its neighbour, the economy's code first.
    jumped:      the codes of those economies, each once.
    """

    dataset: str
    vintage: str
    year: int
    gdp: Mapping[str, Decimal]
    world: Decimal | None
    names: int
    unknown: Sequence[str]
    jumps: Sequence[str] = field(default_factory=list)
    jumped: Sequence[str] = field(default_factory=list)
    economies: Collection[str] = ()
    indicator: str = MAIN


@dataclass(frozen=True)
class Finding:
    """A gate's verdict that is not simply "passed": fatal stops the run, the rest is reported."""

    gate: str
    text: str
    fatal: bool


def judge(census: Census) -> list[Finding]:
    """Return what the gates find wrong with a vintage, worst things first."""
    limits = limits_of(census.dataset, census.indicator)
    found = [*_economies(census, limits), *_majors(census, limits), *_jump(census), *_unmatched(census, limits),
             *_world(census, limits), *_share(census, limits)]
    return sorted(found, key=lambda finding: not finding.fatal)


def _what(census: Census) -> str:
    if census.indicator == MAIN:
        return "GDP"
    known = INDICATORS.get(census.indicator)
    return known.title if known else census.indicator[:SHOWN]


def _when(census: Census) -> str:
    return f" in {census.year}" if census.year else ""


def shown(text: str) -> str:
    """Return a source's own word as a message repeats it: cut, control characters escaped, no comma to mislead."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text[:SHOWN])


def _economies(census: Census, limits: Limits) -> list[Finding]:
    count = len(census.economies or census.gdp)
    if not census.gdp:
        return [Finding("economies", f"no economy has {_what(census)}{_when(census)}", True)]
    if count >= limits.economies:
        return []
    text = f"{count} economies have {_what(census)}, at least {limits.economies} are expected"
    return [Finding("economies", text, True)]


def _majors(census: Census, limits: Limits) -> list[Finding]:
    held = census.economies or census.gdp
    missing = [iso3 for iso3 in limits.majors if iso3 not in held]
    return [Finding("majors", f"no {_what(census)} of {', '.join(missing)}", True)] if missing else []


def _jump(census: Census) -> list[Finding]:
    if not census.jumps:
        return []
    who = ", ".join(census.jumped[:40]) + (f" and {len(census.jumped) - 40} more" if len(census.jumped) > 40 else "")
    text = f"values more than a hundredfold their neighbours in {who}: {'; '.join(census.jumps[:3])}"
    return [Finding("jump", text, True)]


def _unmatched(census: Census, limits: Limits) -> list[Finding]:
    if not census.unknown:
        return []
    names, more = ", ".join(map(shown, census.unknown[:10])), len(census.unknown) - 10
    text = (f"{len(census.unknown):,} of {census.names:,} names are unknown: {names}"
            + (f" and {more:,} more" if more > 0 else ""))
    return [Finding("unmatched", text, Decimal(len(census.unknown)) > limits.unmatched * census.names)]


def _world(census: Census, limits: Limits) -> list[Finding]:
    total = sum(census.gdp.values(), Decimal(0))
    if census.world is None or total <= 0 or census.indicator not in SUMMED:
        return []
    apart = abs(census.world - total) / total
    if apart <= limits.world:
        return []
    unit = INDICATORS[census.indicator].unit.split()[0]
    text = (f"the World row{_when(census)} says {census.world:,.0f} {unit}, the economies sum to {total:,.0f}: "
            f"{apart:.1%} apart, the row is not used")
    return [Finding("world", text, limits.world_stops)]


def _share(census: Census, limits: Limits) -> list[Finding]:
    total = sum(census.gdp.values(), Decimal(0))
    if total <= 0 or limits.share >= 1:
        return []
    iso3, largest = max(census.gdp.items(), key=lambda item: item[1])
    if largest <= limits.share * total:
        return []
    return [Finding("share", f"{iso3} alone is {largest / total:.0%} of the sum{_when(census)}", True)]


# --- against what is held -----------------------------------------------------------------------------------------


def judge_conflicts(conflicts: Sequence[Conflict], told: Callable[[str], str]) -> list[Finding]:
    """Return what contradictions within one vintage amount to. told: vintage key -> its name for a person."""
    if not conflicts:
        return []
    first = [f"{told(c.vintage)} {c.indicator[:SHOWN]} {c.iso3} {c.year} is {_figure(c.kept)} by {c.kept_by} and "
             f"{_figure(c.left)} by {c.left_by}" for c in conflicts[:5]]
    more = f" and {len(conflicts) - 5:,} more" if len(conflicts) > 5 else ""
    text = f"{len(conflicts):,} figure(s) of one vintage contradict what is held: {'; '.join(first)}{more}"
    return [Finding(CONFLICT, text, True)]


def judge_losses(losses: Sequence[Loss], dataset: str, told: Callable[[str], str]) -> list[Finding]:
    """Return what vintages lost against the one before them: too much is fatal, less is reported as withdrawn."""
    limits, found = limits_of(dataset), []
    for loss in losses:
        majors = [iso3 for iso3 in MAJORS if iso3 in loss.gone]  # of a user's own table too: it had them before
        fatal = bool(majors or len(loss.gone) > limits.gone * loss.economies
                     or loss.figures_lost > limits.lost * loss.figures)
        gone = f"{len(loss.gone)} of {loss.economies} economies ({_some(loss.gone)}) and " if loss.gone else ""
        text = (f"{told(loss.later)} lacks {gone}{loss.figures_lost:,} of {loss.figures:,} figures of "
                f"{loss.indicator[:SHOWN]} that {told(loss.earlier)} has: {_lost(loss)}")
        found.append(Finding(SHRINK, text, fatal))
    return sorted(found, key=lambda finding: not finding.fatal)


def judge_list(dataset: str, held: Sequence[str], shown: Collection[str], told: str) -> list[Finding]:
    """Return what a list lost whose cells have their own years: silent of an economy, it takes it from the picture.

    held, shown: iso3 in the picture until now, largest first, and in the one that comes; told: its vintage.
    """
    gone = [iso3 for iso3 in held if iso3 not in shown]
    if not gone or dataset not in LIMITS:
        return []
    limits = LIMITS[dataset]
    fatal = any(iso3 in limits.majors for iso3 in gone) or len(gone) > limits.gone * len(held)
    text = f"{told} lacks {len(gone)} of {len(held)} economies of the picture that is held: {_some(gone)}"
    return [Finding(SHRINK, text, fatal)]


def _figure(figure: tuple[str, str, str] | None) -> str:
    """Return a figure as a message says it."""
    if figure is None:
        return "absent"
    return figure[0] + {"1": " (forecast)", "0": " (actual)", "": ""}[figure[2]]


def _some(names: Sequence[str], most: int = 12) -> str:
    return " ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _lost(loss: Loss) -> str:
    """Return the economies that lost most, with the years: AFG 1980-1981 (2)."""
    worst = sorted(loss.lost.items(), key=lambda each: (-len(each[1]), each[0]))
    return _some([f"{iso3} {years[0]}" + (f"-{years[-1]} ({len(years)})" if len(years) > 1 else "")
                  for iso3, years in worst], 8).replace(") ", "), ")
