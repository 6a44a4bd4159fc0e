"""pipeline.secrets: what may not be shown is not, and what may be stays readable."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.secrets import RedactingFilter, has_password, redact_text, redacted


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


def test_logs_are_redacted_with_their_tracebacks(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("test-redacting")
    logger.addFilter(RedactingFilter())
    try:
        raise ValueError("https://u:s3cret@h/")
    except ValueError:
        logger.exception("%s?token=%s", "/path", "s3cret")
    assert "/path?token=***" in caplog.text and "https://***@h/" in caplog.text
    assert "s3cret" not in caplog.text
