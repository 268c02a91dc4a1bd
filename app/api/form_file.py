"""The file of a form, and the picture behind it, found in its bytes as they come."""

from __future__ import annotations

from urllib.parse import unquote

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from app.errors import Refusal

FIELDS = {"image": "Picture", "video": "Video"}  # of the form → what a file without a name is called
BEHIND = "background"  # the field of a picture that shows behind the person
MAX_FIELDS = 4  # beside the file: what is in them is passed over
MAX_NAME = 80


class FormFile:
    """Takes a multipart form in pieces, and gives the file's bytes in each; it keeps none of them.

    ``field`` and ``name`` are there once the file has begun. ``behind``: of the piece that was fed last, those of the
    picture behind it. Bound: a part's headers, which the parser limits.
    """

    def __init__(self, content_type: str) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            raise _bad_form()
        self._header_name, self._header_value = bytearray(), bytearray()
        self._disposition = ""
        self._parts, self._in_file, self._in_behind, self._ended = 0, False, False, False
        self._found, self.behind = bytearray(), bytearray()  # the files' bytes of one piece
        self._has_behind = False
        self.field, self.name = "", ""
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._on_part_begin,
                    "on_header_field": self._on_header_name,
                    "on_header_value": self._on_header_value,
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers_finished,
                    "on_part_data": self._on_part_data,
                    "on_end": self._on_end,
                },
            )
        except FormParserError:  # a boundary of more than 70 characters or so
            raise _bad_form() from None

    def feed(self, piece: bytes) -> bytes:
        """Return which of a piece's bytes are the file's.

        Raises:
            Refusal: ``bad_form``.
        """
        self._found.clear()
        self.behind.clear()
        try:
            self._parser.write(piece)
        except FormParserError:
            raise _bad_form() from None
        return bytes(self._found)

    def check_complete(self) -> None:
        """See that the whole form has come, with a file in it.

        Raises:
            Refusal: ``bad_form``.
        """
        if not self._ended or not self.field:
            raise _bad_form()

    def _on_part_begin(self) -> None:
        self._parts += 1
        if self._parts > 1 + MAX_FIELDS:
            raise _bad_form()
        self._in_file, self._in_behind, self._disposition = False, False, ""

    def _on_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _on_header_end(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = self._header_value.decode("latin-1")
        self._header_name.clear()
        self._header_value.clear()

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        if b"filename" not in options:
            return
        field = _text(options.get(b"name", b""))
        if field == BEHIND and not self._has_behind:
            self._in_behind = self._has_behind = True
            return
        if field not in FIELDS or self.field:
            raise _bad_form()
        self.field, self._in_file = field, True
        name = unquote(_text(options[b"filename"])).rsplit(".", 1)[0].strip()[:MAX_NAME]
        self.name = name or FIELDS[field]

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self._found += data[start:end]
        elif self._in_behind:
            self.behind += data[start:end]

    def _on_end(self) -> None:
        self._ended = True


def _text(data: bytes) -> str:
    """Decode as browsers write it; a name in another coding is not worth an error."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _bad_form() -> Refusal:
    return Refusal("bad_form", 'Send multipart/form-data, a picture in "image" or a video in "video".')
