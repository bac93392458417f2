import { AppError } from '../../../errors.ts'
import type { KeyedLock } from '../../../lib/concurrency/keyed-lock.ts'
import { withTimeout } from '../../../lib/waiting/with-timeout.ts'
import { newCaptionId } from '../../model/caption.ts'
import { orTooMany } from '../../model/flood-wait.ts'
import {
  bytesOfPath,
  type FolderPath,
  formatFolderPath,
  invalidPath,
  isWithinFolder,
  splitFolderPath,
} from '../../model/library/folder-path.ts'
import { MAX_DEPTH, MAX_PATH_BYTES } from '../../model/library/folder-tree.ts'
import { newLibraryJobId } from '../../model/library/job.ts'
import { isFolderMessage, libraryKeyOf } from '../../model/library/posts.ts'
import type { Catalogue, LibraryKey, ShownFile, ShownFolder } from '../../ports/catalogue.ts'
import type { ChannelCall, ChannelGateway } from '../../ports/channel.ts'
import type { CredentialsProvider } from '../../ports/credentials.ts'
import type {
  LibraryJob,
  LibraryJobKind,
  LibraryJobRecords,
  NewLibraryItem,
} from '../../ports/library-jobs.ts'
import type { Progress } from '../../progress/progress-board.ts'
import type { WorkGate } from '../../runtime/work-gate.ts'
import { rowsOf } from '../follow/plan.ts'
import { folderNotFound } from '../library-service.ts'
import type { PostEditing } from './edit-posts.ts'
import type { LibraryJobs } from './library-jobs.ts'
import type { MakeFolders } from './make-folders.ts'
import { NOT_DELETABLE, noSuchFile, notDeletable, PIECE_OF_FILE, pieceOfFile } from './refusals.ts'

export interface LibraryChangingOptions {
  channel: Pick<ChannelGateway, 'reader' | 'messages' | 'remove'>
  catalogue: Pick<
    Catalogue,
    'applyToLibrary' | 'libraryFile' | 'libraryVolume' | 'libraryFolder' | 'libraryTree'
  >
  records: LibraryJobRecords
  credentials: Pick<CredentialsProvider, 'forUpload'>
  workGate: Pick<WorkGate, 'assertNew' | 'ending'>
  posts: PostEditing
  makeFolders: MakeFolders
  jobs: LibraryJobs
  locks: KeyedLock
  now: () => number
}

/**
 * What users change in their library: in Telegram first, then in the rows. What was done there and
 * could not be written here is found by the follower's next look. All calls reject as the channel's
 * do, with TOO_MANY_REQUESTS where Telegram asks to wait for longer than a request may take.
 */
export interface LibraryChanging {
  /** Renames or moves a file; missing folders are made. Rejects with MESSAGE_NOT_FOUND, NOT_EDITABLE. */
  placeFile: (
    token: string,
    messageId: number,
    place: { fileName?: string; folder?: FolderPath },
  ) => Promise<{ file: ShownFile; key: LibraryKey }>
  /** One that does not exist counts as deleted. Rejects with NOT_DELETABLE. */
  deleteFile: (token: string, messageId: number) => Promise<void>
  makeFolder: (token: string, path: FolderPath) => Promise<{ folder: ShownFolder; isNew: boolean }>
  /** Rejects with FOLDER_NOT_FOUND, FOLDER_EXISTS, NOT_EDITABLE. */
  moveFolder: (token: string, from: FolderPath, to: FolderPath) => Promise<ShownFolder>
  /**
   * Deletes an empty folder at once, and any other by a job where `recursive`; resolves with null, or
   * the job. Rejects with FOLDER_NOT_FOUND, FOLDER_NOT_EMPTY, NOT_DELETABLE.
   */
  deleteFolder: (
    token: string,
    path: FolderPath,
    options: { recursive: boolean },
  ) => Promise<Progress | null>
  /** Opens a job and begins it. */
  startJob: (
    token: string,
    wanted: { kind: LibraryJobKind; messageIds: readonly number[]; folder: FolderPath | null },
  ) => Promise<Progress>
  /** Rejects with UPLOAD_NOT_FOUND, also for another user's. */
  progress: (jobId: string, token: string | null) => Promise<Progress>
  /** Unfinished ones first, of each kind the newest first; those that ended within the last hour. */
  jobs: (token: string, limit: number) => Promise<LibraryChange[]>
  jobsOf: (owner: string, limit: number) => Promise<LibraryChange[]>
}

/** A job that changes the library. */
export interface LibraryChange {
  job: LibraryJob
  progress: Progress
}

/** Seconds of a wait of Telegram's that a request sits out. */
const PATIENCE = 10
/** Jobs that one user may have unfinished. */
const MAX_UNFINISHED = 50

