import { createHash } from 'node:crypto'
import { AppError } from '../../errors.ts'
import { createTally } from '../../lib/concurrency/tally.ts'
import type { ByteRange } from '../model/byte-range.ts'
import type { Credentials, CredentialsProvider, DownloadGrant } from '../ports/credentials.ts'
import type { Ledger } from '../ports/ledger.ts'
import type { WorkGate } from '../runtime/work-gate.ts'
import type { DownloadTies } from './download-ties.ts'
import type { LibraryFiles, OpenFile } from './library-files.ts'

export interface DownloadServiceOptions {
  credentials: Pick<CredentialsProvider, 'forDownload'>
  files: LibraryFiles
  ties: DownloadTies
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
  const { credentials, files, ties, ledger, workGate } = options
  const reading = createTally()

  /** The name of a token that names no message, and so is tied to the first one; null for others. */
  function tiedTokenOf(grant: DownloadGrant, token: string): string | null {
    if (grant.kind === 'login' || grant.messageId !== null) return null
    return createHash('sha256').update(token).digest('base64')
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
      const tied = tiedTokenOf(grant, token)
      if (grant.kind === 'download') {
        assertSame(tied === null ? grant.messageId : await ties.messageOf(tied), messageId)
      }
      // A link's holder must not read another file by naming it instead of its message.
      const fileId = grant.kind === 'login' ? asked : grant.fileId
      const found = await findFor(grant.credentials, { messageId, fileId }, signal)
      // Tied only to a file that is there, and checked again: another request may have been first.
      if (tied !== null) assertSame(await ties.tie(tied, messageId), messageId)
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

/** A link is for one file, whatever its holder types into it. Throws FORBIDDEN for another one. */
function assertSame(allowed: number | null, messageId: number): void {
  if (allowed === null || allowed === messageId) return
  throw new AppError('FORBIDDEN', 'This link is for another file')
}
