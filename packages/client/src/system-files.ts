/** Files that operating systems and programs write for themselves beside the files of people. */
const FILES: readonly RegExp[] = [
  // macOS; `._` begins the second half of a file on disks that cannot hold both in one.
  /^(\.DS_Store|\.localized|\.apdisk|\.LSOverride|\.VolumeIcon\.icns|Icon\r|\._.*)$/i,
  // Windows.
  /^(Thumbs\.db|ehthumbs(_vista)?\.db|desktop\.ini)$/i,
  // KDE; NFS and FUSE: a deleted file that a program still has open.
  /^(\.directory|\.nfs[\da-f]{16,}|\.fuse_hidden[\da-f]+)$/,
  // LibreOffice and Office: the mark of an open document.
  /^(\.~lock\..*#|~\$.*\.(do|xl|pp)[a-z]{1,2})$/i,
]
/** Folders of the same kind. */
const FOLDERS: readonly RegExp[] = [
  /^(__MACOSX|\.AppleDouble|\.Spotlight-V100|\.Trashes|\.fseventsd)$/i,
  /^(\.TemporaryItems|\.DocumentRevisions-V100)$/i,
  /^(\$RECYCLE\.BIN|System Volume Information)$/i,
  /^(@eaDir|\.Trash-\d+)$/,
]

/**
 * Whether this is a file that people do not mean when they upload its folder: `.DS_Store`,
 * `Thumbs.db`, `._…` and the like, and everything in such a folder. `path` is a name, or a path of any
 * operating system.
 */
export function isSystemFile(path: string): boolean {
  const [name = '', ...folders] = path.split(/[/\\]/).reverse()
  return matches(FILES, name) || [name, ...folders].some((folder) => matches(FOLDERS, folder))
}

function matches(patterns: readonly RegExp[], name: string): boolean {
  return patterns.some((pattern) => pattern.test(name))
}