export function createLibraryChanging(options: LibraryChangingOptions): LibraryChanging {
  const { channel, catalogue, records, credentials, workGate, posts, makeFolders, jobs } = options
  const { locks } = options

  /** Runs one change, to its end: a page may send it when it is left, and row and message belong together. */
  async function change<T>(
    token: string,
    work: (key: LibraryKey, call: ChannelCall) => Promise<T>,
  ): Promise<T> {
    workGate.assertNew()
    const granted = await credentials.forUpload(token)
    try {
      const { ending: signal } = workGate
      return await work(libraryKeyOf(granted), { credentials: granted, signal, patience: PATIENCE })
    } catch (error) {
      throw orTooMany(error)
    }
  }

  async function folderAt(key: LibraryKey, path: FolderPath): Promise<ShownFolder> {
    const folder = await catalogue.libraryFolder(key, path)
    if (folder === null) throw folderNotFound(path)
    return folder
  }

  /** Deletes messages by one account or the other, and their rows. */
  async function remove(key: LibraryKey, call: ChannelCall, ids: readonly number[]): Promise<void> {
    const { refusedIds } = await channel.remove(call, ids, null)
    const refused = new Set(refusedIds)
    await catalogue.applyToLibrary(key, { gone: ids.filter((id) => !refused.has(id)) })
    if (refused.size > 0) throw notDeletable()
  }

  /** Deletes messages that still are folders; what people have made of others since then stays. */
  async function removeFolders(
    key: LibraryKey,
    call: ChannelCall,
    ids: readonly number[],
  ): Promise<void> {
    if (channel.reader(call.credentials) === null) return remove(key, call, ids)
    const found = await channel.messages(call, ids)
    const others = new Set(found.filter((post) => !isFolderMessage(post)).map(idOf))
    await catalogue.applyToLibrary(key, { gone: [...others] })
    await remove(
      key,
      call,
      ids.filter((id) => !others.has(id)),
    )
  }

  async function moveFolder(
    key: LibraryKey,
    call: ChannelCall,
    { from, to }: { from: FolderPath; to: FolderPath },
  ): Promise<ShownFolder> {
    const target = splitFolderPath(to)
    if (from.length === 0 || target === null) throw rootIsFixed()
    const folder = await folderAt(key, from)
    if (formatFolderPath(from) === formatFolderPath(to)) return folder
    if (isWithinFolder(to, from)) throw invalidPath('path', 'a folder cannot lie in itself')
    if ((await catalogue.libraryFolder(key, to)) !== null) throw folderExists(to)
    const { depth, bytes } = (await catalogue.libraryTree(key, from)) ?? EMPTY
    if (to.length + depth > MAX_DEPTH) {
      throw invalidPath('path', `more than ${MAX_DEPTH} folders would lie in each other`)
    }
    if (bytesOfPath(to) + bytes > MAX_PATH_BYTES) {
      throw invalidPath('path', `a path in it would be longer than ${MAX_PATH_BYTES} bytes`)
    }
    const parentId = await makeFolders(call, target.parent)
    // Several are shown as one: they stay together. The one that counts is the last.
    for (const post of folder.posts.toReversed()) {
      await posts.placeFolder(key, call, { post, place: { name: target.name, parentId } })
    }
    return folderAt(key, to)
  }

  /** What the message is to the library, which asks the channel where it does not know. */
  async function lookUp(
    key: LibraryKey,
    call: ChannelCall,
    messageId: number,
  ): Promise<'file' | 'large' | 'nothing'> {
    const row = await catalogue.libraryFile(key, messageId)
    if (row !== null) return row.volumes === null ? 'file' : 'large'
    // One that is left over goes by the same job, which knows whether it is.
    if ((await catalogue.libraryVolume(key, messageId)) !== null) return 'large'
    if (channel.reader(call.credentials) === null) return 'nothing'
    const { files, volumes } = rowsOf(await channel.messages(call, [messageId]))
    if (volumes.length > 0) return 'large'
    const [file] = files
    return file ? (file.isManifest ? 'large' : 'file') : 'nothing'
  }

  /** By a job, so that after the death of the process the rest is deleted. */
  async function deleteLarge(token: string, key: LibraryKey, messageId: number): Promise<void> {
    const items = [{ messageId, isFolder: false, captionId: null }]
    const { uploadId: jobId } = await open(token, key, { kind: 'delete', target: null, items })
    await withTimeout(jobs.ended(jobId), { ms: PATIENCE * 1000, onTimeout: () => {} })
    const job = await records.libraryJob(jobId)
    if (job?.state === 'running') throw stillDeleting()
    if (job?.state !== 'failed') return
    if (job.reason === PIECE_OF_FILE) throw pieceOfFile()
    if (job.reason === NOT_DELETABLE) throw notDeletable()
    throw new AppError('TELEGRAM_REJECTED', job.reason ?? 'The file could not be deleted')
  }

  async function open(
    token: string,
    key: LibraryKey,
    job: { kind: LibraryJobKind; target: FolderPath | null; items: readonly NewLibraryItem[] },
  ): Promise<Progress> {
    const wanted = { id: newLibraryJobId(), key, ...job, token, now: options.now() }
    const opened = await records.openLibraryJob(wanted, MAX_UNFINISHED)
    if (opened === null) throw tooManyJobs()
    jobs.start(opened)
    return jobs.progressOf(opened)
  }

  async function jobsOf(owner: string, limit: number): Promise<LibraryChange[]> {
    const found = await records.libraryJobsOf(owner, limit)
    return found.map((job) => ({ job, progress: jobs.progressOf(job) }))
  }

  return {
    placeFile: (token, messageId, { fileName, folder }) =>
      change(token, async (key, call) => {
        const folderId = folder && (await makeFolders(call, folder))
        await posts.placeFile(key, call, {
          messageId,
          place: (file) => ({
            name: fileName ?? file.name,
            folderId: folderId === undefined ? file.folderId : folderId,
          }),
        })
        const file = await catalogue.libraryFile(key, messageId)
        if (file === null) throw noSuchFile()
        return { file, key }
      }),
    deleteFile: (token, messageId) =>
      change(token, async (key, call) => {
        const found = await lookUp(key, call, messageId)
        if (found === 'large') await deleteLarge(token, key, messageId)
        if (found === 'file') await remove(key, call, [messageId])
      }),
    makeFolder: (token, path) =>
      change(token, async (key, call) => {
        const isNew = (await catalogue.libraryFolder(key, path)) === null && path.length > 0
        await makeFolders(call, path)
        return { folder: await folderAt(key, path), isNew }
      }),
    moveFolder: (token, from, to) =>
      change(token, (key, call) =>
        // Two at once could close a circle, or take one name.
        locks.run(`moved folders ${key.owner} ${key.channelId}`, (lost) =>
          moveFolder(key, { ...call, signal: AbortSignal.any([call.signal, lost]) }, { from, to }),
        ),
      ),
    deleteFolder: (token, path, { recursive }) =>
      change(token, async (key, call) => {
        if (path.length === 0) throw rootIsFixed()
        const { posts: own } = await folderAt(key, path)
        const { fileIds, folderIds } = (await catalogue.libraryTree(key, path)) ?? EMPTY
        const isEmpty = fileIds.length === 0 && folderIds.length <= own.length
        if (isEmpty) {
          await removeFolders(key, call, folderIds)
          return null
        }
        if (!recursive) throw notEmpty(path)
        const items = [
          ...fileIds.map((messageId) => ({ messageId, isFolder: false, captionId: null })),
          ...folderIds.map((messageId) => ({ messageId, isFolder: true, captionId: null })),
        ]
        return open(token, key, { kind: 'delete', target: null, items })
      }),
    startJob: (token, { kind, messageIds, folder }) =>
      change(token, async (key) => {
        const items = [...new Set(messageIds)].map((messageId) => ({
          ...{ messageId, isFolder: false },
          captionId: kind === 'copy' ? newCaptionId() : null,
        }))
        return open(token, key, { kind, target: folder, items })
      }),
    progress: async (jobId, token) => {
      const user = token === null ? null : (await credentials.forUpload(token)).userId
      const job = await records.libraryJob(jobId)
      if (job === null || (user !== null && user !== job.key.owner)) throw noSuchJob()
      return jobs.progressOf(job)
    },
    jobs: async (token, limit) => jobsOf((await credentials.forUpload(token)).userId, limit),
    jobsOf,
  }
}

const EMPTY = { fileIds: [], folderIds: [], depth: 0, bytes: 0 }

function idOf({ messageId }: { messageId: number }): number {
  return messageId
}

function folderExists(path: FolderPath): AppError {
  return new AppError('FOLDER_EXISTS', `There is a folder ${formatFolderPath(path)} already`)
}

function notEmpty(path: FolderPath): AppError {
  const sentence = `The folder ${formatFolderPath(path)} is not empty`
  return new AppError('FOLDER_NOT_EMPTY', sentence, {
    details: { hint: 'Delete what is in it, or say recursive=true' },
  })
}

function rootIsFixed(): AppError {
  return invalidPath('path', 'the root can neither be moved nor deleted')
}

function tooManyJobs(): AppError {
  const sentence = `You have ${MAX_UNFINISHED} unfinished changes; wait for one to end`
  return new AppError('TOO_MANY_REQUESTS', sentence, { retryAfter: 10 })
}

function stillDeleting(): AppError {
  const sentence = 'The file is being deleted, which goes on by itself'
  return new AppError('TOO_MANY_REQUESTS', sentence, { retryAfter: PATIENCE })
}

function noSuchJob(): AppError {
  return new AppError('UPLOAD_NOT_FOUND', 'There is no such job')
}
