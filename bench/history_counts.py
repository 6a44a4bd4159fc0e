"""What the history must agree with: figures, ranges, changes and losses counted straight from the captures.

    python bench/history_counts.py --captures ../shared/captures

Reads the panel with pandas through tests/history_reference.py, which shares no code with the project. It takes
two minutes, most of it for the 147 indicators; --only NAME prints one of counts, pairs, guard, cuts, stories.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.history_reference import (
    FIVE,
    Figures,
    Key,
    Pair,
    Range,
    Spoken,
    figures,
    indicators,
    is_group,
    moved,
    ngdpd_tables,
    pairs,
    plain,
    ranges,
    speaks,
)

GREAT = ("USA", "CHN", "JPN", "DEU")
ECONOMIES, COUNTRY_YEARS = 0.02, 0.05  # the limits of the shrink guard
ENDED = {"FLIBOR3", "FLIBOR6"}  # in April and October 2021 only; without them the panel has 145 indicators


def economies_of(held: Figures) -> Figures:
    """Return the figures without groups."""
    return {vintage: {key: value for key, value in rows.items() if not is_group(key[1])}
            for vintage, rows in held.items()}


def one_by_one(captures: Path, wanted: Iterable[str]) -> Iterator[tuple[str, Figures, Spoken]]:
    """Yield the figures of each indicator, groups too; no range crosses indicators, so one at a time is enough."""
    for indicator in wanted:
        yield indicator, figures(captures, [indicator], groups=True), speaks(captures, [indicator])


# --- counts -------------------------------------------------------------------------------------------------------


def counts(captures: Path) -> None:
    """Print figures, keys and ranges for every definition."""
    total: Counter[tuple[str, str, str]] = Counter()
    for indicator, everything, spoken in one_by_one(captures, indicators(captures)):
        sets = ["147", *([] if indicator in ENDED else ["145"]), *(["five", indicator] if indicator in FIVE else [])]
        for who, held in (("economies", economies_of(everything)), ("and groups", everything)):
            found = {"figures": sum(map(len, held.values())), "keys": len(set().union(*held.values())),
                     "with": sum(map(len, ranges(held, spoken).values())),
                     "without": sum(map(len, ranges(plain(held), spoken).values()))}
            total.update({(name, who, what): number for name in sets for what, number in found.items()})
    print(f"{'indicators':10} {'areas':10} {'figures':>10} {'keys':>10} {'ranges':>10} {'without the flag':>16}")
    for name in (*FIVE, "five", "145", "147"):
        for who in ("economies", "and groups"):
            figure, keys, with_flag, without = (total[name, who, w] for w in ("figures", "keys", "with", "without"))
            print(f"{name:10} {who:10} {figure:10,} {keys:10,} {with_flag:10,} {without:16,}")
    agree = figures(captures, ["NGDPD"], groups=True) == ngdpd_tables(captures, groups=True)
    print(f"NGDPD of the panel and of the ten tables: {'equal' if agree else 'DIFFERENT'}")


# --- pairs --------------------------------------------------------------------------------------------------------


def names(areas: set[str]) -> str:
    """Return areas for a cell of a table."""
    return " ".join(sorted(areas)) or "-"


def pairs_of_five(captures: Path) -> None:
    """Print what each neighbouring pair changed, indicator by indicator, economies only."""
    heads = ("before", "after", "common", "revised", "confirmed", "reflagged", "appeared", "withdrawn", "new years")
    print(f"{'pair':17} {'indicator':9} " + " ".join(f"{head:>9}" for head in heads) + "  gained / lost")
    for indicator, everything, spoken in one_by_one(captures, FIVE):
        for pair in pairs(economies_of(everything), spoken):
            sizes = (pair.before, pair.after, pair.common, *map(len, (
                pair.revised, pair.confirmed, pair.reflagged, pair.appeared, pair.withdrawn, pair.new_years)))
            print(f"{pair.older} {pair.newer}   {indicator:9} " + " ".join(f"{size:9,}" for size in sizes)
                  + f"  {names(pair.gained)} / {names(pair.lost)}"
                  + (f" ({len(pair.dropped_years)} of years no longer spoken for)" if pair.dropped_years else ""))
    print("\nother changes of the flag alone (1 forecast, 0 actual, None not told), economies, five indicators")
    for pair in pairs(figures(captures), speaks(captures)):
        print(f"{pair.older} {pair.newer}", dict(Counter(f"{old[1]} -> {new[1]}" for old, new in
                                                         pair.reflagged.values())))
    areas_moved(captures)


def areas_moved(captures: Path) -> None:
    """Print how many areas moved more than a fifth in NGDPD, by several definitions."""
    print("\nNGDPD moved more than 20 %, and country-years withdrawn")
    print(f"{'pair':17} {'areas':10} {'withdrawn':>9} {'any year':>9} {'older year':>10}  in the older label's year")
    for _, everything, spoken in one_by_one(captures, ["NGDPD"]):
        for who, held in (("economies", economies_of(everything)), ("and groups", everything)):
            for pair in pairs(held, spoken):
                years = {key[2] for key in pair.revised}
                ever = {area for year in years for area in moved(pair, year)}
                then = moved(pair, int(pair.older[:4]))
                shown = ", ".join(f"{area} {change:+.1%}" for area, change in sorted(then.items()))
                print(f"{pair.older} {pair.newer}   {who:10} {len(pair.withdrawn):9} {len(ever):9} {len(then):10}  "
                      f"{shown}")


# --- the shrink guard ---------------------------------------------------------------------------------------------


def losses(pair: Pair, held: Figures, spoken: Spoken) -> tuple[float, float, set[str]]:
    """Return the shares of economies and of country-years lost in the years both speak for, and the great ones lost."""
    both = spoken[pair.older] & spoken[pair.newer]
    old = [key for key in held[pair.older] if (key[0], key[2]) in both]
    economies = {key[1] for key in old}
    if not old:
        return 0.0, 0.0, set()
    return len(pair.lost) / len(economies), len(pair.withdrawn) / len(old), pair.lost & set(GREAT)


def exceeds(shares: tuple[float, float, set[str]]) -> bool:
    """Tell whether the guard stops."""
    return shares[0] > ECONOMIES or shares[1] > COUNTRY_YEARS or bool(shares[2])


def guard(captures: Path) -> None:
    """Print which real pairs the guard would stop, indicator by indicator, and judged together."""
    worst: dict[tuple[str, str], tuple[float, str]] = {}
    stops = []
    for indicator, everything, spoken in one_by_one(captures, indicators(captures)):
        held = economies_of(everything)
        if not any(held.values()):
            continue
        for pair in pairs(held, spoken):
            shares = losses(pair, held, spoken)
            for name in ("all", *([indicator] if indicator in FIVE else [])):
                for what, share in zip(("economies", "country-years"), shares[:2], strict=True):
                    told = f"{indicator} {pair.older} {pair.newer}"
                    worst[name, what] = max(worst.get((name, what), (0.0, "-")), (share, told))
            if exceeds(shares):
                stops.append((indicator, pair, shares))
    for (name, what), (share, told) in worst.items():
        print(f"largest share of {what} lost, {name}: {share:.3%} {told}")
    print(f"\n{len(stops)} of the pairs of an indicator exceed the limits, {len({s[0] for s in stops})} indicators:")
    for indicator, pair, (economies, years, great) in stops:
        print(f"{indicator:12} {pair.older} {pair.newer}: economies {economies:.2%} ({names(pair.lost)}), "
              f"country-years {years:.2%} ({len(pair.withdrawn)}), of the great {names(great)}")
    guard_together(captures)


def guard_together(captures: Path) -> None:
    """Print the losses with the five indicators judged as one set."""
    held, spoken = figures(captures), speaks(captures)
    print("\nthe five together: an economy is lost when none of the five is left of it")
    for pair in pairs(held, spoken):
        economies, years, great = losses(pair, held, spoken)
        print(f"{pair.older} {pair.newer}: economies {economies:.2%}, country-years {years:.3%} "
              f"({len(pair.withdrawn)}), {names(great)}")


# --- cuts ---------------------------------------------------------------------------------------------------------


def cut(held: Figures, gone: set[Key]) -> tuple[Figures, Spoken]:
    """Return October 2025 whole, as the older of two, and without some keys."""
    rows = held["2025-10"]
    left = {key: value for key, value in rows.items() if key not in gone}
    two = {"2025-10": rows, "2025-10 cut": left}
    return two, {name: {(key[0], key[2]) for key in each} for name, each in two.items()}


def cuts(captures: Path) -> None:
    """Print what known and random damage loses in October 2025."""
    for wanted in (("NGDPD",), FIVE):
        held = figures(captures, wanted)
        rows = sorted(held["2025-10"])
        print(f"\n{', '.join(wanted)}: {len(rows):,} country-years, {len({key[1] for key in rows})} economies")
        for name, gone in damage(rows).items():
            two, spoken = cut(held, gone)
            pair = pairs(two, spoken)[0]
            shares = losses(pair, two, spoken)
            print(f"{name:38} {len(gone):6,} cells, withdrawn {len(pair.withdrawn):6,} ({shares[1]:.3%}), economies "
                  f"{len(pair.lost):3} ({shares[0]:.2%}) {names(pair.lost)[:60]}: "
                  f"{'stops' if exceeds(shares) else 'report'}")


def damage(rows: list[Key]) -> dict[str, set[Key]]:
    """Return kinds of damage and the keys that each takes."""
    chance = random.Random(20251014)
    tenth = set(chance.sample(rows, len(rows) // 10))
    areas, years = (sorted({key[place] for key in rows}) for place in (1, 2))
    lost_areas, lost_years = (set(chance.sample(each, len(each) // 10)) for each in (areas, years))
    return {
        "AFG before 1982, KAZ before 1993": {k for k in rows if (k[1], k[2] < 1982) == ("AFG", True)
                                             or (k[1], k[2] < 1993) == ("KAZ", True)},
        "AFG from 1982 on": {k for k in rows if k[1] == "AFG" and k[2] >= 1982},
        "KAZ from 1993 on": {k for k in rows if k[1] == "KAZ" and k[2] >= 1993},
        "AFG from 1982 on, KAZ from 1993 on": {k for k in rows if (k[1] == "AFG" and k[2] >= 1982)
                                               or (k[1] == "KAZ" and k[2] >= 1993)},
        "AFG after 1982, KAZ after 1993": {k for k in rows if (k[1] == "AFG" and k[2] > 1982)
                                           or (k[1] == "KAZ" and k[2] > 1993)},
        "a random tenth of the country-years": tenth,
        "a random tenth of the economies": {k for k in rows if k[1] in lost_areas},
        "a random tenth of the years": {k for k in rows if k[2] in lost_years},
        "the last tenth of the rows": set(rows[-(len(rows) // 10):]),
    }


# --- stories ------------------------------------------------------------------------------------------------------


def returning(told: list[Range]) -> bool:
    """Tell A, B, A without a gap."""
    return any(a.text == c.text != b.text and a.end == b.start and b.end == c.start
               for a, b, c in zip(told, told[1:], told[2:], strict=False))


def vanishing(told: list[Range]) -> bool:
    """Tell a value that went and came back."""
    return any(a.end != b.start for a, b in itertools.pairwise(told))


def resuming(told: list[Range]) -> bool:
    """Tell a value that went and came back the same."""
    return any(a.end != b.start and a.text == b.text for a, b in itertools.pairwise(told))


STORIES = {"return to an old value": returning, "vanish and return": vanishing, "vanish and return the same": resuming}


def life(captures: Path, key: Key) -> str:
    """Return every vintage's figure of a key, "f" for a forecast, "?" for not told; "." where the vintage has none."""
    held, spoken = figures(captures, [key[0]]), speaks(captures, [key[0]])
    marks = {1: "f", 0: "", None: "?"}
    told = [f"{v} {rows[key][0]}{marks[rows[key][1]]}" if key in rows else
            f"{v} {'.' if (key[0], key[2]) in spoken[v] else 'silent'}" for v, rows in sorted(held.items())]
    return " | ".join(told)


