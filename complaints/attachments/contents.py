"""What a file is, by its content, and what of it is stored: pictures drawn anew, so that nothing else is left."""

import hashlib
import struct
from io import BytesIO
from typing import NamedTuple

from django.utils.translation import gettext as _
from PIL import Image, ImageOps, UnidentifiedImageError

from complaints.models import Attachment
from core.lib.errors import Invalid

Kind = Attachment.Kind
LARGEST = 10 * 1024 * 1024
# A picture that unpacks to more than this is refused before it is unpacked.
MOST_PIXELS = 60_000_000
LONGEST_SIDE = 3000
QUALITY = 88
# What phones, browsers and chats send. Opened as a JPEG, a photo with a second one in it says that it is an MPO.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
PHOTOS = ("JPEG", "MPO", "WEBP")
_HEIC = (b"ftypheic", b"ftypheix", b"ftyphevc", b"ftypmif1", b"ftypheif")


class Cleaned(NamedTuple):
    """What is stored, and the digest of what was sent."""

    kind: Kind
    data: bytes
    digest: str


def cleaned(data: bytes) -> Cleaned:
    """The file as it may be kept: a picture without place, time, camera and comments; a PDF as it is.

    The name says nothing. Raises Invalid for what is too large, empty, broken, or of another kind.
    """
    if not data:
        raise Invalid(_("The file is empty."), code="file_empty")
    if len(data) > LARGEST:
        raise Invalid(too_large(), code="file_large")
    digest = hashlib.sha256(data).hexdigest()
    if data.startswith(b"%PDF-"):
        if b"%%EOF" not in data[-2048:]:
            raise Invalid(_("This PDF is incomplete. Send it again."), code="file_broken")
        return Cleaned(Kind.PDF, data, digest)
    if data[4:12] in _HEIC:
        raise Invalid(_("This photo is in the format HEIC. Send it as JPEG, or as a screenshot."), code="file_heic")
    return Cleaned(*_picture(data), digest)


def too_large() -> str:
    return _("A file has at most %(most)d MB.") % {"most": LARGEST // 1024**2}


def _picture(data: bytes) -> tuple[Kind, bytes]:
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise _too_many_points()
            is_photo = picture.format in PHOTOS
            upright = ImageOps.exif_transpose(picture)
            return _drawn_anew(upright, is_photo=is_photo)
    except UnidentifiedImageError:
        raise Invalid(
            _("Only photos and screenshots (JPEG, PNG, WebP, GIF) and PDF files can be attached."), code="file_kind"
        ) from None
    except Image.DecompressionBombError:
        raise _too_many_points() from None
    except (OSError, ValueError, SyntaxError, EOFError, OverflowError, struct.error):
        raise Invalid(_("This picture is broken. Send it again."), code="file_broken") from None


def _too_many_points() -> Invalid:
    return Invalid(
        _("This picture has more than %(most)d million points. Send a smaller one.")
        % {"most": MOST_PIXELS // 1_000_000},
        code="file_pixels",
    )


def _drawn_anew(picture: Image.Image, *, is_photo: bool) -> tuple[Kind, bytes]:
    """The points of the picture in a file that carries nothing else, no larger than a screen can use."""
    mode = "RGB" if is_photo else "RGBA"
    points = picture.convert(mode)
    points.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    blank = Image.frombytes(mode, points.size, points.tobytes())
    out = BytesIO()
    if is_photo:
        blank.save(out, "JPEG", quality=QUALITY)
        return Kind.JPEG, out.getvalue()
    blank.save(out, "PNG")
    return Kind.PNG, out.getvalue()
