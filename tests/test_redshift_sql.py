"""The SQL that Redshift is sent: golden files with the page of its documentation that allows each statement.

Every question has the answer that SQLite gives.

`GOLDEN=write python -m pytest tests/test_redshift_sql.py` writes the files anew, to be read before they are committed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from history.calendar import WEO
from pipeline.countries import load_identity
from pipeline.errors import TargetRefused, TargetUnreachable
from targets import Picture, _sql, sqlite
from targets.redshift import Target
from tests.history_db import batch, gdp
from tests.lakes import two
from tests.object_store import ObjectStore
from tests.project import PROJECT
from tests.redshift import Make, Warehouse, warehouses
from utils import Workspace

GOLDEN = PROJECT / "tests" / "golden" / "redshift"
# Pages of the Amazon Redshift Database Developer Guide, by what a statement begins with or has in it: the first counts.
PAGES = (
    (r"SET enable_case_sensitive_identifier", "enable_case_sensitive_identifier"),
    (r"SET search_path", "search_path"), (r"SET statement_timeout", "statement_timeout"),
    (r"begin transaction", "BEGIN"), (r"commit", "COMMIT"), (r"rollback", "ROLLBACK"), (r"LOCK", "LOCK"),
    (r"CREATE SCHEMA", "CREATE SCHEMA"), (r"CREATE (TEMPORARY )?TABLE", "CREATE TABLE"), (r"DROP TABLE", "DROP TABLE"),
    (r"DROP MATERIALIZED VIEW", "DROP MATERIALIZED VIEW"),
    (r"CREATE OR REPLACE VIEW", "CREATE VIEW"), (r"CREATE MATERIALIZED VIEW", "CREATE MATERIALIZED VIEW"),
    (r"REFRESH MATERIALIZED VIEW", "REFRESH MATERIALIZED VIEW"),
    (r"COPY .* FORMAT AS PARQUET MANIFEST", "COPY from columnar data formats; Using a manifest to specify data files"),
    (r"DELETE FROM", "DELETE"), (r"UPDATE", "UPDATE"), (r"INSERT INTO[^;]*\)\nVALUES", "INSERT"),
    (r"INSERT INTO", "INSERT; SELECT"), (r"EXPLAIN", "EXPLAIN"), (r"ANALYZE", "ANALYZE"),
    (r"SELECT[^;]*\bsvv_mv_info\b", "SVV_MV_INFO"), (r"SELECT[^;]*\bsvv_table_info\b", "SVV_TABLE_INFO"),
    (r"SELECT[^;]*\bsys_load_error_detail\b", "SYS_LOAD_ERROR_DETAIL"),
    (r"SELECT[^;]*\bstl_load_errors\b", "STL_LOAD_ERRORS"),
    (r"SELECT[^;]*\binformation_schema\b", "Querying the catalog tables"),
    (r"WITH", "WITH clause; ROW_NUMBER window function"), (r"SELECT[^;]*\blead\(", "LEAD window function"),
    (r"SELECT[^;]*\brow_number\(", "ROW_NUMBER window function"),
    (r"SELECT[^;]*\bNOT EXISTS\b", "Correlated subqueries"), (r"SELECT[^;]*\bUNION\b", "UNION, INTERSECT, and EXCEPT"),
    (r"SELECT", "SELECT"))
# Words that Redshift keeps for itself and that PostgreSQL does not ("Reserved words").
RESERVED = re.compile(r"(?<![.\"\w'])(?:backup|delta|encode|minus|new|off|offline|old|open|parallel|partition by only|"
                      r"percent|permissions|raw|recover|respect|restore|snapshot|sysdate|system|tag|top|truncatecolumns|"
                      r"wallet|without)(?![\"\w'])", re.IGNORECASE)
# What sql/queries is asked with; each file takes of it what it names.
ASKED: tuple[dict[str, Any], ...] = tuple(
    {"dataset": WEO, "indicator": "NGDPD", "iso3": iso3, "year": year, "vintage": vintage,
     "now": "2025-04-22  2025-04", "then": "2024-04-16  2024-04", "label": "2024-10", "updated": "", "picture": picture,
     "own": own, "region": region, "top": top, "min_gdp": 1.5, "batch_id": two()[1].batch_id,
     "first": 2020, "last": 2025}
    for iso3, year, picture, own, region, top, vintage in (
        ("NGA", 2022, 0, 0, None, None, "2024-10-22  2024-10"), (None, None, 0, 0, "Africa", 1, "2024-10-22  2024-10"),
        ("USA", 2022, 1, 0, None, 5, "2024-10-22  2024-10"), ("JPN", 2022, 0, 1, "Asia", None, "2025-04-22  2025-04"),
        ("JPN", 0, 0, 1, None, None, "2025-04-22  2025-04")))
OF_SQLITE = {"own_tables", "held_series", "held_keys", "measures", "schema", "columns", "explored"}


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Make, ObjectStore]]:
    with warehouses() as found:
        yield found


def load(target: Any) -> None:
    """Load three vintages and a picture, with four countries."""
    identity = load_identity()
    with target:
        target.describe([each for each in identity.countries() if each.iso3 in {"NGA", "USA", "JPN", "TWN"}], "2026-01")
        target.publish(two()[:1])
        target.publish([*two()[1:], batch("2023-10", gdp({"NGA": {2022: "477.4 a"}, "TWN": {2022: "1.5"}}))])
        vintage = two()[1].vintage
        target.show(Picture(vintage, "weo", "run", [{
            "Country": "Nigeria", "GDP_USD_billion": 476.47, "GDP_as_published": "476.468", "Region": "Africa",
            "Subregion": "Sub-Saharan Africa", "ISO3": "NGA", "Year": 2022, "Forecast": 0, "Dataset": WEO,
            "Vintage": vintage.label, "Extracted_At": "2026-01-01T00:00:00Z"}]))


@pytest.fixture(scope="module")
def loaded(both: tuple[Make, ObjectStore]) -> Warehouse:
    warehouse = both[0]("golden")
    load(Target(Workspace(Path("nowhere")), url=warehouse.url()))
    return warehouse


def page(text: str) -> str:
    """Return the title of the page that allows a statement."""
    return next((title for pattern, title in PAGES if re.match(pattern, text)), "")


def golden(name: str, sent: list[str]) -> None:
    """Compare what was sent, each statement once, with a golden file."""
    found = []
    for text in dict.fromkeys(sent):
        assert page(text), f"no page of the documentation is named for {text}"
        plain = re.sub(r"\b[0-9a-f]{16}\b", "<digest>", text)
        if "etl_manifest" in plain:
            plain = re.sub(r"\$(\d), \d+, \d+, ", r"$\1, <bytes>, <rows>, ", plain)
        found.append(f"-- {page(text)}\n{plain};\n")
    written = "\n".join(found)
    if os.environ.get("GOLDEN") == "write":
        GOLDEN.mkdir(parents=True, exist_ok=True)
        (GOLDEN / f"{name}.sql").write_text(written, encoding="utf-8")
    assert written == (GOLDEN / f"{name}.sql").read_text(encoding="utf-8")


def test_what_a_first_load_sends(loaded: Warehouse) -> None:
    sessions = [at for at, text in enumerate(loaded.sent) if text.startswith("SET enable_case_sensitive_identifier")]
    golden("first_load", loaded.sent[:(*sessions, len(loaded.sent))[1]])


@pytest.mark.full
def test_a_view_is_made_anew_where_its_text_is_another(both: tuple[Make, ObjectStore]) -> None:
    warehouse = both[0]("views")
    load(Target(Workspace(Path("nowhere")), url=warehouse.url()))
    warehouse.rows("UPDATE etl_view SET sha256 = 'other' WHERE name IN ('revisions', 'fact_region')")
    begun = len(warehouse.sent)
    load(Target(Workspace(Path("nowhere")), url=warehouse.url()))
    made = [text.partition(" AS")[0].split(" DIST")[0] for text in warehouse.sent[begun:] if "VIEW" in text]
    assert made == ["CREATE OR REPLACE VIEW fact_region", "REFRESH MATERIALIZED VIEW newest_figures",
                    "REFRESH MATERIALIZED VIEW region_top5", "DROP MATERIALIZED VIEW IF EXISTS revisions",
                    "CREATE MATERIALIZED VIEW revisions"]


def test_what_the_next_load_sends(loaded: Warehouse) -> None:
    begun = len(loaded.sent)
    with Target(Workspace(Path("nowhere")), url=loaded.url(), rebuild=False) as target:
        target.publish(two()[:1])
    golden("next_load", loaded.sent[begun:])


def test_what_a_failed_copy_asks(both: tuple[Make, ObjectStore]) -> None:
    warehouse = both[0]("failing")
    warehouse.spoil = lambda rows: rows.replace(b"2022", b"no year", 1)
    with pytest.raises(TargetRefused, match='column year: invalid input syntax for type integer: "no year"'):
        load(Target(Workspace(Path("nowhere")), url=warehouse.url()))
    begun = next(at for at, text in enumerate(warehouse.sent) if text.startswith("COPY"))
    golden("failed_copy", warehouse.sent[begun:])


def test_what_is_asked_where_a_cluster_tells_nothing(loaded: Warehouse) -> None:
    target = Target(Workspace(Path("nowhere")), url=loaded.url())
    with pytest.raises(RuntimeError), target:
        begun = len(loaded.sent)
        assert target._load_error() is None
        raise RuntimeError
    assert [page(text) for text in loaded.sent[begun:-1]] == ["SYS_LOAD_ERROR_DETAIL", "STL_LOAD_ERRORS"]


def test_every_question_has_sqlites_answer(loaded: Warehouse, tmp_path: Path) -> None:
    own = sqlite.Target(Workspace(tmp_path))
    load(own)
    names = sorted(path.stem for path in (PROJECT / "sql" / "queries").glob("*.sql"))
    begun, met = len(loaded.sent), set()
    asked = Target(Workspace(Path("nowhere")), url=loaded.url())
    with asked:
        for name in names:
            for parameters in () if name in OF_SQLITE else ASKED:
                expected, told = own.query(name, parameters), asked.query(name, parameters)
                assert _plain(name, told) == _plain(name, expected), (name, parameters)
                met |= {name} if expected else set()
        assert asked.query("measures", {})[0]["size"] > 0
        assert [tuple(each) for each in asked.columns()["picture"]][:2] == [
            ("id", "integer", False), ("dataset", "character varying", False)]
        sent = loaded.sent[begun:]
    assert set(names) - OF_SQLITE - met == set()  # each has an answer, and so was compared
    golden("questions", [text for text in sent if text.startswith(("SELECT", "WITH"))])


def _plain(name: str, rows: list[dict[str, Any]]) -> list[Any]:
    """Return rows to be compared, sorted where the question has no order; loads have different times."""
    found = [[(key, round(value, 9) if isinstance(value, float) else value) for key, value in row.items()]
             for row in rows]
    text = _sql.query(name)
    return found if "ORDER BY" in text.rpartition("FROM")[2] else sorted(found, key=repr)


def test_rows_profile_and_measures(loaded: Warehouse) -> None:
    target = Target(Workspace(Path("nowhere")), url=loaded.url())
    assert list(target.rows("series", {"dataset": WEO})) == [("NGDPD", "JPN"), ("NGDPD", "NGA"), ("NGDPD", "TWN"),
                                                             ("NGDPD", "USA")]
    profile = target.profile("series", {"dataset": WEO})
    assert len(profile.rows) == 4 and profile.seconds > 0 and any("fact_gdp" in line for line in profile.plan)
    assert target.profile("series", {"dataset": WEO}, plan=False).plan == []
    assert target.measures().size


def test_no_word_of_redshifts_own_is_a_name(loaded: Warehouse) -> None:
    for text in loaded.sent:
        bare = re.sub(r"'[^']*'|\"[^\"]*\"", "''", text)
        assert not RESERVED.search(re.sub(r"\bWITHOUT\b", "", bare)), text


def test_every_file_of_the_dialect_is_sent(loaded: Warehouse) -> None:
    sent = "\n".join((*loaded.sent, *(file.read_text(encoding="utf-8") for file in GOLDEN.glob("*.sql"))))
    for path in (PROJECT / "sql" / "redshift").rglob("*.sql"):
        if path.stem in {"load_error_stl", "measures"}:
            continue
        for text in _sql.statements(path.read_text(encoding="utf-8")):
            bare = _sql.bare(text).replace("CREATE VIEW", "CREATE OR REPLACE VIEW")
            assert re.split(r"[:{']|\nVALUES", bare)[0].strip()[:200] in sent, path


# --- how SQL is written ---------------------------------------------------------------------------------------------


def test_texts_are_bound_and_numbers_written() -> None:
    text = "-- why :a\nSELECT :a, ':no', :b FROM t WHERE x = :a AND y = :c AND z::text = :d;"
    assert _sql.numbered(text, {"a": "O'Brien", "b": 1.5, "c": None, "d": True}) == (
        "SELECT :1, ':no', 1.5 FROM t WHERE x = :1 AND y = NULL AND z::text = 1", ["O'Brien"])
    with pytest.raises(ValueError, match="nan is no number"):
        _sql.numbered("SELECT :a", {"a": float("nan")})


def test_one_insert_takes_many_rows() -> None:
    text, parameters = _sql.many("INSERT INTO t (a, b)\nVALUES (:a, :b)", [{"a": "x", "b": 1}, {"a": "y", "b": None}])
    assert _sql.numbered(text, parameters) == ("INSERT INTO t (a, b)\nVALUES\n(:1, 1),\n(:2, NULL)", ["x", "y"])


@pytest.mark.full
def test_countries_are_written_where_they_differ(both: tuple[Make, ObjectStore]) -> None:
    warehouse = both[0]("countries")
    nigeria, japan = [each for each in load_identity().countries() if each.iso3 in {"NGA", "JPN"}][::-1]
    for told in ([nigeria], [nigeria], [japan]):
        with Target(Workspace(Path("nowhere")), url=warehouse.url()) as target:
            target.describe(told, "2026-01")
    assert sum(text.startswith("INSERT INTO dim_country") for text in warehouse.sent) == 2
    assert sorted(warehouse.rows("SELECT iso3, name FROM dim_country")) == [
        (each.iso3, asdict(each)["name"]) for each in (japan, nigeria)]


@pytest.mark.full
def test_a_schema_of_an_earlier_program_has_no_answers(both: tuple[Make, ObjectStore]) -> None:
    warehouse = both[0]("empty")
    target = Target(Workspace(Path("nowhere")), url=warehouse.url())
    assert target.query("loaded", {}) == target.query("schema", {}) == []
    assert list(target.rows("series", {"dataset": WEO})) == []
    with pytest.raises(TargetUnreachable):
        Target(Workspace(Path("nowhere")), url="redshift://u:p@127.0.0.1:9/db").query("loaded", {})