def stories(captures: Path) -> None:
    """Print keys whose history is worth a test."""
    for key in (("NGDPD", "NGA", 2022), ("NGDPD", "KOR", 2024)):
        print(key, life(captures, key))
    spoken, held = speaks(captures), figures(captures)
    without, with_flag = ranges(plain(held), spoken), ranges(held, spoken)
    for name, tells in STORIES.items():
        found = [key for key, told in sorted(without.items()) if tells(told)]
        flagged = sum(tells(told) for told in with_flag.values())
        print(f"\n{name}: {len(found)} keys of the five, {dict(Counter(key[0] for key in found))}; "
              f"with flags {flagged}")
        for key in sorted(found, key=lambda key: (key[0] != "NGDPD", -len(without[key]), key))[:12]:
            print(key, life(captures, key))
    print("\na series that an edition between two others leaves out whole, the five and all other indicators")
    for indicator in [*FIVE, *(each for each in indicators(captures) if each not in FIVE)]:
        skipped(captures, indicator)
    print("\na flag that turned back from actual to forecast, NGDPD, the figure equal")
    for pair in pairs(figures(captures, ["NGDPD"]), speaks(captures, ["NGDPD"])):
        back = sorted(key for key, (old, new) in pair.reflagged.items() if (old[1], new[1]) == (0, 1))
        print(f"{pair.older} {pair.newer}", [f"{area} {year}" for _, area, year in back])
    print("\nyears that a vintage between two others does not speak for, all indicators")
    for indicator in indicators(captures):
        silent(indicator, speaks(captures, [indicator]))


