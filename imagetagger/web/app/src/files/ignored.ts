/** Files that systems leave in folders and archives, by their names: as in imagetagger/system/ignored_files.py. */

/** Of files and folders, in lower case. */
const NAMES = new Set(
  [
    "thumbs.db|ehthumbs.db|ehthumbs_vista.db|desktop.ini|system volume information|$recycle.bin|recycler|recycled",
    "__macosx|.ds_store|.appledouble|.appledb|.appledesktop|.localized|.spotlight-v100|.trashes|.trash|.fseventsd",
    ".temporaryitems|.documentrevisions-v100|.volumeicon.icns|.apdisk|.metadata_never_index|network trash folder",
    "temporary items|icon\r|icon\uf00d|icon?|lost+found|.directory|.nomedia|.thumbnails",
    "@eadir|@recycle|@recently-snapshot|@snapshot|@sharebin|@tmp|#recycle|#snapshot|.@__thumb|.@__qini|~snapshot",
    ".snapshot|.snapshots|.zfs|_gsdata_|.sync|.stfolder|.stversions|.stignore|.syncthing",
    "picasa.ini|.picasa.ini|.picasaoriginals|zbthumbnail.info|bridgecache|bridgecachet",
  ]
    .join("|")
    .split("|"),
);

const NAME = new RegExp(
  "^(\\._.*|\\.trash-[0-9]+|\\.dropbox.*|\\.~lock\\..*|~\\$.*|\\.nfs[0-9a-f]+|\\.smbdelete.*|\\.fuse_hidden.*" +
    "|\\.syncthing\\..*|~syncthing~.*|found\\.[0-9]{3}|.*\\.(partial|part|crdownload|!sync|lrdata))$",
  "s",
);

/** Returns whether a relative path is of a file that a system left, or lies in such a folder. */
export function isSystemPath(path: string): boolean {
  return path
    .toLowerCase()
    .split("/")
    .some((name) => NAMES.has(name) || NAME.test(name));
}
