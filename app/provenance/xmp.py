"""An XMP packet in an MP4: a box of its own at the end, where programs that read metadata look for it."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import UUID
from xml.sax.saxutils import escape, quoteattr

from app.provenance.source_type import DIGITAL_SOURCE_TYPE, TOOL

# XMP Specification Part 3, "MPEG-4": a top-level box of type uuid
XMP_BOX = UUID("be7acfcb-97a9-42e8-9c71-999491e3afac")
HEAD_BYTES = 8  # of a box: its length and its type

_PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
    xmp:CreatorTool={tool}>
   <Iptc4xmpExt:DigitalSourceType>{source_type}</Iptc4xmpExt:DigitalSourceType>
   <dc:description><rdf:Alt><rdf:li xml:lang="x-default">{label}</rdf:li></rdf:Alt></dc:description>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>"""


def xmp_box(label: str) -> bytes:
    """Return the box that says where a file comes from."""
    packet = _PACKET.format(tool=quoteattr(TOOL), source_type=escape(DIGITAL_SOURCE_TYPE), label=escape(label))
    body = XMP_BOX.bytes + packet.encode()
    return (HEAD_BYTES + len(body)).to_bytes(4, "big") + b"uuid" + body


def append_xmp(path: Path, label: str) -> None:
    """Append the box to a finished MP4, whose other boxes stay where they are; to one that has it nothing.

    Raises:
        OSError: when the disk takes it not; the file is as it was.
    """
    box = xmp_box(label)
    with path.open("r+b") as file:
        length = file.seek(0, os.SEEK_END)
        file.seek(max(0, length - len(box)))
        if file.read() == box:
            return
        try:
            file.write(box)
            file.flush()
        except OSError:
            file.truncate(length)
            raise
