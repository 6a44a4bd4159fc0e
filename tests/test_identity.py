"""rules.identity: what codes and names mean, by literal cases and by properties; no captures needed."""

from __future__ import annotations

import copy
import json
import time
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.identity import AGGREGATE, REGIONS, UNKNOWN, WORLD, Country, Identity, normalized, words

TABLE: dict[str, Any] = json.loads(
    (Path(__file__).resolve().parent.parent / "data" / "country_region_table.json").read_text(encoding="utf-8"))
IDENTITY = Identity(TABLE)
KNOWN_NAMES = [(name, row["iso3"]) for row in TABLE["countries"] for name in (row["name"], *row["aliases"])]

SMALL: dict[str, Any] = {
    "version": "1",
    "countries": [
        {"iso3": "FOO", "iso2": "FO", "m49": "900", "name": "Fooland", "region": "Asia", "subregion": "Central Asia",
         "aliases": ["Republic of Foo"], "codes": ["111"]},
        {"iso3": "BAR", "iso2": "BA", "m49": "111", "name": "Barland", "region": "Africa",
         "subregion": "Eastern Africa", "aliases": [], "codes": []},
    ],
    "aggregates": {"codes": ["GRP"], "names": ["The Group"], "world_codes": ["1"], "world_names": ["World"]},
    "parts": [{"name": "North Foo", "of": "FOO"}],
}


# --- names ----------------------------------------------------------------------------------------------------------

