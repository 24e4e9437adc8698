"""What a file is, from its first megabyte: format, encoding, delimiter, whether the first line names the columns."""

from __future__ import annotations

import codecs
import csv
import io
import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pyarrow as pa

from tocsin.core.errors import DataError

SAMPLE = 1 << 20
LARGE, RATIO = 1 << 30, 100  # what unpacks to more bytes than LARGE and to more than RATIO times its size is refused
_FORMATS = {".csv": "csv", ".tsv": "csv", ".tab": "csv", ".parquet": "parquet", ".pq": "parquet", ".jsonl": "json", ".ndjson": "json",
            ".json": "json", ".npy": "npy", ".npz": "npz", ".feather": "arrow", ".arrow": "arrow", ".ipc": "arrow"}
_PACKED = (".gz", ".bz2", ".zst", ".lz4")
# First bytes of files that are no text, and what to do with such a file.
_MAGIC = (
    (b"PAR1", "parquet", "Parquet"), (b"ARROW1", "arrow", "Arrow"), (b"\x93NUMPY", "npy", "numpy"),
    (b"PK\x03\x04", "", "a zip archive or spreadsheet: unpack it, or save the sheet as csv"), (b"\x1f\x8b", "", "gzip: name it .csv.gz"),
    (b"\xd0\xcf\x11\xe0", "", "an old spreadsheet: save the sheet as csv"),
    (b"SQLite format 3", "", "a SQLite database: pass sqlite:///FILE and query="),
    (b"\x89PNG", "", "a PNG image"), (b"\xff\xd8\xff", "", "a JPEG image"), (b"GIF8", "", "a GIF image"), (b"%PDF", "", "a PDF document"),
    (b"\x89HDF", "", "HDF5: convert it to Parquet"), (b"\x7fELF", "", "a program"), (b"BZh", "", "bzip2: name it .csv.bz2"),
    (b"\x28\xb5\x2f\xfd", "", "zstandard: name it .csv.zst"), (b"<!doctype html", "", "a web page"), (b"<html", "", "a web page"),
)
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)*|[.,]\d+)([eE][+-]?\d+)?")
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ].*)?")


@dataclass(frozen=True)
class Dialect:
    """How a csv is written. ``names`` are the column names as they stand in the first line; ``header`` False when that line is data;
    ``skip`` counts the blank lines before it."""

    delimiter: str
    encoding: str
    header: bool
    names: tuple[str, ...]
    quoted: bool
    skip: int = 0


def opened(path: Path) -> pa.NativeFile:
    """The file's bytes, unpacked when its name ends in .gz, .bz2, .zst or .lz4. Reading raises DataError TOC-142 where a packed file
    grows beyond measure (:func:`check_growth`)."""
    if path.suffix.lower() not in _PACKED:
        return pa.input_stream(str(path), compression=None)
    return pa.PythonFile(_Unpacked(path), mode="r")


def check_growth(unpacked: int, packed: int, path: Path) -> None:
    """DataError TOC-142 when content is both over 1 GiB and over 100 times its packed size, so that a small file cannot fill the memory.

    Tables of measurements pack to a half or a tenth; text of a few repeated lines may pass 100.
    """
    if unpacked > LARGE and unpacked > RATIO * packed:
        raise DataError("TOC-142", "the file grows beyond measure when it is unpacked",
                        came=f"{path}: {packed} bytes become more than {unpacked // 2**20} MiB",
                        todo="unpack it with another program and pass that file, if you trust it")


class _Unpacked:
    """A packed file as a stream of what is in it, with a limit on its growth."""

    def __init__(self, path: Path) -> None:
        self.path, self.packed, self.count = path, path.stat().st_size, 0
        self.inner = pa.input_stream(str(path), compression="detect")

    def read(self, size: int) -> bytes:
        try:
            block = bytes(self.inner.read(size))
        except OSError as error:
            raise _cannot_unpack(self.path, error) from error
        self.count += len(block)
        check_growth(self.count, self.packed, self.path)
        return block

    @property
    def closed(self) -> bool:
        return bool(self.inner.closed)

    def close(self) -> None:
        self.inner.close()


