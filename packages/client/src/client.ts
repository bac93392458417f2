import type { Client, Ticket, TicketOptions } from './api.ts'
import { type Caller, createCaller } from './call.ts'
import { startArchive, startDownload } from './download.ts'
import { createFollower } from './follow.ts'
import { createLibrary } from './library/library.ts'
import type { ArchiveContent, ClientOptions } from './options.ts'
import { createShares } from './shares.ts'
import { findBrowserStore } from './uploads/resume-store.ts'
import { chooseTransport } from './uploads/transport.ts'
import { cancelUpload, createUploadJob } from './uploads/upload-job.ts'
import { badAnswer, textOf, toStatus } from './wire.ts'

export type {
  ArchiveOptions,
  ArchiveTicketOptions,
  Client,
  Download,
  DownloadOptions,
  DownloadRange,
  FollowOptions,
  Ticket,
  TicketOptions,
} from './api.ts'
export {
  type ClientErrorCode,
  cancelledUpload,
  isCancelledUpload,
  isUnknownUpload,
  TeleStoreError,
  type TeleStoreErrorOptions,
} from './error.ts'
export type {
  FileKind,
  Library,
  LibraryFolder,
  LibraryItem,
  LibraryLeftover,
  LibraryPage,
  LibraryPageOptions,
  LibraryQuery,
  LibrarySync,
} from './library/library-api.ts'
export type { ArchiveContent, CallOptions, ClientOptions } from './options.ts'
export { type RetryPolicy, withRetries } from './retry.ts'
export type { Share, ShareOptions, ShareState, Shares } from './shares.ts'
export { createSpeedMeter, type SpeedMeter } from './speed.ts'
export { isSystemFile } from './system-files.ts'
export { createStorageResumeStore, type TextStorage } from './uploads/resume-store.ts'
export type {
  ResumeStore,
  TransferProgress,
  UploadJob,
  UploadOptions,
  UploadPhase,
  UploadProgress,
  UploadResult,
  UploadSource,
  UploadStatus,
  UploadWait,
} from './uploads/upload-api.ts'

export { toProgress } from './wire.ts'

const FOLLOW_ATTEMPTS = 20

/**
 * Creates a client of one worker for one user, in browsers and in Node 20 or newer. Throws TypeError
 * when `url` is no address.
 */
export function createClient(options: ClientOptions): Client {
  const caller = createCaller(options)
  const follower = createFollower(caller)
  const transport = chooseTransport(caller.fetch)
  const dependencies = { caller, follower, transport, defaultStore: findBrowserStore() }

  return {
    upload: (source, uploadOptions = {}) => createUploadJob(dependencies, source, uploadOptions),
    status: async (uploadId, { signal } = {}) =>
      toStatus(await caller.json(`/upload-status/${encodeURIComponent(uploadId)}`, { signal })),
    progress: (uploadId, { signal } = {}) => follower.once(uploadId, signal),
    follow: (uploadId, { signal, onProgress } = {}) =>
      follower.follow({
        uploadId,
        signal: signal ?? new AbortController().signal,
        attempts: FOLLOW_ATTEMPTS,
        onProgress: onProgress ?? (() => {}),
      }),
    complete: async (uploadId, { signal } = {}) => {
      await caller.json('/complete-upload', { method: 'POST', body: { uploadId }, signal })
    },
    setThumbnail: async (uploadId, jpeg, { signal } = {}) => {
      const body = new Blob([jpeg], { type: 'image/jpeg' })
      const path = `/upload-thumbnail/${encodeURIComponent(uploadId)}`
      await caller.json(path, { method: 'PUT', body, signal })
    },
    cancel: (uploadId, { signal } = {}) => cancelUpload(caller, uploadId, signal),
    download: (messageId, downloadOptions = {}) =>
      startDownload(caller, messageId, downloadOptions),
    downloadArchive: (content, archiveOptions = {}) =>
      startArchive(caller, content, archiveOptions),
    ticket: (messageId, ticketOptions = {}) => issueTicket(caller, { messageId }, ticketOptions),
    archive: (content, ticketOptions = {}) => issueTicket(caller, content, ticketOptions),
    revokeTickets: async ({ signal } = {}) => {
      await caller.json('/tickets', { method: 'DELETE', signal })
    },
    library: createLibrary(caller),
    shares: createShares(caller),
    get: (path, { signal } = {}) => caller.json(path, { signal }),
  }
}

async function issueTicket(
  caller: Caller,
  named: { messageId: number } | ArchiveContent,
  { signal, ...wish }: TicketOptions,
): Promise<Ticket> {
  const body = { ...named, ...wish }
  const answer = await caller.json('/tickets', { method: 'POST', body, signal })
  const ticket = textOf(answer.ticket)
  const path = textOf(answer.url)
  const expiresAt = new Date(textOf(answer.expiresAt) ?? Number.NaN)
  if (ticket === null || path === null || Number.isNaN(expiresAt.getTime())) throw badAnswer()
  const url = caller.address(path)
  return { url, link: textOf(answer.link) ?? url, ticket, expiresAt }
}
