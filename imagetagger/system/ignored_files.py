"""Files that are no pictures by their names: what systems leave in folders, and what cameras write beside pictures."""

import re
from pathlib import PurePath

SYSTEM_NAMES = {
    # Windows
    *("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "system volume information", "$recycle.bin"),
    *("$windows.~bt", "$windows.~ws", "windowsimagebackup"),
    # macOS
    *("__macosx", ".ds_store", ".appledouble", ".appledb", ".appledesktop", ".localized", ".spotlight-v100"),
    *(".trashes", ".trash", ".fseventsd", ".temporaryitems", ".documentrevisions-v100", ".volumeicon.icns"),
    *(".apdisk", ".metadata_never_index", "icon\r", "icon\uf00d", "thevolumesettingsfolder"),
    # Linux
    *("lost+found", ".directory", ".nomedia", ".thumbnails"),
    # network storage
    *("@eadir", "@recycle", "@recently-snapshot", "@snapshot", "@sharebin", "@tmp", "#recycle", "#snapshot"),
    *(".@__thumb", ".@__qini", "~snapshot", ".snapshot", ".snapshots", ".zfs", "_gsdata_", "_recycle"),
    *("@synodrive", "@s2s", "@database", "@appstore", "@sharesnap"),
    # synchronisation
    *(".sync", ".stfolder", ".stversions", ".stignore", ".syncthing", "onedrivetemp"),
    # programming
    *("__pycache__", "node_modules"),
    # photo software
    *(
        "picasa.ini",
        ".picasa.ini",
        ".picasaoriginals",
        "zbthumbnail.info",
        ".bridgecache",
        ".bridgecachet",
        ".bridgesort",
    ),
}
"""Of files and folders, in lower case. None is a word that may be a tag: recycled, recycle bin, temporary items."""

SYSTEM_NAME = re.compile(
    r"\._.*|\.trash-\d+|\.dropbox.*|\.~lock\..*|\.nfs[0-9a-f]+|\.smbdelete.*|\.fuse_hidden.*|\.syncthing\..*"
    r"|~syncthing~.*|found\.\d{3}|.*\.lrdata|:2e.*|.*\.(photos|(migrated)?photo|ap)library",
    re.DOTALL,
)
"""Of files and folders, in lower case: copies of attributes, locks, bins, previews and libraries of photo software."""

SYSTEM_FILE = re.compile(
    r"icon\?|bridgecachet?|~\$.*|.*\.(partial|part|crdownload|!sync)|.*\.[a-z0-9]+~|.*@syno(eastream|resource)",
    re.DOTALL,
)
"""Of files only, since a folder of such a name may be a tag, in lower case: locks, backups, incomplete downloads."""

SIDECAR_SUFFIXES = {
    *(".xmp", ".aae", ".json", ".xml", ".thm", ".ini", ".dop", ".pp3", ".cos", ".pto", ".ctg", ".exif", ".icc"),
    *(".txt", ".md", ".rtf", ".log", ".csv", ".tsv", ".jsonl", ".yaml", ".yml", ".toml", ".html", ".htm", ".url"),
    *(".pdf", ".doc", ".docx", ".odt", ".xls", ".xlsx", ".ods", ".ppt", ".pptx", ".lnk", ".webloc", ".db", ".lrcat"),
    *(".mov", ".mp4", ".m4v", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".mts", ".m2ts", ".3gp", ".3g2", ".wmv"),
    *(".flv", ".ogv", ".insv", ".lrv", ".lrf", ".gpx", ".kml", ".srt", ".vtt", ".mp", ".mod", ".tod", ".360"),
    *(".mpl", ".modd", ".moff", ".moi", ".cpi", ".bdm", ".bnp", ".inp", ".int"),
    *(".mp3", ".m4a", ".aac", ".wav", ".flac", ".ogg", ".opus", ".amr"),
    *(".zip", ".tar", ".gz", ".7z", ".rar", ".npy", ".npz", ".pkl", ".mat", ".h5", ".hdf5", ".py", ".ipynb"),
    *(".bak", ".tmp", ".md5", ".sha1", ".sha256", ".vrd", ".nksc", ".on1"),
}
"""Of files beside pictures that are no pictures: descriptions, edits, videos, sound, documents; in lower case."""

PICTURE_SUFFIXES = {
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".pjpeg", ".pjp", ".mpo", ".jps", ".png", ".apng", ".gif", ".webp"),
    *(".bmp", ".dib", ".tif", ".tiff", ".btf", ".avif", ".avifs", ".jp2", ".j2k", ".j2c", ".jpc", ".jpx", ".jpf"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".tga", ".icb", ".vda", ".vst", ".ico"),
    *(".heic", ".heif", ".heics", ".heifs", ".hif"),  # reported where nothing is installed that reads them
}
"""Of pictures, in lower case."""

