/** Files that systems leave in folders and archives, by their names: as in imagetagger/system/ignored_files.py. */

/** Of files and folders, in lower case. */
const NAMES = new Set(
  [
    "thumbs.db|ehthumbs.db|ehthumbs_vista.db|desktop.ini|system volume information|$recycle.bin",
    "$windows.~bt|$windows.~ws|windowsimagebackup|thevolumesettingsfolder|onedrivetemp",
    "__pycache__|node_modules|_recycle|@synodrive|@s2s|@database|@appstore|@sharesnap",
    "__macosx|.ds_store|.appledouble|.appledb|.appledesktop|.localized|.spotlight-v100|.trashes|.trash|.fseventsd",
    ".temporaryitems|.documentrevisions-v100|.volumeicon.icns|.apdisk|.metadata_never_index",
    "icon\r|icon\uf00d|lost+found|.directory|.nomedia|.thumbnails",
    "@eadir|@recycle|@recently-snapshot|@snapshot|@sharebin|@tmp|#recycle|#snapshot|.@__thumb|.@__qini|~snapshot",
    ".snapshot|.snapshots|.zfs|_gsdata_|.sync|.stfolder|.stversions|.stignore|.syncthing",
    "picasa.ini|.picasa.ini|.picasaoriginals|zbthumbnail.info|.bridgecache|.bridgecachet|.bridgesort",
  ]
    .join("|")
    .split("|"),
);

const NAME = new RegExp(
  "^(\\._.*|\\.trash-[0-9]+|\\.dropbox.*|\\.~lock\\..*|\\.nfs[0-9a-f]+|\\.smbdelete.*|\\.fuse_hidden.*" +
    "|\\.syncthing\\..*|~syncthing~.*|found\\.[0-9]{3}|.*\\.lrdata|:2e.*|.*\\.(photos|(migrated)?photo|ap)library)$",
  "s",
);

/** Of files only, since a folder of such a name may be a tag. */
const FILE =
  /^(icon\?|bridgecachet?|~\$.*|.*\.(partial|part|crdownload|!sync)|.*\.[a-z0-9]+~|.*@syno(eastream|resource))$/s;

/** Returns whether a file's relative path is of one that a system left, or that lies in such a folder. */
export function isSystemPath(path: string): boolean {
  const names = path.toLowerCase().split("/");
  return FILE.test(names.at(-1) ?? "") || names.some((name) => NAMES.has(name) || NAME.test(name));
}