NAMES = {
    "Niger": "NER", "Nigeria": "NGA",
    "Guinea": "GIN", "Guinea-Bissau": "GNB", "Guinea Bissau": "GNB", "Equatorial Guinea": "GNQ",
    "Papua New Guinea": "PNG",
    "Congo": "COG", "Congo, Rep.": "COG", "Republic of Congo": "COG", "Republic of the Congo": "COG",
    "Congo (Brazzaville)": "COG", "Congo-Brazzaville": "COG", "Congo, Republic of": "COG",
    "DR Congo": "COD", "Congo, Dem. Rep.": "COD", "Democratic Republic of the Congo": "COD", "D.R. Congo": "COD",
    "Dem. Rep. of the Congo": "COD", "Congo, Democratic Republic of the": "COD", "Congo (Kinshasa)": "COD",
    "D.R. of the Congo": "COD", "Zaïre": "COD",
    "Korea": "KOR", "South Korea": "KOR", "Korea, Rep.": "KOR", "Republic of Korea": "KOR", "Korea (South)": "KOR",
    "North Korea": "PRK", "Korea, Dem. People's Rep.": "PRK", "Democratic People’s Republic of Korea": "PRK",
    "D.P.R. of Korea": "PRK", "DPRK": "PRK",
    "Dominica": "DMA", "Dominican Republic": "DOM", "Dominican Rep.": "DOM",
    "Georgia": "GEO", "Georgia (country)": "GEO", "South Georgia and the South Sandwich Islands": "SGS",
    "Ireland": "IRL", "Republic of Ireland": "IRL", "Northern Ireland": UNKNOWN, "Ireland, Northern": UNKNOWN,
    "Ireland (Northern)": UNKNOWN,
    "Samoa": "WSM", "American Samoa": "ASM", "Western Samoa": "WSM", "Sudan": "SDN", "South Sudan": "SSD",
    "China[n 1]": "CHN", "China": "CHN", "China, People's Republic of": "CHN", "PR China": "CHN",
    "China (Taiwan)": "TWN", "Taiwan Province of China": "TWN", "Republic of China": "TWN", "Chinese Taipei": "TWN",
    "Hong Kong SAR, China": "HKG", "China, Hong Kong SAR": "HKG", "Hong Kong SAR": "HKG", "Hong Kong (China)": "HKG",
    "Macau": "MAC", "Macao SAR, China": "MAC", "Macau (China)": "MAC",
    "Micronesia, Fed. Sts.": "FSM", "Micronesia (Federated States of)": "FSM", "Micronesia": "FSM",
    "Federated States of Micronesia": "FSM", "Micronesia (FS of)": "FSM",
    "Türkiye": "TUR", "Turkey": "TUR", "Turkiye": "TUR", "TÜRKİYE": "TUR",
    "Czechia": "CZE", "Czech Republic": "CZE", "Eswatini": "SWZ", "Swaziland": "SWZ",
    "Myanmar": "MMR", "Burma": "MMR", "Cabo Verde": "CPV", "Cape Verde": "CPV",
    "North Macedonia": "MKD", "FYR Macedonia": "MKD", "Macedonia, FYR": "MKD",
    "The former Yugoslav Republic of Macedonia": "MKD",
    "Ivory Coast": "CIV", "Côte d'Ivoire": "CIV", "Cote d'Ivoire": "CIV", "Côte d’Ivoire": "CIV",
    "Cote d Ivoire": "CIV",
    "Lao P.D.R.": "LAO", "Lao PDR": "LAO", "Laos": "LAO", "Lao People's Democratic Republic": "LAO",
    "São Tomé and Príncipe": "STP", "Sao Tome & Principe": "STP",
    "St. Kitts and Nevis": "KNA", "Saint Kitts & Nevis": "KNA", "St Lucia": "LCA",
    "St. Vincent and the Grenadines": "VCT", "Saint Vincent and Grenadines": "VCT",
    "St. Martin (French part)": "MAF", "Sint Maarten (Dutch part)": "SXM",
    "The Gambia": "GMB", "Gambia, The": "GMB", "Bahamas": "BHS", "Bahamas, The": "BHS", "The Bahamas": "BHS",
    "Vatican City": "VAT", "Holy See": "VAT", "Palestine": "PSE", "West Bank and Gaza": "PSE",
    "State of Palestine": "PSE", "UK": "GBR", "U.K.": "GBR", "US": "USA", "U.S.A.": "USA", "UAE": "ARE",
    "Brunei": "BRN", "Brunei Darussalam": "BRN", "Viet Nam": "VNM", "Vietnam": "VNM",
    "Syrian Arab Republic": "SYR", "Islamic Republic of Iran": "IRN", "Iran, Islamic Rep.": "IRN",
    "Kyrgyz Republic": "KGZ", "Kyrgyzstan": "KGZ", "Slovak Republic": "SVK", "Slovakia": "SVK", "Slovenia": "SVN",
    "Russian Federation": "RUS", "Kosovo": "XKX", "East Timor": "TLS", "Timor-Leste": "TLS",
    "Virgin Islands (U.S.)": "VIR", "British Virgin Islands": "VGB", "Virgin Islands": UNKNOWN,
    "Venezuela, RB": "VEN", "Egypt, Arab Rep.": "EGY", "Yemen, Rep.": "YEM", "Bermuda (UK)": "BMU",
    "Austria": "AUT", "Australia": "AUS", "Iran": "IRN", "Iraq": "IRQ", "Mali": "MLI", "Malawi": "MWI", "Malta": "MLT",
    "Mauritania": "MRT", "Mauritius": "MUS", "Oman": "OMN", "Romania": "ROU", "South Africa": "ZAF",
    "Namibia": "NAM", "NAMIBIA": "NAM", "DEU": "DEU", "WLD": WORLD,
    "World": WORLD, "World[6]": WORLD, "European Union": AGGREGATE, "European Union[n 1]": AGGREGATE,
    "EU": AGGREGATE, "Euro area": AGGREGATE, "Africa": AGGREGATE, "South Asia": AGGREGATE, "North America": AGGREGATE,
    "ASEAN-5": AGGREGATE, "Sub-Saharan Africa ": AGGREGATE, "USSR": AGGREGATE, "Yemen Arab Republic": AGGREGATE,
    "Serbia and Montenegro": AGGREGATE, "Zanzibar": UNKNOWN, "Frannce": UNKNOWN, "Atlantis": UNKNOWN,
    "—": UNKNOWN, "[n 1]": UNKNOWN, "NA": UNKNOWN, "": UNKNOWN,
}