RAW_SUFFIXES = {
    *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".gpr", ".iiq", ".k25", ".kdc", ".mef"),
    *(".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f"),
}
"""Of pictures as a camera's sensor recorded them, in lower case: none is read but for the preview in it."""


def is_system_name(name: str, is_folder: bool = False) -> bool:
    """Whether systems, network storage or synchronisation leave files, or folders, of this name anywhere.

    >>> [is_system_name(name) for name in ("@eaDir", "._cat.jpg", "Thumbs.db", "a.part", ".hidden", "cat.jpg")]
    [True, True, True, True, False, False]
    >>> [is_system_name(name, is_folder=True) for name in ("@eaDir", "a.part")]
    [True, False]
    """
    lower = name.lower()
    is_file = not is_folder and SYSTEM_FILE.fullmatch(lower) is not None
    return lower in SYSTEM_NAMES or is_file or SYSTEM_NAME.fullmatch(lower) is not None


def is_ignored_name(name: str, is_folder: bool = False) -> bool:
    """Whether a file, or a folder, of this name is hidden or left by a system.

    >>> [is_ignored_name(name) for name in (".thumbnails", "@eaDir", "Thumbs.db", "cat.jpg")]
    [True, True, True, False]
    """
    return name.startswith(".") or is_system_name(name, is_folder)


def is_system_path(path: str) -> bool:
    """Whether a file's relative path, with slashes, is of one that a system left, or that lies in such a folder."""
    *folders, name = path.split("/")
    return is_system_name(name) or any(is_system_name(folder, is_folder=True) for folder in folders)


def is_sidecar(name: str, beside: frozenset[str] = frozenset()) -> bool:
    """Whether a file is no picture by its name, such as a description or a video beside one.

    Args:
        name: of the file.
        beside: stems of the pictures in its folder, in lower case: a camera's raw file beside its picture is one too.

    >>> is_sidecar("a.jpg.json"), is_sidecar("a.NEF"), is_sidecar("a.NEF", frozenset({"a"})), is_sidecar("a")
    (True, False, True, False)
    """
    path = PurePath(name.lower())
    suffix = re.sub(r"~\d+$", "", path.suffix)  # the video of a second copy: PXL_1.MP~2
    return suffix in SIDECAR_SUFFIXES or (suffix in RAW_SUFFIXES and path.stem in beside)


def is_picture_name(name: str) -> bool:
    """Whether a file is a picture by its suffix, be it one that is read or a camera's raw file.

    >>> is_picture_name("a.JPG"), is_picture_name("a.NEF"), is_picture_name("README")
    (True, True, False)
    """
    return PurePath(name.lower()).suffix in PICTURE_SUFFIXES | RAW_SUFFIXES


def is_raw_name(name: str) -> bool:
    """Whether a file is a camera's raw file by its suffix.

    >>> is_raw_name("a.NEF"), is_raw_name("a.jpg")
    (True, False)
    """
    return PurePath(name.lower()).suffix in RAW_SUFFIXES


def picture_stems(names: list[str]) -> frozenset[str]:
    """Return the stems of those names that are of pictures, in lower case."""
    paths = [PurePath(name.lower()) for name in names]
    return frozenset(path.stem for path in paths if path.suffix in PICTURE_SUFFIXES)
