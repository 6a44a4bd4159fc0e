"""Make data/country_region_table.json, the project's own table of economies, regions and names, from facts.

    python data/make_country_region_table.py --captures DIR [--output FILE]

Reads, under DIR: the UN's M49 list and datasets/country-codes (regions/), the World Bank's list of countries
(worldbank/), the IMF's list of areas (imf_sdmx/), one WEO workbook and the IMF's table of numeric codes (weo/,
weo_ngdpd/) and the codes of the IMF's datamapper (datamapper/). Everything else is literal below. The same facts give
the same bytes. Fails, naming the two economies, where a name or a code would mean both.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from rules.identity import Identity, normalized  # noqa: E402  the path comes first

VERSION = "2026.1"
OUTPUT = Path(__file__).resolve().parent / "country_region_table.json"

LEFT_OUT = {"ATA"}  # Antarctica: in none of the six regions, and no dataset has a figure for it

# Short English names where CLDR's display name is too short, or abbreviates.
NAMES = dict(line.split(" ", 1) for line in """\
ATG Antigua and Barbuda
BIH Bosnia and Herzegovina
CIV Côte d'Ivoire
COD DR Congo
COG Congo
CPV Cabo Verde
GBR United Kingdom
HMD Heard Island and McDonald Islands
SGS South Georgia and the South Sandwich Islands
STP São Tomé and Príncipe
TTO Trinidad and Tobago
UMI United States Minor Outlying Islands
USA United States
VCT Saint Vincent and the Grenadines
VIR United States Virgin Islands""".splitlines())

# What no list of facts has: Taiwan and Kosovo are not in M49, the Channel Islands are an economy of the World Bank's.
BESIDE_M49 = {
    "TWN": {"iso2": "TW", "m49": "158", "name": "Taiwan", "region": "Asia", "subregion": "Eastern Asia"},
    "XKX": {"iso2": "XK", "m49": "", "name": "Kosovo", "region": "Europe", "subregion": "Southern Europe"},
    "CHI": {"iso2": "JG", "m49": "830", "name": "Channel Islands", "region": "Europe", "subregion": "Northern Europe"},
}

# Codes of older editions and other publishers: the IMF's and the World Bank's own, Eurostat's EL and UK.
CODES = {
    "AND": ["ADO"], "COD": ["ZAR"], "GBR": ["UK"], "GRC": ["EL"], "IMN": ["IMY"], "MMR": ["BUR"], "PSE": ["WBG"],
    "ROU": ["ROM"], "TLS": ["TMP"], "XKX": ["KOS", "KSV", "RKS", "UVK", "XKK"],
}
PUBLISHERS_OWN = {code: iso3 for iso3, codes in CODES.items() for code in codes}

# Names that the lists above do not have: older ones, Wikipedia's, the UN's national accounts', everyday ones.
ALIASES = [line.split(": ", 1) for line in """\
ALA: Aland
ARE: UAE; Emirates
BES: BES Islands
BIH: Bosnia & Herz.
BLR: Byelorussia; Belorussia
CAF: CAR
CCK: Keeling Islands
CHI: Channel Is.
CHN: PR China; PRC; Mainland China; China, P.R.: Mainland
CIV: Cote d Ivoire; Republic of Côte d'Ivoire
COD: DRC; Zaire
ESH: Sahrawi Arab Democratic Republic; Sahrawi Republic
FLK: Malvinas; Islas Malvinas
FRO: Faeroe Islands; Faroes
FSM: Micronesia, Fed. States of; FS Micronesia; FSM
GBR: Great Britain; Britain
GNQ: Eq. Guinea
HKG: Hongkong; Hong Kong Special Administrative Region; China, P.R.: Hong Kong
IRL: Republic of Ireland; Éire
IRN: Iran, I.R. of; Persia
KGZ: Kirghizia
KNA: Saint Christopher and Nevis
LAO: Lao; Lao People's DR
LBY: Libyan Arab Jamahiriya
LKA: Ceylon
MAC: Macau; Macau, China; Macau SAR; Macau SAR, China; Macao Special Administrative Region; China, P.R.: Macao
MAF: Collectivity of Saint Martin
MHL: Marshall Is.
MKD: Macedonia; Macedonia, FYR; FYROM; TFYR of Macedonia; The former Yugoslav Republic of Macedonia
MKD: Republic of Macedonia; N. Macedonia
MMR: Burma; Myanmar (Burma); Union of Myanmar; Union of Burma
MNP: N. Mariana Islands; Northern Marianas; Commonwealth of the Northern Mariana Islands
NLD: Holland
PNG: Papua N. Guinea
PRK: Korea, Dem. Rep.; DPR Korea; DPRK
PSE: West Bank and Gaza Strip; Palestinian territories; Palestinian territory; Occupied Palestinian Territory
PSE: Palestinian Authority
REU: La Réunion
ROU: Rumania; Roumania
RUS: Russian Fed.
SHN: Saint Helena, Ascension and Tristan da Cunha
SLB: Solomon Is.; Solomons
STP: São Tomé; S. Tomé and Príncipe; São Tomé e Príncipe
SWZ: Swaziland; Kingdom of Swaziland
SXM: St. Maarten; St. Martin (Dutch part)
TCA: Turks and Caicos; Turks & Caicos Is.
TLS: East Timor
TUR: Turkey; Republic of Turkey
TWN: Taiwan, China; Chinese Taipei; Republic of China; Taiwan, Republic of China; Taiwan (ROC)
TZA: U.R. of Tanzania; U.R. of Tanzania: Mainland; United Republic of Tanzania: Mainland; Tanzania, mainland
USA: USA
VAT: Vatican; Vatican City State; Holy See (Vatican City State)
VCT: St. Vincent
VEN: Venezuela, Rep. Bolivariana de
VGB: Virgin Islands (UK); Br. Virgin Islands
VIR: American Virgin Islands
VNM: Socialist Republic of Vietnam
WSM: Western Samoa
XKX: Kosovo (UNSCR 1244); Kosovo under UNSCR 1244; Kosovo (under UNSC res. 1244)""".splitlines()]

# "Bermuda (UK)", as lists that mix states and territories write it; names of the owner, then its territories.
TERRITORIES = {
    "Australia": "CCK CXR NFK", "China": "HKG MAC", "Denmark": "FRO GRL",
    "France": "BLM GLP GUF MAF MTQ MYT NCL PYF REU SPM WLF", "Netherlands": "ABW BES CUW SXM",
    "New Zealand": "COK NIU TKL", "US": "ASM GUM MNP PRI VIR", "United States": "ASM GUM MNP PRI VIR",
    "UK": "AIA BMU CYM FLK GGY GIB IMN JEY MSR PCN SHN TCA VGB",
    "United Kingdom": "AIA BMU CYM FLK GGY GIB IMN JEY MSR PCN SHN TCA VGB",
}

# Areas the IMF still lists that are no economies any more, or two of today's in one.
HISTORIC = {"ANT", "CSK", "CWX", "DDR", "SCG", "SUN", "VDR", "YAR", "YMD", "YUG"}
WORLD_CODES = ["001", "1", "1W", "G001", "U001", "W00", "WEOWORLD", "WLD"]
WORLD_NAMES = ["World", "World total", "Whole world"]

# Groups of older editions, of the datamapper and of Wikipedia, by the names they go under there.
GROUP_CODES = ["440", "500", "511", "901", "904", "CIS", "EUROAREA", "G163", "GX123", "GX511"]
GROUP_NAMES = [
    "ASEAN-5", "Advanced economies", "Africa", "African Union", "Americas", "Antarctica", "Arab League", "Arab World",
    "Asia", "Asia and Pacific", "Australia and New Zealand", "BRICS", "Central and eastern Europe",
    "Commonwealth of Independent States", "Commonwealth of Nations", "Developing Asia",
    "Emerging and developing Asia", "Emerging and developing Europe", "Emerging and developing economies",
    "Emerging market and developing economies", "Euro area", "Eurozone", "EU", "European Union", "European Union (EU)",
    "European Union (27)", "Former Czechoslovakia", "Former Netherlands Antilles", "Former Sudan", "Former USSR",
    "Former Yugoslavia", "East Germany", "West Germany", "Soviet Union", "USSR", "Serbia and Montenegro",
    "Czechoslovakia", "Yugoslavia", "Netherlands Antilles", "Group of Seven", "G7", "G20", "Group of Twenty",
    "High income", "Latin America", "Latin America and the Caribbean", "Major advanced economies (G7)", "Mercosur",
    "Middle East", "Middle East and Central Asia", "Middle East and North Africa",
    "Middle East, North Africa, Afghanistan, and Pakistan", "Newly industrialized Asian economies", "North Africa",
    "OECD", "Other advanced economies",
    "Other advanced economies (Advanced economies excluding G7 and euro area)", "Rest of the world",
    "South-East Asia", "Southeast Asia", "Sub-Saharan Africa", "Western Hemisphere",
    "Yemen: Former Democratic Yemen", "Yemen: Former Yemen Arab Republic",
]

# Parts of an economy that some lists give beside the whole: never resolved, for the whole's figure has them already.
PARTS = {
    "Abkhazia": "GEO", "England": "GBR", "Northern Cyprus": "CYP", "Turkish Republic of Northern Cyprus": "CYP",
    "Northern Ireland": "GBR", "Scotland": "GBR", "Somaliland": "SOM", "South Ossetia": "GEO",
    "Transnistria": "MDA", "Wales": "GBR", "Zanzibar": "TZA",
}

Row = dict[str, Any]


# --- facts ----------------------------------------------------------------------------------------------------------


def read_m49(folder: Path) -> Iterator[Row]:
    """Yield the UN's rows that have an alpha-3 code, with region and subregion as this project names them."""
    (path,) = folder.glob("regions/unsd_m49_*.csv")
    with path.open(encoding="utf-8-sig", newline="") as stream:
        for line in csv.DictReader(stream, delimiter=";"):
            iso3 = line["ISO-alpha3 Code"]
            if not iso3 or iso3 in LEFT_OUT:
                continue
            region, subregion, between = (line[f"{kind} Name"] for kind in ("Region", "Sub-region",
                                                                            "Intermediate Region"))
            if region == "Americas":
                region = "South America" if between == "South America" else "North America"
            if between != "Channel Islands":  # the one intermediate region outside Africa and the Americas
                subregion = between or subregion
            yield {"iso3": iso3, "iso2": line["ISO-alpha2 Code"], "m49": line["M49 Code"].zfill(3),
                   "name": line["Country or Area"], "region": region, "subregion": subregion}


