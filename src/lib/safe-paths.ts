/** Where a file lies in the library, and what it is called there: any text. */
export interface NamedFile {
  /** Names of folders, from the folder that is brought out of the library down. */
  readonly folder: readonly string[]
  readonly name: string
}

export interface SafePaths {
  /** In the order of the files. */
  readonly files: readonly string[]
  /** In the order of the folders; each ends with a slash. */
  readonly folders: readonly string[]
}

/** What file systems take at the most: 255 bytes of ext4 and APFS, 255 UTF-16 units of NTFS. */
const MAX_NAME_BYTES = 255

/**
 * Paths that unpack everywhere, each file under one of its own: no path leads out of the folder it is
 * unpacked in, none is refused by Windows, and no two are one on a disk that ignores case or Unicode
 * forms. Where names collide, folders keep theirs, then the files that come first; the others get
 * ` (2)` and so on.
 */
export function safePaths(
  files: readonly NamedFile[],
  emptyFolders: readonly (readonly string[])[],
  maxNameBytes = MAX_NAME_BYTES,
): SafePaths {
  const rooms = new Map<string, Room>()
  const root = createRoom('', maxNameBytes)

  /** The folder under its path in the library; it and those around it get their names once. */
  function roomOf(folder: readonly string[]): Room {
    let room = root
    let key = ''
    for (const name of folder) {
      // No name holds a slash (`folderSegment`).
      key += `/${name}`
      let inside = rooms.get(key)
      if (!inside) {
        inside = createRoom(`${room.take(name)}/`, maxNameBytes)
        rooms.set(key, inside)
      }
      room = inside
    }
    return room
  }

  const folders = emptyFolders.map((folder) => roomOf(folder).path)
  for (const { folder } of files) roomOf(folder)
  return { folders, files: files.map(({ folder, name }) => roomOf(folder).take(name)) }
}

/** A folder, in which every name is given once. */
interface Room {
  /** Ends with a slash; empty: the root. */
  readonly path: string
  /** The path of a new file or folder in it, which nothing else has. */
  take: (name: string) => string
}

function createRoom(path: string, maxNameBytes: number): Room {
  const taken = new Set<string>()
  const numbers = new Map<string, number>()

  return {
    path,
    take: (given) => {
      const name = safeName(given, maxNameBytes)
      const key = collisionKey(name)
      let [free, freeKey] = [name, key]
      // From where the last one of this name has stopped: a thousand of them are no million looks.
      let number = numbers.get(key) ?? 1
      while (taken.has(freeKey)) {
        free = withNumber(name, ++number, maxNameBytes)
        freeKey = collisionKey(free)
      }
      numbers.set(key, number)
      taken.add(freeKey)
      return path + free
    },
  }
}

function withNumber(name: string, number: number, maxBytes: number): string {
  const suffix = Buffer.byteLength(` (${number})`)
  return endSafely(numbered(cutTo(name, maxBytes - suffix), number))
}

/** Names without anything that Unicode writes in two ways: most of them. */
const PLAIN = /^[\x20-\x7e]*$/

/** What Windows calls devices, with any ending. */
const DEVICES = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(\.|$)/i

/** A name as every file system takes it: in NFC, `_` in the place of what one of them refuses. */
export function safeName(name: string, maxBytes = MAX_NAME_BYTES): string {
  const composed = PLAIN.test(name) ? name : name.toWellFormed().normalize('NFC')
  const clean = composed.replace(/[\p{Cc}/\\:*?"<>|]/gu, '_')
  const named = DEVICES.test(clean) ? `_${clean}` : clean
  return endSafely(cutTo(named, maxBytes)) || '_'
}

/** Windows drops dots and spaces at the end; `.` and `..` are no names at all. */
function endSafely(name: string): string {
  return name.replace(/[. ]+$/, (end) => '_'.repeat(end.length))
}

/** As much of a name as fits, in whole characters and with its ending. */
function cutTo(name: string, maxBytes: number): string {
  if (Buffer.byteLength(name) <= maxBytes) return name
  const [ending = ''] = /(?:\.tar)?\.[^.\s]{1,12}$/i.exec(name) ?? []
  const room = new Uint8Array(maxBytes - Buffer.byteLength(ending))
  const { read } = new TextEncoder().encodeInto(name.slice(0, name.length - ending.length), room)
  return name.slice(0, read) + ending
}

/**
 * The same for all names that some file system takes for one: case, Unicode forms, and characters
 * that HFS+ does not see make no difference.
 */
function collisionKey(name: string): string {
  if (PLAIN.test(name)) return name.toLowerCase()
  return name
    .normalize('NFD')
    .replace(/\p{Default_Ignorable_Code_Point}/gu, '')
    .toUpperCase()
    .toLowerCase()
    .normalize('NFC')
}

/** `report (2).pdf`: the number stands before the ending, which a leading dot does not begin. */
export function numbered(name: string, number: number): string {
  const [, stem = name, ending = ''] = /^(.+?)((?:\.tar)?\.[^.\s]{1,12})$/i.exec(name) ?? []
  return `${stem} (${number})${ending}`
}