def skipped(captures: Path, indicator: str) -> None:
    """Print the economies of an indicator that are absent from a vintage between two that have them."""
    held = figures(captures, [indicator])
    order = sorted(held)
    had = {vintage: {key[1] for key in rows} for vintage, rows in held.items()}
    for area in sorted(set().union(*had.values())):
        at = [place for place, vintage in enumerate(order) if area in had[vintage]]
        if len(at) != at[-1] - at[0] + 1:
            print(indicator, area, "not in", [order[p] for p in range(at[0], at[-1]) if p not in at])


def silent(indicator: str, spoken: Spoken) -> None:
    """Print the years with silence between two vintages that speak."""
    order = sorted(spoken)
    for year in sorted({year for each in spoken.values() for _, year in each}):
        at = [place for place, vintage in enumerate(order) if (indicator, year) in spoken[vintage]]
        if len(at) != at[-1] - at[0] + 1:
            print(indicator, year, "not in", [order[p] for p in range(at[0], at[-1]) if p not in at])


SECTIONS = {"counts": counts, "pairs": pairs_of_five, "guard": guard, "cuts": cuts, "stories": stories}


def main() -> None:
    """Print the sections asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captures", type=Path, required=True)
    parser.add_argument("--only", choices=SECTIONS)
    chosen = parser.parse_args()
    for name in [chosen.only] if chosen.only else SECTIONS:
        print(f"\n=== {name}")
        SECTIONS[name](chosen.captures)


if __name__ == "__main__":
    main()
