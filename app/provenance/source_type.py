"""What is said of a file's origin, in the words of IPTC's NewsCodes."""

from __future__ import annotations

# a picture that somebody gave, its lips moved by a trained network: not all of it was made by a machine
# (IPTC, Digital Source Type NewsCodes: http://cv.iptc.org/newscodes/digitalsourcetype/)
DIGITAL_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
TOOL = "Lipwire"


def container_tags(label: str) -> dict[str, str]:
    """Return the tags that an MP4 has from its first byte on, so that a file that was cut short has them too."""
    return {"comment": f"{label}. Digital source type: {DIGITAL_SOURCE_TYPE}", "encoding_tool": TOOL}