@pytest.mark.parametrize(("name", "meaning"), NAMES.items(), ids=[name or "empty" for name in NAMES])
def test_a_name_means(name: str, meaning: str) -> None:
    assert IDENTITY.resolve("", name) == meaning


@pytest.mark.parametrize(("name", "expected"), [
    ("China[n 1]", ["china"]), ("China[n 1][13]", ["china"]), ("China [a]", ["china"]), ("China[n 1", ["china"]),
    ("United States†", ["united", "states"]), ("*Kosovo", ["kosovo"]), ("Kosovo 1/", ["kosovo"]),
    ("China1", ["china"]), ("Cuba¹²", ["cuba"]), ("US¹", ["us"]), ("Chinaᵃ", ["china"]),
    ("Ger\xadma\u200bny", ["germany"]), ("Cote dʻIvoire", ["cote", "divoire"]),
    ("France (2)", ["france"]), ("France (note 3)", ["france"]),
    ("Cuba (2024)", ["cuba"]), ("G20", ["g20"]), ("\xa0The\u200b Gambia\xad ", ["gambia"]),
    ("CÔTE D’IVOIRE", ["cote", "divoire"]), ("St. Pierre & Miquelon", ["saint", "pierre", "miquelon"]),
    ("Congo, Dem. Rep.", ["congo", "democratic", "republic"]), ("Lao P.D.R.", ["lao", "pdr"]),
    ("Virgin Islands (U.S.)", ["virgin", "islands", "us"]), ("—", []), ("", []),
])
def test_the_words_of_a_name(name: str, expected: list[str]) -> None:
    assert words(name) == expected


def test_the_order_of_words_does_not_matter() -> None:
    assert normalized("Korea, Republic of") == normalized("the Republic of Korea") == "korea republic"


@pytest.mark.parametrize(("name", "iso3"), KNOWN_NAMES, ids=[f"{iso3}-{name}" for name, iso3 in KNOWN_NAMES])
def test_every_name_of_the_table_means_its_country(name: str, iso3: str) -> None:
    assert IDENTITY.resolve("", name) == iso3


BEFORE = st.sampled_from(["", " ", "\xa0", "\n\t", "\u200b", "*", "The "])
AFTER = st.sampled_from(
    ["", " ", "\xa0", "\n", "†", "*", "[n 1]", "[13]", "[a]", " [note 2][7]", " (a)", "¹", "‡ ", "\xad"])
WRITING = st.sampled_from([str, str.upper, str.lower, str.title])
FORM = st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"])