def read_country_codes(folder: Path) -> dict[str, list[str]]:
    """Return alpha-3 -> English names in datasets/country-codes (public domain), CLDR's short one first."""
    columns = ("CLDR display name", "UNTERM English Short", "UNTERM English Formal", "official_name_en")
    with (folder / "regions" / "datasets_country-codes.csv").open(encoding="utf-8", newline="") as stream:
        return {line["ISO3166-1-Alpha-3"]: [line[column].strip(" *") for column in columns if line[column].strip()]
                for line in csv.DictReader(stream)}


def read_world_bank(folder: Path) -> tuple[dict[str, str], list[Row]]:
    """Return alpha-3 -> name of the World Bank's countries, and its aggregates as they are listed."""
    (path,) = folder.glob("worldbank/country_*.json")
    rows = json.loads(path.read_text(encoding="utf-8"))[1]
    groups = [row for row in rows if row["region"]["value"] == "Aggregates"]
    return {row["id"]: row["name"] for row in rows if row not in groups}, groups


def read_imf_areas(folder: Path) -> dict[str, str]:
    """Return code -> English name of the IMF's CL_COUNTRY: countries, groups, regions, former states."""
    recorded = json.loads((folder / "imf_sdmx" / "codelist_CL_COUNTRY.json").read_text(encoding="utf-8"))
    (codelist,) = json.loads(recorded["text"])["data"]["codelists"]
    return {code["id"]: code["names"]["en"] for code in codelist["codes"]}


