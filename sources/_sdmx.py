"""An SDMX-ML 2.1 data message as a stream of its parts, structure specific or generic, without trust.

The elements are matched by local name, whatever their namespace: structure specific data carries figures in
attributes (<Series COUNTRY="SVK" …><Obs TIME_PERIOD="2018" OBS_VALUE="94669000000"/></Series>), generic data in
<Value id="COUNTRY" value="SVK"/> pairs; both come out the same. Memory stays that of one series.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO, NamedTuple, cast

from lxml import etree

from pipeline.documents import RawDocument
from sources._json import nonsense

DATASET, GROUP, SERIES, NOTE = "dataset", "group", "series", "note"
MOST_OF_ONE = 1 << 24  # bytes from one series to the next: they are in memory together, twenty times as large
MOST_NAME = 80  # characters of a name that a message repeats
_TAGS = [f"{{*}}{name}" for name in ("DataSet", "Attributes", "Group", "Series", "ErrorMessage", "Message")]
_ROOTS = {"StructureSpecificData", "GenericData", "StructureSpecificTimeSeriesData", "GenericTimeSeriesData"}
_HEADER_BEGINS = re.compile(rb"<(?:[\w.-]{1,40}:)?Header[\s>]")
_HEADER_ENDS = re.compile(rb"</(?:[\w.-]{1,40}:)?Header\s*>")


class Part(NamedTuple):
    """One part of the message.

    kind:         DATASET, GROUP, SERIES, or NOTE (a harmless line of the footer, its words in attributes["text"]).
    attributes:   of the element, dimensions among them.
    observations: (period, value) of a series, "" where the element does not say.
    """

    kind: str
    attributes: dict[str, str]
    observations: list[tuple[str, str]]


def without_header(body: bytes) -> bytes:
    """Return the message without its header, whose ID and time change with every request."""
    begin = _HEADER_BEGINS.search(body)
    end = _HEADER_ENDS.search(body, begin.end()) if begin else None
    return body[: begin.start()] + body[end.end():] if begin and end else body


def parts(document: RawDocument) -> Iterator[Part]:
    """Yield the parts of the message in document order. Raises SourceNonsense for any other document."""
    with _opened(document) as stream:
        _refuse_other_than_xml(stream, document.url)
        watched = _Watched(stream, document.url)
        context = etree.iterparse(cast("BinaryIO", watched), events=("start", "end"), tag=_TAGS,
                                  resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
        checked = False
        try:
            for event, element in context:
                if not checked:
                    _check_root(element.getroottree().getroot(), document.url)
                    checked = True
                yield from _part(event, element, document.url)
                watched.since = 0
        except etree.XMLSyntaxError as error:
            raise nonsense(f"The answer is broken or cut off XML: {error.msg[:300]}", document.url) from error
        if not checked:
            _check_root(context.root, document.url)


class _Watched:
    """The message as the XML parser reads it; refuses what fills the memory without ever ending a series."""

    def __init__(self, stream: BinaryIO, url: str) -> None:
        self._stream, self._url = stream, url
        self.since = 0  # bytes read since a part ended

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes. Raises SourceNonsense."""
        data = self._stream.read(size)
        self.since += len(data)
        if self.since > MOST_OF_ONE:
            raise nonsense(f"The answer has a part of more than {MOST_OF_ONE:,} bytes; a series has some hundred",
                           self._url)
        return data


def _opened(document: RawDocument) -> BinaryIO:
    if document.data is None and document.path is not None:
        return document.path.open("rb")
    return BytesIO(document.body)


def _refuse_other_than_xml(stream: BinaryIO, url: str) -> None:
    head = stream.read(400).decode("utf-8", "replace").strip()
    stream.seek(0)
    if not head:
        raise nonsense("The IMF answered with nothing; it does so for codes that it does not know", url)
    if head[0] in "{[":
        raise nonsense(f"The answer is JSON in place of SDMX-ML: {head[:200]}", url)


def _check_root(root: etree._Element, url: str) -> None:
    if root.getroottree().docinfo.internalDTD is not None:
        raise nonsense("The answer declares a document type, which no SDMX message does", url)
    name = _local(root)
    if name in _ROOTS or name == "Error":
        return
    if name.lower() == "html":
        raise nonsense("The answer is a web page in place of SDMX-ML", url)
    if name == "Structure":
        raise nonsense("The answer describes a structure and holds no figures", url)
    raise nonsense(f"The answer is no SDMX-ML 2.1 data message: its root element is <{name[:MOST_NAME]}>", url)


def _part(event: str, element: etree._Element, url: str) -> Iterator[Part]:
    name = _local(element)
    if event == "start":
        if name == "DataSet":
            yield Part(DATASET, _own(element), [])  # its children are not there yet, or only some of them
        return
    parent = element.getparent()
    if name == "DataSet":
        _refuse_flat(element, url)
    elif name in ("ErrorMessage", "Message"):
        yield from _message(element, url)
    elif parent is not None and _local(parent) == "DataSet":
        yield _told(name, element)
        _forget(element)


def _told(name: str, element: etree._Element) -> Part:
    if name == "Series":
        observations = [_observation(child) for child in element if _local(child) == "Obs"]
        return Part(SERIES, _attributes(element), observations)
    return Part(GROUP if name == "Group" else DATASET, _attributes(element), [])


def _attributes(element: etree._Element) -> dict[str, str]:
    found = _own(element)
    for child in element:
        name = _local(child)
        if name == "Value":
            found.update(_pair(child))
        elif name in ("SeriesKey", "GroupKey", "Attributes"):
            for value in child:
                found.update(_pair(value))
    return found


def _own(element: etree._Element) -> dict[str, str]:
    return {str(name): str(value) for name, value in element.attrib.items()}


def _pair(value: etree._Element) -> dict[str, str]:
    return {value.get("id") or "": value.get("value") or ""}


def _observation(element: etree._Element) -> tuple[str, str]:
    period, value = element.get("TIME_PERIOD"), element.get("OBS_VALUE")
    if period is None and value is None:
        for child in element:
            if _local(child) == "ObsDimension":
                period = child.get("value")
            elif _local(child) == "ObsValue":
                value = child.get("value")
    return period or "", value or ""


def _message(element: etree._Element, url: str) -> Iterator[Part]:
    """Refuse the answer for an error or a warning ("truncated"); a remark beside the figures is passed on."""
    text = " ".join(" ".join(map(str, element.itertext())).split())
    said = f"{element.get('code') or ''} {text}".strip() or "no reason given"
    if element.get("severity") != "Information":
        raise nonsense(f"The IMF answers with an SDMX message in place of the whole figures: {said}", url)
    yield Part(NOTE, {"text": said}, [])


def _refuse_flat(dataset: etree._Element, url: str) -> None:
    if any(_local(child) == "Obs" for child in dataset):
        raise nonsense("The answer lists single observations (dimensionAtObservation=AllDimensions), not series", url)


def _forget(element: etree._Element) -> None:
    """Free what has been read; the element itself stays, as the parser may still append to it."""
    element.clear()
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]


def _local(element: etree._Element) -> str:
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""
