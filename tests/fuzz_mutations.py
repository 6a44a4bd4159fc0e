"""Seeded mutations of small valid documents: of bytes, of words, and of what a document is made of."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import re
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import zstandard
from lxml import etree

Mutation = Callable[[random.Random, bytes, Sequence[bytes]], bytes]

LARGEST = 60_000  # bytes of an input: a mutation that repeats must not make the fuzzing a test of large files
NUMBERS = (b"0", b"-0", b"1e999", b"-1e999", b"1e-999", b"NaN", b"Infinity", b"9" * 40, b"9" * 4400, b"0x1F", b"1,234",
           b"1.234,5", b"1.2.3", b"2024", b"20245", b"1e3", "٣٤".encode(), "２０２４".encode(), b"-1", b"1_000", b"+5",
           b"2147483648", b"18446744073709551616", b"1e400", b"null", b"true", b"--", b"n/a")
MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\xff\xfe\x00\x00", b"\x00", b"\r", b"\n", b"\r\n", b'"', b"'",
         b'""', b",", b";", b"\t", b"|", b"\\", b"\\ud800", b"\\u0000", b"\xed\xa0\x80", b"\xc0\x80", b"\xff",
         "\u2028".encode(), "\u202e".encode(), "\x85".encode(), "\U0001f600".encode(), b"\x1b[2J", b"=cmd|' /C'!A0",
         b"../../etc/passwd", b"Robert'); DROP TABLE Countries_by_GDP;--", b"\x1f\x8b", b"PK\x03\x04", b"PAR1")
MARKUP = (b"<", b">", b"&", b"&amp;", b"&lol9;", b"&#0;", b"&#x110000;", b"<!--", b"-->", b"<![CDATA[", b"]]>",
          b"</tr>", b"<table>", b"</table>", b"<td>",
          b'<td colspan="99999" rowspan="99999">', b'<td rowspan="0">', b"<br/>",
          b"<tr>", b"<th>", b"<caption>", b"<tfoot>", b"<?xml?>", b'<!DOCTYPE a [<!ENTITY b "bb">]>', b"<script>",
          b'"wgRevisionId":1', b"[n 1]", "7007806837870000000♠".encode(), b"<style>", b"<Series>", b"<Obs/>",
          b"<Group/>", b"<DataSet>", b"<Value id='COUNTRY' value='X'/>", b"<a:b xmlns:a='c'/>")
WORDS = (b"[", b"]", b"{", b"}", b":", b"{}", b"[]", b"country", b"iso3", b"year", b"value", b"unit", b"scale",
         b"vintage", b"indicator", b"NGDPD", b"LP", b"USA",
          b"WEOWORLD", b"Country", b"ISO", b"Scale", b"Units", b"2023",
         b"Billions", b"U.S. dollars", b"2025-10",
         b"International Monetary Fund, World Economic Outlook Database, October 2022",
         b"2025-10+2025-11-30", b"2025-99-99", b"0000-00-00", b"9999-12-31", b"IMF (2025)", b"lastupdated", b"total",
         b"pages", b"page", b"values", b"message", b"date", b"TIME_PERIOD", b"OBS_VALUE", b"PUBLICATION_DATE", b"SCALE",
         b"gdp_usd_billion", b"FREQUENCY", b"LATEST_ACTUAL_ANNUAL_DATA", b"FY2020/21")
TOKENS = (*NUMBERS, *MARKS, *MARKUP, *WORDS)
_WORD = re.compile(rb"[\w.+-]+|<[^<>]{0,200}>|\"[^\"]{0,200}\"")
ENCODINGS = ("utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "utf-32", "cp1252", "latin-1", "utf-7", "cp037")


# --- of bytes and words -------------------------------------------------------------------------------------------


def _span(chance: random.Random, data: bytes, longest: int = 200) -> tuple[int, int]:
    begin = chance.randrange(len(data) + 1)
    return begin, min(len(data), begin + chance.randint(1, longest))


def flip(chance: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """Turn some bits over."""
    changed = bytearray(data)
    for _each in range(chance.choice((1, 1, 2, 8)) if data else 0):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def noise(chance: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """Put random bytes in the place of some."""
    begin, end = _span(chance, data, 8)
    return data[:begin] + chance.randbytes(chance.randint(1, 8)) + data[end:]


def cut(chance: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """End early, or begin late."""
    at = chance.randrange(len(data) + 1)
    return data[:at] if chance.random() < 0.8 else data[at:]


def drop(chance: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """Leave a stretch out."""
    begin, end = _span(chance, data)
    return data[:begin] + data[end:]


def repeat(chance: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """Say a stretch again, once or very often."""
    begin, end = _span(chance, data)
    times = chance.choice((1, 1, 2, 20, 400))
    return data[:end] + data[begin:end] * min(times, LARGEST // max(1, end - begin)) + data[end:]


def move(chance: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """Put a stretch elsewhere."""
    begin, end = _span(chance, data)
    rest = data[:begin] + data[end:]
    at = chance.randrange(len(rest) + 1)
    return rest[:at] + data[begin:end] + rest[at:]


def splice(chance: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Go on as another document does."""
    other = chance.choice(others)
    return data[: chance.randrange(len(data) + 1)] + other[chance.randrange(len(other) + 1):]