def head(path: Path, size: int = SAMPLE) -> bytes:
    """The first ``size`` bytes, unpacked. DataError TOC-120 when the file cannot be opened, TOC-123 when it cannot be unpacked."""
    try:
        with opened(path) as stream:
            return bytes(stream.read(size))
    except PermissionError as error:
        raise DataError("TOC-120", "the file may not be read", came=str(path), todo="give read permission, or pass another file") from error
    except OSError as error:
        raise _cannot_unpack(path, error) from error


def _cannot_unpack(path: Path, error: OSError) -> DataError:
    return DataError("TOC-123", "the file cannot be unpacked or read", came=f"{path}: {error}"[:300],
                     todo="check that the file is complete, or write it again")


def format_of(path: Path) -> str:
    """"csv", "parquet", "json", "npy", "npz" or "arrow", by the file's ending, else by its content (TOC-123 when neither tells)."""
    inner = Path(path.stem) if path.suffix.lower() in _PACKED else path
    known = _FORMATS.get(inner.suffix.lower())
    if known is not None:
        return known
    start = head(path)
    for magic, form, word in _MAGIC:
        if start[:20].lower().startswith(magic.lower()):
            if form:
                return form
            raise _unreadable(path, word)
    if start.lstrip()[:1] in (b"{", b"["):
        return "json"
    text = decoded(start, encoding_of(start, path), path)
    lines = _lines(text)
    mark = delimiter_of(lines)
    counts = _counts(lines, mark) if mark else []
    agreeing = sum(count == counts[0] for count in counts)
    numeric = all(_NUMBER.fullmatch(line.strip()) for line in lines[1:])
    if (agreeing > 0.9 * len(counts)) if counts else numeric:
        return "csv"
    raise _unreadable(path, "text that is no table")


def _unreadable(path: Path, word: str) -> DataError:
    return DataError("TOC-123", "the file is not of a form that can be read", came=f"{path}: {word}",
                     todo="pass csv, tsv, Parquet, JSON lines, npy, npz or Arrow; end the name accordingly (.csv, .parquet, ...)")


def encoding_of(start: bytes, path: Path) -> str:
    """"utf-8", "utf-16..." or "cp1252" from the first bytes; DataError TOC-123 for content that is no text.

    >>> encoding_of("flow;März".encode("latin-1"), Path("a.csv"))
    'cp1252'
    """
    for mark, name in _MARKS:
        if start.startswith(mark):
            return name
    for magic, _, word in _MAGIC:
        if start[:20].lower().startswith(magic.lower()):
            raise DataError("TOC-123", "the file is not text, though its name says so", came=f"{path}: looks like {word}",
                            todo="pass a text file, or give the file the ending of its form")
    nulls = start.count(b"\x00")
    if nulls:
        even, odd = start[::2].count(b"\x00"), start[1::2].count(b"\x00")
        if nulls > 0.3 * len(start) and min(even, odd) < 0.05 * nulls:
            return "utf-16-be" if even > odd else "utf-16-le"
        raise DataError("TOC-123", "the file is not text, though its name says so",
                        came=f"{path}: {nulls} null bytes in the first {len(start)}",
                        todo="pass a text file, or give the file the ending of its form (.parquet, .npz, ...)")
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start, final=len(start) < SAMPLE)
        return "utf-8"
    except UnicodeDecodeError:
        return "cp1252" if not set(start) & {0x81, 0x8D, 0x8F, 0x90, 0x9D} else "latin-1"


def decoded(start: bytes, encoding: str, path: Path) -> str:
    """The bytes as text without a byte-order mark; DataError TOC-124 when they do not fit ``encoding``."""
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(start, final=False)
    except LookupError as error:
        raise DataError("TOC-124", "there is no such encoding", came=repr(encoding), todo="use utf-8, utf-16, latin-1 or cp1252") from error
    except UnicodeDecodeError as error:
        raise DataError("TOC-124", f"the file is not written in {encoding}", came=f"{path}: byte {error.start}: {error.reason}",
                        todo="leave encoding= out to have it found, or pass the right one, such as 'cp1252'") from error
    return text.removeprefix("\ufeff")