def stripped_of_accents(text: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFD", text) if not unicodedata.combining(char))


@given(st.sampled_from(KNOWN_NAMES), BEFORE, st.lists(AFTER, max_size=3), WRITING, FORM, st.booleans())
def test_notes_spaces_case_and_accents_change_nothing(known: tuple[str, str], before: str, after: list[str],
                                                     writing: Any, form: Any, plain: bool) -> None:
    name, iso3 = known
    text = stripped_of_accents(name) if plain else name
    decorated = before + unicodedata.normalize(form, writing(text)) + "".join(after)
    assert IDENTITY.resolve("", decorated) == iso3


@given(st.text(max_size=60), st.text(max_size=60))
def test_hostile_text_never_raises(code: str, name: str) -> None:
    meaning = IDENTITY.resolve(code, name)
    assert meaning in {UNKNOWN, AGGREGATE, WORLD} or IDENTITY.country(meaning)
    sentence = IDENTITY.explain(code, name)
    assert sentence and sentence.isprintable()


@given(st.text(alphabet="[]().n1' ’.stUS", max_size=400))
@settings(max_examples=30, deadline=500)
def test_brackets_and_dots_cost_no_time(name: str) -> None:
    words(name * 50)


# --- codes ----------------------------------------------------------------------------------------------------------

CODES = [
    ("USA", "", "USA"), (" usa ", "", "USA"), ("111", "", "USA"), ("111.0", "", "USA"), ("0111", "", "USA"),
    ("UVK", "Kosovo", "XKX"), ("KOS", "", "XKX"), ("XKX", "", "XKX"), ("967", "", "XKX"), ("WBG", "", "PSE"),
    ("ROM", "", "ROU"), ("ZAR", "", "COD"), ("TMP", "", "TLS"), ("UK", "United Kingdom", "GBR"), ("EL", "", "GRC"),
    ("CHI", "Channel Islands", "CHI"), ("158", "", "JPN"), ("156", "", "CAN"), ("512", "", "AFG"),
    ("US", "", "USA"), ("us", "United States", "USA"), ("NA", "Namibia", "NAM"), ("NA", "", "NAM"),
    ("1", "World", WORLD), ("1", "", WORLD), ("001", "", WORLD), ("G001", "", WORLD), ("WEOWORLD", "", WORLD),
    ("WLD", "World", WORLD), ("1W", "World", WORLD),
    ("110", "", AGGREGATE), ("G110", "", AGGREGATE), ("GX123", "", AGGREGATE), ("123", "", AGGREGATE),
    ("998", "European Union", AGGREGATE), ("EU", "European Union", AGGREGATE), ("ADVEC", "", AGGREGATE),
    ("EUQ", "", AGGREGATE), ("AFE", "", AGGREGATE), ("ZH", "Africa Eastern and Southern", AGGREGATE),
    ("XD", "High income", AGGREGATE), ("SUN", "", AGGREGATE), ("ANT", "Netherlands Antilles", AGGREGATE),
    ("G4711", "a group of next year", AGGREGATE), ("U057", "Micronesia", AGGREGATE), ("", "Micronesia", "FSM"),
    ("ZZZ", "", UNKNOWN), ("ZZZ", "France", "FRA"), ("GER", "Germany", "DEU"), ("XX", "", UNKNOWN),
    ("716", "S緌 Tom?and Pr璯cipe", "STP"), ("CHN", "the middle kingdom", "CHN"),
]


@pytest.mark.parametrize(("code", "name", "meaning"), CODES, ids=[f"{code}-{name}" for code, name, _ in CODES])
def test_a_code_means(code: str, name: str, meaning: str) -> None:
    assert IDENTITY.resolve(code, name) == meaning


@pytest.mark.parametrize(("code", "name", "meaning"), [
    ("512", "Oman", "OMN"), ("512", "Afghanistan", "AFG"), ("156", "China", "CHN"), ("156", "Canada", "CAN"),
    ("840", "United States", "USA"), ("004", "Afghanistan", "AFG"), ("400", "Jordan", "JOR"),
    ("158", "Taiwan", "TWN"), ("158", "Japan", "JPN"), ("840", "", UNKNOWN), ("840", "Atlantis", UNKNOWN),
    ("404", "France", "FRA"),
])
def test_an_m49_number_counts_only_beside_a_name_that_agrees(code: str, name: str, meaning: str) -> None:
    assert IDENTITY.resolve(code, name) == meaning


@pytest.mark.parametrize(("code", "name"), [
    ("USA", "France"), ("111", "France"), ("GM", "Germany"), ("CHN", "World"), ("CHI", "Chile"), ("SSA", "South Sudan"),
    ("BRN", "Bahrain"), ("NA", "not available"), ("GE", "Atlantis"),
])
def test_a_code_and_a_name_that_disagree_are_unknown(code: str, name: str) -> None:
    assert IDENTITY.resolve(code, name) == UNKNOWN


# --- for people -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("code", "name", "sentence"), [
    ("USA", "", "code 'USA': United States (USA)"),
    ("", "World", "name 'World': the world"),
    ("G110", "", "code 'G110': a group of economies"),
    ("", "", "no code and no name: nothing says which economy it is"),
    ("USA", "France", "code 'USA' and name 'France': the code means United States (USA), the name means France (FRA)"),
    ("", "Zanzibar[3]", "name 'Zanzibar[3]': a part of Tanzania (TZA), whose figures hold it already"),
    ("ABC", "Frannce", "code 'ABC' and name 'Frannce': unknown; closest known name: France (FRA)"),
    ("ABC", "Xyzzy", "code 'ABC' and name 'Xyzzy': unknown"),
    ("840", "", "code '840': could be United States (USA), but no known name says so"),
    ("GE", "Atlantis", "code 'GE' and name 'Atlantis': could be Georgia (GEO), but no known name says so"),
])
def test_explained(code: str, name: str, sentence: str) -> None:
    assert IDENTITY.explain(code, name) == sentence