def insert(chance: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """Put a token between two bytes."""
    at = chance.randrange(len(data) + 1)
    return data[:at] + chance.choice(TOKENS) + data[at:]


def exchange(chance: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """Put a token, or another word of the document, in the place of a word."""
    words = list(_WORD.finditer(data[:LARGEST]))
    if not words:
        return insert(chance, data, _)
    word = chance.choice(words)
    new = chance.choice(TOKENS) if chance.random() < 0.7 else chance.choice(words).group()
    if word.group()[:1] == b'"' and chance.random() < 0.7:
        new = b'"' + new + b'"'
    return data[: word.start()] + new + data[word.end():]


def encode(chance: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """Write the text in another encoding."""
    return data.decode("utf-8", "replace").encode(chance.choice(ENCODINGS), "replace")


BYTES: tuple[Mutation, ...] = (flip, noise, cut, drop, repeat, move, splice, insert, insert, exchange, exchange,
                               exchange, encode)


# --- of structure -------------------------------------------------------------------------------------------------


def of_json(chance: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """Change one value, key or list of a JSON document; of JSON Lines, of one line."""
    lines = data.split(b"\n")
    at = chance.randrange(len(lines))
    try:
        whole = json.loads(data)
    except (ValueError, RecursionError):
        try:
            lines[at] = json.dumps(_changed(chance, json.loads(lines[at]))).encode()
        except (ValueError, RecursionError):
            return exchange(chance, data, _)
        return b"\n".join(lines)
    return json.dumps(_changed(chance, whole), ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")


def _changed(chance: random.Random, content: Any, deep: int = 0) -> Any:
    """Return the content with one thing changed, as deep as chance goes."""
    if isinstance(content, (dict, list)) and content and deep < 50 and chance.random() < 0.8:
        items = list(content) if isinstance(content, dict) else list(range(len(content)))
        key = chance.choice(items)
        changed = content.copy()
        act = chance.random()
        if act < 0.7:
            changed[key] = _changed(chance, content[key], deep + 1)
        elif act < 0.8:
            del changed[key]
        elif isinstance(changed, list):
            changed.insert(chance.randrange(len(changed) + 1), content[key])
        else:
            changed[chance.choice(TOKENS).decode("utf-8", "replace")] = changed.pop(key)
        return changed
    return _value(chance, content)


def _value(chance: random.Random, old: Any) -> Any:
    deep: Any = old
    for _ in range(chance.choice((1, 3, 200))):
        deep = [deep] if chance.random() < 0.5 else {"a": deep}
    text = chance.choice(TOKENS).decode("utf-8", "replace")
    return chance.choice((None, True, 0, -1, 10**30, 1e308, float("nan"), float("inf"), "", text, text, [], {}, deep,
                          "\ud800", "x" * 400, str(old), [old, old]))


def of_xml(chance: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """Remove, repeat, move, rename or empty an element of an XML or HTML document, or change an attribute."""
    html = b"<html" in data[:2000].lower() or b"<table" in data
    parser = etree.HTMLParser() if html else etree.XMLParser(recover=True, resolve_entities=False)
    root = None
    with suppress(etree.LxmlError, ValueError, AssertionError):
        root = etree.fromstring(data, parser)
    elements = [each for each in root.iter() if isinstance(each.tag, str)] if root is not None else []
    if root is None or len(elements) < 2:
        return exchange(chance, data, _)
    with suppress(ValueError, TypeError):  # what XML cannot hold stays out
        _element(chance, chance.choice(elements[1:]), elements)
    return etree.tostring(root, method="html" if html else "xml", encoding="utf-8")


def _element(chance: random.Random, one: Any, elements: Sequence[Any]) -> None:
    act, parent, token = chance.randrange(7), one.getparent(), chance.choice(TOKENS).decode("utf-8", "replace")
    if act == 0:
        parent.remove(one)
    elif act == 1:
        for _ in range(chance.choice((1, 1, 2, 30))):
            parent.append(etree.fromstring(etree.tostring(one, with_tail=False), etree.XMLParser(recover=True)))
    elif act == 2:
        chance.choice([each for each in elements if one not in each.iterancestors() and each is not one]).append(one)
    elif act == 3:
        one.tag = chance.choice(elements).tag
    elif act == 4:
        one.text = token
    elif act == 5 and len(one.attrib):
        one.set(chance.choice(list(one.attrib)), token)
    else:
        one.set(chance.choice(("colspan", "rowspan", "id", "class", "style", "COUNTRY", "OBS_VALUE", "r", "t", "s")),
                token)


def of_lines(chance: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """Change a cell, a row or a column of delimited text, in its own encoding."""
    wide = data.startswith(b"\xff\xfe")
    text = data.decode("utf-16" if wide else "utf-8", "replace")
    mark = max(",;\t|", key=text[:2000].count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=mark))
    except csv.Error:
        return exchange(chance, data, _)
    if not rows:
        return insert(chance, data, _)
    _cells(chance, rows)
    stream = io.StringIO()
    csv.writer(stream, delimiter=chance.choice((mark, mark, mark, ",", ";", "\t", "|")), escapechar="\\",
               quoting=chance.choice((csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONE)),
               lineterminator=chance.choice(("\n", "\r\n", "\r"))).writerows(filter(any, rows))
    return stream.getvalue().encode("utf-16" if wide else "utf-8", "replace")


def _cells(chance: random.Random, rows: list[list[str]]) -> None:
    act, at = chance.randrange(6), chance.randrange(len(rows))
    column = chance.randrange(max(1, len(rows[at])))
    if act < 2 and rows[at]:
        rows[at][column] = chance.choice(TOKENS).decode("utf-8", "replace")
    elif act == 2:
        rows.insert(chance.randrange(len(rows) + 1), rows[at] * chance.choice((1, 1, 2, 50)))
    elif act == 3:
        del rows[at]
    elif act == 4:
        for row in rows:
            row.append(row[column] if column < len(row) else "")
    else:
        for row in rows:
            del row[column:column + 1]


def within_zip(inner: Mutation) -> Mutation:
    """Return the mutation of one part of a zip archive, which stays whole."""
    def mutate(chance: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as old:
                parts = {name: old.read(name) for name in old.namelist()}
        except (zipfile.BadZipFile, OSError, EOFError, ValueError, LookupError, RuntimeError, NotImplementedError):
            return flip(chance, data, others)
        except Exception as error:  # noqa: BLE001  what a broken archive raises is no matter of ours here
            return flip(chance, data, others) if type(error).__name__ == "error" else data
        if not parts:
            return data
        name = chance.choice(sorted(parts))
        act = chance.random()
        if act < 0.9:
            parts[name] = inner(chance, parts[name], [parts[each] for each in sorted(parts)])
        elif act < 0.95:
            del parts[name]
        else:
            parts[chance.choice(("../../evil", "xl/worksheets/sheet9.xml", "/etc/x"))] = parts[name]
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
            for each, content in parts.items():
                new.writestr(each, content)
        return stream.getvalue()
    return mutate


def within_packing(inner: Mutation) -> Mutation:
    """Return the mutation of what is packed by gzip or Zstandard, packed again."""
    def mutate(chance: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
        try:
            if data.startswith(b"\x1f\x8b"):
                return gzip.compress(inner(chance, gzip.decompress(data), others), 1, mtime=0)
            if data.startswith(b"\x28\xb5\x2f\xfd"):
                plain = zstandard.ZstdDecompressor().decompress(data, max_output_size=1 << 20)
                return zstandard.compress(inner(chance, plain, others), 1)
        except Exception:  # noqa: BLE001  it is broken already
            return noise(chance, data, others)
        return inner(chance, data, others)
    return mutate


def mutated(chance: random.Random, data: bytes, others: Sequence[bytes], special: Sequence[Mutation]) -> bytes:
    """Return the document after one to five mutations, half of them of its structure."""
    for _ in range(chance.choice((1, 1, 1, 2, 3, 5))):
        kind = chance.choice(special) if special and chance.random() < 0.5 else chance.choice(BYTES)
        data = kind(chance, data, others)[:LARGEST]
    return data