def dialect_of(path: Path, *, encoding: str | None = None, delimiter: str | None = None, header: bool | None = None) -> Dialect:
    """How the csv at ``path`` is written; what is given is taken as given. DataError TOC-122 for an empty file."""
    start = head(path)
    if not start.strip(b"\xef\xbb\xbf\xff\xfe\x00\r\n\t "):
        raise DataError("TOC-122", "the file is empty", came=str(path), todo="pass a file with a line of names and at least one row")
    encoding = encoding or encoding_of(start, path)
    text = decoded(start, encoding, path)
    lines = _lines(text)
    if delimiter is None:
        delimiter = delimiter_of(lines) or _none_occurring(lines)
    elif len(delimiter) != 1:
        raise DataError("TOC-138", "a delimiter is one character", came=repr(delimiter), todo="pass ',', ';', '|' or a tab")
    names = tuple(field.strip() for field in next(csv.reader(lines, delimiter=delimiter), [""]))
    header = _is_header(names) if header is None else header
    if header and not any(line.strip() for line in lines[1:]) and len(start) < SAMPLE:
        raise DataError("TOC-122", "the file holds names and no rows", came=f"{path}: {', '.join(names[:8])}",
                        todo="pass a file with at least one row")
    skip = next(i for i, line in enumerate(io.StringIO(text, newline=None)) if line.strip())
    return Dialect(delimiter, encoding, header, names if header else tuple(f"x{j}" for j in range(len(names))), '"' in text, skip)


def delimiter_of(lines: list[str]) -> str:
    """The character that cuts the most lines into as many fields as the first one; "" when none cuts the first line.

    >>> delimiter_of(["time;flow", "10:00;3,5"]), delimiter_of(["flow", "3,5"])
    (';', '')
    """
    best, found = 0.0, ""
    for mark in "\t;|,":
        counts = _counts(lines, mark)
        if not counts or counts[0] < 2:
            continue
        share = sum(count == counts[0] for count in counts[1:]) / max(len(counts) - 1, 1)
        # equal shares: 1,5;2,5 has more commas, yet a comma file never holds as many semicolons in every line
        if not found or share > best:
            best, found = share, mark
    return found


def _none_occurring(lines: list[str]) -> str:
    """A delimiter for one column: free text may hold commas. Rows that agree on another number of fields keep it (an error later)."""
    rows = [line for line in lines[1:] if line.strip()]
    if rows and not all(re.fullmatch(r'"?[+-]?\d*(,\d+)?"?|NA|NaN|null', row.strip()) for row in rows):
        for mark in "\t;|,":
            counts = _counts(rows, mark)
            if counts and counts[0] > 1 and sum(count == counts[0] for count in counts) >= 0.9 * len(counts):
                return mark
        return "\x1f"
    return ";"


def _counts(lines: list[str], mark: str) -> list[int]:
    try:
        return [len(row) for row in csv.reader(lines, delimiter=mark) if row]
    except csv.Error:
        return []


def _lines(text: str) -> list[str]:
    """Up to 200 whole lines that are not blank (a last line that the sample cuts is left out)."""
    lines = list(io.StringIO(text, newline=None))
    if len(lines) > 1 and len(text) >= SAMPLE // 4 and not text.endswith("\n"):
        lines = lines[:-1]
    first = next((i for i, line in enumerate(lines) if line.strip()), 0)
    return lines[first:first + 200]


def _is_header(names: tuple[str, ...]) -> bool:
    """Whether a first line holds names: not when all its fields are numbers or dates (unless they count 0, 1, 2 ... or years),
    and not when half of them are and some repeat."""
    values = sum(bool(_NUMBER.fullmatch(name) or _DATE.fullmatch(name)) for name in names)
    if values < len(names):
        return values < len(names) / 2 or len(set(names)) == len(names)
    if len(names) < 3 or not all(name.isdigit() for name in names):
        return False
    return all(int(b) - int(a) == 1 for a, b in pairwise(names))