def test_an_explanation_is_short_and_printable_whatever_the_name() -> None:
    sentence = IDENTITY.explain("", "evil\x1b[31m\n" + "x" * 1_000_000)
    assert len(sentence) < 200
    assert sentence.isprintable()


@pytest.mark.parametrize(("text", "iso3"), [
    ("Germany", "DEU"), ("germany", "DEU"), ("DEU", "DEU"), ("deu", "DEU"), ("de", "DEU"), ("uvk", "XKX"),
    ("NA", "NAM"), ("Turkey", "TUR"), ("cote d'ivoire", "CIV"), ("World", None), ("EU", None), ("Germny", None),
    ("", None),
])
def test_find(text: str, iso3: str | None) -> None:
    assert IDENTITY.find(text) == iso3


@pytest.mark.parametrize(("text", "first"), [
    ("Germny", "Germany"), ("Untied States", "United States"), ("Swizerland", "Switzerland"), ("Turky", "Türkiye"),
    ("Ivory Cost", "Côte d'Ivoire"), ("Untied Kingdom", "United Kingdom"),
])
def test_closest(text: str, first: str) -> None:
    assert IDENTITY.closest(text)[0] == first


def test_closest_is_short_and_may_be_empty() -> None:
    assert IDENTITY.closest("Congo") == ["Congo", "DR Congo"]
    assert IDENTITY.closest("zzqx") == []
    assert len(IDENTITY.closest("land", count=2)) <= 2


# --- the table ------------------------------------------------------------------------------------------------------

def test_countries_and_regions() -> None:
    identity = Identity(SMALL)
    assert identity.version == "1"
    assert identity.country("FOO") == Country("FOO", "FO", "Fooland", "Asia", "Central Asia", "900",
                                              ("Republic of Foo",))
    assert [country.iso3 for country in identity.countries()] == ["BAR", "FOO"]
    assert Identity.regions() == REGIONS == ("Africa", "Asia", "Europe", "North America", "South America", "Oceania")
    with pytest.raises(KeyError):
        identity.country("QQQ")


def changed(**fields: object) -> dict[str, Any]:
    table = copy.deepcopy(SMALL)
    table["countries"][1].update(fields)
    return table


@pytest.mark.parametrize(("table", "message"), [
    (changed(aliases=["FOO, Republic"]), "the name 'FOO, Republic' means FOO and BAR"),
    (changed(codes=["0111"]), "the code '111' means FOO and BAR"),
    (changed(iso2="FO"), "the alpha-2 code 'FO' means FOO and BAR"),
    (changed(m49="900"), "the M49 code '900' means FOO and BAR"),
    (changed(codes=["GRP"]), "the code 'GRP' means BAR and aggregate"),
    (changed(region="Americas"), "BAR is in 'Americas', which is none of"),
    ({**SMALL, "aggregates": {**SMALL["aggregates"], "codes": ["BA"]}}, "the code 'BA' means aggregate and is the"),
], ids=["name", "code", "iso2", "m49", "group", "region", "group-iso2"])
def test_a_table_that_contradicts_itself_is_refused(table: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as refused:
        Identity(table)
    assert str(refused.value).startswith(message)


def quickest(action: Any) -> float:
    """Seconds of the quickest of five runs: the machine may be busy with others' work."""
    times = []
    for _ in range(5):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return min(times)


def test_fast_enough() -> None:
    names = [f"{name}[n {number}]" for number, (name, _) in enumerate(KNOWN_NAMES[:500])]
    assert len(names) == 500
    assert quickest(lambda: Identity(TABLE)) < 0.030
    assert quickest(lambda: [IDENTITY.resolve("", name) for name in names]) < 0.020
    assert quickest(lambda: [IDENTITY.explain("", f"Unheard-of land {name}") for name in names[:100]]) < 0.5