def read_weo(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Yield (numeric code, the IMF's code, name) of a WEO workbook, and of the table of numeric codes without names."""
    import openpyxl

    book = openpyxl.load_workbook(folder / "weo" / "WEOOct2023all.xlsx", read_only=True)
    lines = {(row[0], row[1], row[3]) for row in book.worksheets[0].iter_rows(max_col=4, values_only=True)}
    book.close()
    for number, code, name in sorted(line for line in lines if isinstance(line[0], int)):
        readable = str(name).isascii()  # this copy's accents are damaged: "T\\ue16ckiye"
        yield str(number), str(code), str(name) if readable else ""
    with (folder / "weo_ngdpd" / "old_new_ref_area.csv").open(encoding="utf-8", newline="") as stream:
        for line in csv.DictReader(stream):
            yield line["ref_area"], line["ref_area_new"], ""


def read_datamapper_codes(folder: Path) -> list[str]:
    """Return the codes, countries and groups mixed, of the datamapper's answer for NGDPD."""
    (path,) = folder.glob("datamapper/NGDPD_*.json")
    return sorted(json.loads(path.read_text(encoding="utf-8"))["values"]["NGDPD"])


# --- the table ------------------------------------------------------------------------------------------------------


def short_name(iso3: str, from_cldr: str) -> str:
    """Return the name that reports show: our own, else CLDR's with its abbreviations written out."""
    return NAMES.get(iso3) or from_cldr.replace(" & ", " and ").replace("St. ", "Saint ")


def one_each(name: str, others: Iterable[str]) -> list[str]:
    """Return the other names that are not the same as `name` or an earlier one once normalized, sorted."""
    kept = {normalized(name): name}
    for other in others:
        text = re.sub(r"\s+", " ", other.replace("’", "'")).strip()
        text = re.sub(r"\s*\((?:the|l')\)$|^the ", "", text)
        kept.setdefault(normalized(text), text)
    return sorted(text for text in kept.values() if text != name and normalized(text))


def countries(folder: Path) -> list[Row]:
    """Return the table's rows of countries, sorted by alpha-3 code."""
    rows = {row["iso3"]: row for row in read_m49(folder)}
    rows |= {iso3: {"iso3": iso3, **row} for iso3, row in BESIDE_M49.items()}
    listed = {iso3: [row["name"]] for iso3, row in rows.items()}
    for iso3, names in read_country_codes(folder).items():
        if iso3 in rows:
            rows[iso3]["name"] = short_name(iso3, names[0])
            listed[iso3] += names
    codes = {iso3: set(CODES.get(iso3, ())) for iso3 in rows}
    for number, code, name in read_weo(folder):
        iso3 = PUBLISHERS_OWN.get(code, code)
        if iso3 in rows:
            codes[iso3].add(number)
            listed[iso3].append(name)
    for code, name in (*read_imf_areas(folder).items(), *read_world_bank(folder)[0].items()):
        iso3 = PUBLISHERS_OWN.get(code, code)
        if iso3 in rows:
            listed[iso3].append(name)
    for iso3, others in ALIASES:
        listed[iso3] += others.split("; ")
    for owner, owned in TERRITORIES.items():
        for iso3 in owned.split():
            listed[iso3].append(f"{rows[iso3]['name']} ({owner})")
    return [{**row, "aliases": one_each(row["name"], listed[iso3]), "codes": sorted(codes[iso3])}
            for iso3, row in sorted(rows.items())]


def aggregates(folder: Path, rows: list[Row]) -> dict[str, list[str]]:
    """Return the codes and names of what is no country. Raises SystemExit where the IMF lists an area not placed."""
    known = {code for row in rows for code in (row["iso3"], *row["codes"])}
    codes, names = set(GROUP_CODES), list(GROUP_NAMES)
    for group in read_world_bank(folder)[1]:
        codes |= {group["id"], group["iso2Code"]}
        names.append(group["name"])
    for code, name in read_imf_areas(folder).items():
        if code in HISTORIC or (code not in known and re.fullmatch(r"[GU][0-9A-Z]+", code)):
            codes.add(code)
            names.append(name.replace("–", "-"))
            if re.fullmatch(r"G[0-9]{3,4}", code):
                codes.add(code[1:])
        elif code not in known:
            raise SystemExit(f"The IMF's area {code} ({name}) is neither a country nor a group here: place it")
    codes |= {code for pair in read_weo(folder) for code in pair[:2] if code and not {*pair[:2]} & known}
    codes |= {code for code in read_datamapper_codes(folder) if code not in known}
    codes -= {*WORLD_CODES}
    world = {normalized(name) for name in WORLD_NAMES}
    return {"codes": sorted(codes), "names": one_each("World", (n for n in names if normalized(n) not in world)),
            "world_codes": WORLD_CODES, "world_names": WORLD_NAMES}


def make_table(folder: Path) -> Row:
    """Return the whole table. Raises SystemExit where it would contradict itself."""
    rows = countries(folder)
    table = {"version": VERSION, "countries": rows, "aggregates": aggregates(folder, rows),
             "parts": [{"name": name, "of": iso3} for name, iso3 in sorted(PARTS.items())]}
    try:
        identity = Identity(table)
    except ValueError as error:
        raise SystemExit(f"The table contradicts itself: {error}") from error
    for name, whole in PARTS.items():
        if meaning := identity.resolve("", name):
            raise SystemExit(f"The part {name} of {whole} would be taken for {meaning}")
    return table


def written(table: Row) -> str:
    """Return the table as JSON text: one country, one name of a group, sixteen codes a line."""

    def line(content: object) -> str:
        return json.dumps(content, ensure_ascii=False)

    def block(lines: Iterable[str], indent: str) -> str:
        return ",\n".join(indent + text for text in lines)

    groups = table["aggregates"]
    codes = [", ".join(map(line, groups["codes"][at:at + 16])) for at in range(0, len(groups["codes"]), 16)]
    return "\n".join((
        "{", f' "version": {line(table["version"])},',
        ' "countries": [', block(map(line, table["countries"]), "  "), " ],",
        ' "aggregates": {', '  "codes": [', block(codes, "   "), "  ],",
        '  "names": [', block(map(line, groups["names"]), "   "), "  ],",
        f'  "world_codes": {line(groups["world_codes"])},', f'  "world_names": {line(groups["world_names"])}', " },",
        ' "parts": [', block(map(line, table["parts"]), "  "), " ]", "}", ""))


def main() -> None:
    """Read the options, make the table, write it."""
    parser = argparse.ArgumentParser(description="Make data/country_region_table.json from the publishers' own lists.")
    parser.add_argument("--captures", type=Path, required=True, metavar="DIR", help="the folder of saved answers")
    parser.add_argument("--output", type=Path, default=OUTPUT, metavar="FILE", help="where to write (default: data/)")
    options = parser.parse_args()
    table = make_table(options.captures)
    options.output.write_text(written(table), encoding="utf-8")
    print(f"{len(table['countries'])} countries, {len(table['aggregates']['codes'])} codes of groups -> "
          f"{options.output.name}")


if __name__ == "__main__":
    main()
