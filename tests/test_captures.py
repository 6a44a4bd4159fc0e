"""Every real answer at hand through the pipeline, each clean value against a reading by other means.

The counts are literal; `python bench/captures.py --captures DIR` prints the same table.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.captures import CAPTURES, examine

# capture -> rows into transform, clean, quarantined, set aside (aggregate, no value), economies
COUNTS = {
    "en_2021-06-30_rev1031213417.html": (214, 195, 1, 1, 17, 195),
    "en_2023-08-20_rev1171401355_webarchive.html": (214, 191, 1, 1, 21, 191),
    "en_2024-06-30_rev1231904749.html": (214, 194, 1, 1, 18, 194),
    "en_2025-01-07_rev1267927482.html": (210, 194, 1, 1, 14, 194),
    "en_2025-01-09_rev1268441880_world_typo.html": (210, 194, 1, 1, 14, 194),
    "NGDPD_2025-01-09.json": (10572, 8983, 0, 1589, 0, 196),
    "NY.GDP.MKTP.CD_2024-03-28_page1of2.json": (10000, 5302, 0, 3136, 1562, 105),
    "WEO_Data_2019-10_latin1.xls": (4656, 4597, 0, 0, 59, 193),
    "WEO_Data_2021-10_usd_and_ppp.xls": (392, 387, 0, 0, 5, 195),
    "WEO_Data_2021-10_utf16_bom_no_gdp.xls": (2922, 2909, 0, 0, 13, 195),
    "WEO_Data_2022-10_utf16le.xls": (8624, 7830, 0, 0, 794, 196),
    "WEOOct2023all.xlsx": (48020, 43578, 0, 0, 4442, 196),
    "data_2104.csv": (9776, 8377, 0, 611, 788, 195),
    "data_2110.csv": (9823, 8381, 0, 611, 831, 196),
    "data_2204.csv": (10032, 8572, 0, 624, 836, 196),
    "data_2210.csv": (10032, 8586, 0, 624, 822, 196),
    "data_2304.csv": (10290, 8778, 0, 686, 826, 196),
    "data_2310.csv": (10290, 8770, 0, 686, 834, 196),
    "data_2404.csv": (10500, 8962, 0, 700, 838, 196),
    "data_2410.csv": (10500, 8963, 0, 700, 837, 196),
    "data_2504.csv": (10710, 9151, 0, 714, 845, 196),
    "data_2510.csv": (9841, 9189, 0, 652, 0, 197),
    "weo_panel.parquet": (47601, 45674, 0, 1927, 0, 197),
}
REFUSED = {
    "WEOOct2024all_damaged_decimal_point.xlsx": (3, "KOR"),
    "WEOApr2020all_no_gdp_latin1.xls": (4, "has no GDP in US dollars (NGDPD)"),
    "WEOOct2021alla_groups_utf16le.xls": (4, "holds country groups, not countries"),
    "WEO_Data_2024-04_empty.xls": (4, "is a report without rows"),
    "WEO_Data_2024-10_decimal_comma.xls": (4, "has no GDP in US dollars (NGDPD)"),
}
QUICK = {"en_2025-01-09_rev1268441880_world_typo.html", "NGDPD_2025-01-09.json", "WEO_Data_2022-10_utf16le.xls",
         "WEO_Data_2024-04_empty.xls", "WEO_Data_2024-10_decimal_comma.xls",
         "NY.GDP.MKTP.CD_2024-03-28_page1of2.json"}


@pytest.mark.parametrize("capture", [
    pytest.param(each, id=Path(each.file).name,
                 marks=[] if Path(each.file).name in QUICK else [pytest.mark.full]) for each in CAPTURES])
def test_a_capture_ends_as_it_should(capture: object, captures: Path) -> None:
    name = Path(capture.file).name  # type: ignore[attr-defined]
    seen = examine(capture, captures)  # type: ignore[arg-type]
    if name in REFUSED:
        code, says = REFUSED[name]
        assert (seen.exit_code, says in seen.said) == (code, True), seen.said
        return
    assert seen.exit_code == 0, seen.said
    balance = seen.balance
    assert (balance["in"], balance["out"], balance.get("quarantined", 0), balance.get("set aside: aggregate", 0),
            balance.get("set aside: no value", 0), seen.economies) == COUNTS[name]
    assert seen.compared == balance["out"]
    assert seen.differing == []
