"""The body of a server-side apply: YAML that is JSON too, whatever characters it quotes.

JSON escapes a character beyond U+FFFF as two, which YAML does not know: the API server would refuse the whole body for
an emoji in a log line that a status quotes.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""What YAML has as an escape only (chapter 5.1), beside what JSON escapes anyway."""
HALF = re.compile("[\ud800-\udfff]")
"""Half of a pair: no character, and so in no encoding."""


def yaml_body(manifest: Mapping[str, Any]) -> bytes:
    """In UTF-8; half a pair becomes U+FFFD."""
    whole = HALF.sub("\ufffd", json.dumps(manifest, ensure_ascii=False))
    return UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", whole).encode()
