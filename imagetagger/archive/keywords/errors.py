"""Why a sidecar cannot be used."""


class SidecarError(ValueError):
    """A sidecar that cannot be read or written; the message says which, what is wrong, and how to fix it."""


class XmpError(ValueError):
    """A packet of XMP that cannot be read; the message says what is wrong."""
