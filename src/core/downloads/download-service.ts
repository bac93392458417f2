import { createHash } from 'node:crypto'
import { AppError } from '../../errors.ts'
import { createTally } from '../../lib/concurrency/tally.ts'
import { createTtlCache } from '../../lib/ttl-cache.ts'
import type { ByteRange } from '../model/byte-range.ts'
import type { Credentials, CredentialsProvider, DownloadGrant } from '../ports/credentials.ts'
import type { Ledger } from '../ports/ledger.ts'
import type { WorkGate } from '../runtime/work-gate.ts'
import type { LibraryFiles, OpenFile } from './library-files.ts'

/** Download tokens live for an hour; a token is tied to its message for as long as it can be used. */
const BINDING_TTL_MS = 2 * 3_600_000
const MAX_BINDINGS = 50_000

export interface DownloadServiceOptions {
  credentials: Pick<CredentialsProvider, 'forDownload'>
  files: LibraryFiles
  ledger: Pick<Ledger, 'receiptOf'>
  workGate: Pick<WorkGate, 'assertNew'>
}

export interface WantedFile {
  messageId: number
  fileId?: string | undefined
}

export interface FoundFile {
  file: OpenFile
  /** SHA-256 of the file's bytes, hex; null where it is not known. */
  sha256: string | null
  /** Core's user id of the token's or ticket's owner. */
  owner: string
}

export interface DownloadService {
  /**
   * Finds the file of a message for the holder of a token. Rejects with TOKEN_REFUSED,
   * FORBIDDEN (a download token or ticket for another message), MESSAGE_NOT_FOUND, SHUTTING_DOWN
   * and Telegram's failures. `fileId` is for bots that cannot see messages (see TelegramGateway.locate).
   */
  find: (token: string, wanted: WantedFile, signal: AbortSignal) => Promise<FoundFile>
  /** The same for a caller who may read this file with these credentials of its owner. */
  findFor: (credentials: Credentials, wanted: WantedFile, signal: AbortSignal) => Promise<FoundFile>
  read: (file: OpenFile, range: ByteRange, signal: AbortSignal) => AsyncGenerator<Uint8Array>
  /** Resolves when nothing is being read. */
  idle: () => Promise<void>
}

export function createDownloadService(options: DownloadServiceOptions): DownloadService {
  const { credentials, files, ledger, workGate } = options
  const reading = createTally()
  const boundTo = createTtlCache<number>({ maxEntries: MAX_BINDINGS })

  /**
   * A download link is for one file, whatever its holder types into it.
   * Returns what to bind, or null when there is nothing to remember.
   */
  function assertMayRead(grant: DownloadGrant, token: string, messageId: number): string | null {
    if (grant.kind === 'login') return null
    const key = createHash('sha256').update(token).digest('base64')
    const allowed = grant.messageId ?? boundTo.get(key) ?? messageId
    if (allowed !== messageId) throw new AppError('FORBIDDEN', 'This link is for another file')
    return grant.messageId === null ? key : null
  }

  async function findFor(
    granted: Credentials,
    wanted: WantedFile,
    signal: AbortSignal,
  ): Promise<FoundFile> {
    workGate.assertNew()
    const file = await files.open({ credentials: granted, ...wanted }, signal)
    const { documentId, size } = file
    const receipt = documentId === null ? null : await ledger.receiptOf(documentId, size)
    return { file, sha256: receipt?.sha256 ?? null, owner: granted.userId }
  }

  return {
    find: async (token, { messageId, fileId: asked }, signal) => {
      workGate.assertNew()
      const grant = await credentials.forDownload(token)
      assertMayRead(grant, token, messageId)
      // A link's holder must not read another file by naming it instead of its message.
      const fileId = grant.kind === 'login' ? asked : grant.fileId
      const found = await findFor(grant.credentials, { messageId, fileId }, signal)
      // Bound only to a file that is there, and checked again: another request may have been first.
      const key = assertMayRead(grant, token, messageId)
      if (key !== null) boundTo.set(key, messageId, BINDING_TTL_MS)
      return found
    },
    findFor,
    read: async function* (file, range, signal) {
      const leave = reading.enter()
      try {
        yield* file.read(range, signal)
      } finally {
        leave()
      }
    },
    idle: reading.none,
  }
}
