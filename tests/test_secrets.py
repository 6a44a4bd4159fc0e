"""pipeline.secrets: what may not be shown is not, and what may be stays readable."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.events import Reporter
from pipeline.secrets import RedactingFilter, has_password, redact_text, redacted, without_echo
from pipeline.stage import fail


@pytest.mark.parametrize(("url", "shown"), [
    ("https://user:pw@h/x?a=1", "https://***@h/x?a=1"),
    ("https://user:p@ss/w?d@h/x", "https://***@h/x"),
    ("https://token@h/", "https://***@h/"),
    ("postgresql://u:p@h:5432/db?sslpassword=zz", "postgresql://***@h:5432/db?sslpassword=***"),
    ("postgresql://etl@h:5432/db?schema=x", "postgresql://etl@h:5432/db?schema=x"),
    ("redshift://etl%40corp@[::1]/db,postgresql://u@h", "redshift://etl%40corp@[::1]/db,postgresql://u@h"),
    ("postgresql://u@p@h/db", "postgresql://***@h/db"),
    ("postgresql://u%3Apw@h/db", "postgresql://***@h/db"),
    ("postgresql://u:1234@h/db", "postgresql://***@h/db"),
    ("sqlite,postgresql://u@h/db,redshift://u:pw@h/db", "sqlite,postgresql://u@h/db,redshift://***@h/db"),
    ("h?api_key=abc&year=2024#access_token=zz", "h?api_key=***&year=2024#access_token=***"),
    ("https://h/?year=1;token=b&Subscription-Key=q&sig=c", "https://h/?year=1;token=***&Subscription-Key=***&sig=***"),
    ("Retries exceeded with url: /p?apikey=s3 (Caused by x)", "Retries exceeded with url: /p?apikey=*** (Caused by x)"),
    ("postgresql://u:p w% x@h/db", "postgresql://***@h/db"),
    ("http://u:p q@h/ and http://h:8080/ of me@h", "http://***@h/ and http://h:8080/ of me@h"),
    ("see http://h:x then http://u:p@h/", "see http://h:x then http://***@h/"),
    ("https://h:8080/@me?year=2024", "https://h:8080/@me?year=2024"),
    ("http://[::1]:80/x@y", "http://[::1]:80/x@y"),
    ("https://h/NGDPD?design=2&empty_key=", "https://h/NGDPD?design=2&empty_key="),
    ('{"u": "http://u:p@h/?sig=1", "e": "x@y"}', '{"u": "http://***@h/?sig=***", "e": "x@y"}'),
])
def test_secrets_are_cut_out(url: str, shown: str) -> None:
    assert redacted(url) == shown
    assert has_password(url) == (url != shown)
    assert redacted(shown) == shown


@given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="&#'\""), min_size=8))
def test_no_value_of_a_key_survives(secret: str) -> None:
    assert secret not in redact_text(f"see https://h/?year=2024&api_key={secret}&page=2 (Caused by nothing)")


def test_columns_of_a_command_to_type_next_stay() -> None:
    text = "python extract.py --key=country,year --url 'https://h/?key=abcd&--key=s3cret'"
    assert redact_text(text) == "python extract.py --key=country,year --url 'https://h/?key=***&--key=***'"
    assert redact_text("api--key=b --api-key=c") == "api--key=*** --api-key=***"


def test_logs_are_redacted_with_their_tracebacks(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("test-redacting")
    logger.addFilter(RedactingFilter())
    try:
        raise ValueError("https://u:s3cret@h/")
    except ValueError:
        logger.exception("%s?token=%s", "/path", "s3cret")
    assert "/path?token=***" in caplog.text and "https://***@h/" in caplog.text
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize(("said", "shown"), [
    ("the key k3y%2Bz is not valid", "the key *** is not valid"), ("no k3y+z here", "no *** here"),
    ("me:pa ss is unknown", "me:*** is unknown"), ("Basic bWU6cGEgc3M=", "***"), ("page 2024 of me", "page 2024 of me"),
    ("your t0ken", "your ***")])
def test_what_a_server_says_again_is_cut_out(said: str, shown: str) -> None:
    url = "https://me:pa%20ss@h/x?api_key=k3y%2Bz&page=2024"
    headers = {"Authorization": "Basic bWU6cGEgc3M=", "X-Api-Key": "t0ken", "Accept": "page"}
    assert without_echo(said, url, headers) == shown


def test_a_traceback_on_the_screen_is_redacted(capsys: pytest.CaptureFixture[str]) -> None:
    fail(Reporter("load", []), RuntimeError("https://u:s3cret@h/"), log=None, debug=True)
    told = capsys.readouterr().err
    assert "RuntimeError: https://***@h/" in told and "s3cret" not in told
