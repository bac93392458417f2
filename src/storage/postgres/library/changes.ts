import type { FolderCount } from '../../../core/model/library/folder-tree.ts'
import { mergeFile, toFileRow } from '../../../core/model/library/posts.ts'
import type {
  FileRow,
  FolderPost,
  LibraryChanges,
  LibraryFile,
  VolumePost,
} from '../../../core/ports/catalogue.ts'
import type { Digests } from '../../../core/ports/records.ts'

/** A file that has a row, and the row of its folder. */
export interface KnownFile {
  readonly file: LibraryFile
  readonly folder: number
}

/** What the rows say of all messages that changes name, and of the manifests of their files. */
export interface KnownMessages {
  readonly files: readonly KnownFile[]
  readonly posts: readonly FolderPost[]
  /** All volumes of the files that are told, or whose volumes are. */
  readonly volumes: readonly VolumePost[]
  readonly receiptOf: (documentId: string, size: number) => Digests | null
}

/** What is to be written. */
export interface MessageChanges {
  readonly files: readonly LibraryFile[]
  readonly removedFiles: readonly number[]
  readonly posts: readonly FolderPost[]
  readonly removedPosts: readonly number[]
  readonly volumes: readonly VolumePost[]
  readonly removedVolumes: readonly number[]
  /** Whether the folders lie elsewhere now. */
  readonly hasNewPosts: boolean
  /** What has left each folder's row, as negative counts: files that are written anew among them. */
  readonly left: ReadonlyMap<number, FolderCount>
  /** Messages that have really changed. */
  readonly messageIds: readonly number[]
}

/**
 * What changes in the rows of a library, in the order in which it is told: of one message the newest
 * edit stays, and what is so already is not written.
 */
export function planChanges(known: KnownMessages, told: LibraryChanges): MessageChanges {
  const before = new Map(known.files.map((row) => [row.file.messageId, row]))
  const files = new Map(known.files.map(({ file }) => [file.messageId, file]))
  const posts = new Map(known.posts.map((post) => [post.messageId, post]))
  const volumes = new Map(known.volumes.map((post) => [post.messageId, post]))
  const changedVolumes = new Set<number>()
  /** Files whose volumes have changed, by the ids in their captions. */
  const captionIds = new Set<string>()
  const changedFiles = new Set<number>()
  const changedPosts = new Set<number>()

  function putFile(row: FileRow): void {
    const { messageId } = row
    const now = files.get(messageId) ?? null
    const held = row.isManifest ? heldOf(row.captionId, volumes.values()) : null
    const file = mergeFile(now, row, { volumes: held, receiptOf: known.receiptOf })
    if (file === now) return
    files.set(messageId, file)
    changedFiles.add(messageId)
  }

  function putVolume(post: VolumePost): void {
    const now = volumes.get(post.messageId)
    if (now && (isNewer(now, post) || isSameVolume(now, post))) return
    volumes.set(post.messageId, post)
    changedVolumes.add(post.messageId)
    captionIds.add(post.captionId)
    if (now) captionIds.add(now.captionId)
  }

  function putPost(post: FolderPost): void {
    const now = posts.get(post.messageId)
    if (now && (now.editedAt > post.editedAt || isSamePost(now, post))) return
    posts.set(post.messageId, post)
    changedPosts.add(post.messageId)
  }

  function removeFile(messageId: number): void {
    if (files.delete(messageId)) changedFiles.add(messageId)
  }

  function removePost(messageId: number): void {
    if (posts.delete(messageId)) changedPosts.add(messageId)
  }

  function removeVolume(messageId: number): void {
    const now = volumes.get(messageId)
    if (!now) return
    volumes.delete(messageId)
    changedVolumes.add(messageId)
    captionIds.add(now.captionId)
  }

  const present = new Set<number>()
  for (const volume of told.volumes ?? []) {
    present.add(volume.messageId)
    removePost(volume.messageId)
    removeFile(volume.messageId)
    putVolume(volume)
  }
  for (const file of told.files ?? []) {
    present.add(file.messageId)
    removePost(file.messageId)
    removeVolume(file.messageId)
    putFile(file)
  }
  for (const post of told.folders ?? []) {
    present.add(post.messageId)
    removeFile(post.messageId)
    removeVolume(post.messageId)
    putPost(post)
  }
  const { from, to } = told.complete ?? { from: 1, to: 0 }
  const missing = [...files.keys(), ...posts.keys(), ...volumes.keys()].filter(
    (messageId) => messageId >= from && messageId <= to && !present.has(messageId),
  )
  for (const messageId of [...(told.gone ?? []), ...missing]) {
    removeFile(messageId)
    removePost(messageId)
    removeVolume(messageId)
  }
  // Their manifests count them anew.
  for (const file of files.values()) {
    const counts = file.volumes !== null && file.captionId !== null
    if (counts && captionIds.has(file.captionId ?? '')) putFile(toFileRow(file))
  }

  const left = new Map<number, { files: number; bytes: number }>()
  for (const messageId of changedFiles) {
    const row = before.get(messageId)
    if (!row) continue
    const count = left.get(row.folder) ?? { files: 0, bytes: 0 }
    left.set(row.folder, { files: count.files - 1, bytes: count.bytes - row.file.size })
  }
  return {
    files: [...changedFiles].flatMap((id) => files.get(id) ?? []),
    removedFiles: [...changedFiles].filter((id) => !files.has(id)),
    posts: [...changedPosts].flatMap((id) => posts.get(id) ?? []),
    removedPosts: [...changedPosts].filter((id) => !posts.has(id)),
    volumes: [...changedVolumes].flatMap((id) => volumes.get(id) ?? []),
    removedVolumes: [...changedVolumes].filter((id) => !volumes.has(id)),
    hasNewPosts: changedPosts.size > 0,
    left,
    messageIds: [...new Set([...changedFiles, ...changedPosts])],
  }
}

/**
 * The volumes of a file, each number once. A volume is known by nobody before it is posted, so the
 * lowest message counts: its line says how many there are, and a later one of the same number is a copy.
 */
export function heldOf(
  captionId: string | null,
  volumes: Iterable<VolumePost>,
): { count: number; bytes: number } {
  const posts = [...volumes]
    .filter((post) => captionId !== null && post.captionId === captionId)
    .sort((a, b) => a.messageId - b.messageId)
  const sizes = new Map<number, number>()
  for (const { number, of, size } of posts) {
    if (of === posts[0]?.of && !sizes.has(number)) sizes.set(number, size)
  }
  return { count: sizes.size, bytes: [...sizes.values()].reduce((sum, size) => sum + size, 0) }
}

function isNewer(a: VolumePost, b: VolumePost): boolean {
  return (a.editedAt ?? 0) > (b.editedAt ?? 0)
}

function isSameVolume(a: VolumePost, b: VolumePost): boolean {
  return Object.entries(b).every(([name, value]) => Reflect.get(a, name) === value)
}

function isSamePost(a: FolderPost, b: FolderPost): boolean {
  return (
    a.folderId === b.folderId &&
    a.name === b.name &&
    a.parentId === b.parentId &&
    a.editedAt === b.editedAt
  )
}
