import { AppError } from '../../errors.ts'
import {
  decodeTicket,
  encodeTicket,
  holderOf,
  isTicket,
  type Ticket,
  type TicketKeys,
  tokenIdOf,
} from '../model/ticket-format.ts'
import type { Credentials, CredentialsProvider, DownloadGrant } from '../ports/credentials.ts'
import type { Ledger, TicketRecords } from '../ports/ledger.ts'

export interface TicketServiceOptions {
  ledger: TicketRecords & Pick<Ledger, 'findUpload'>
  /** The provider that knows login and download tokens. */
  credentials: CredentialsProvider
  now: () => number
}

/** What a ticket is wanted for. */
export type TicketWish =
  | { kind: 'message'; messageId: number; fileId?: string }
  /** An upload of the caller. */
  | { kind: 'upload'; uploadId: string }
  /** A kept list (core/ports/archives.ts). */
  | { kind: 'archive'; listId: string }

export interface IssuedTicket {
  ticket: string
  expiresAt: number
}

/** Links that may be shared: each opens one thing for a while, and is checked without the backend. */
export interface TicketService {
  /**
   * A ticket that ends after `lifetimeMs`. Rejects with TOKEN_REFUSED unless `token` is a login
   * token, and with UPLOAD_NOT_FOUND for an upload that is not the caller's.
   */
  issue: (wish: TicketWish, lifetimeMs: number, token: string) => Promise<IssuedTicket>
  /** Ends all tickets of the token's owner, and forgets the login tokens kept for them. */
  revoke: (token: string) => Promise<void>
  /**
   * The provider for all other services. A ticket for a message passes as a download token of that
   * message; where a login token is wanted a ticket is refused with TOKEN_REFUSED.
   */
  credentials: CredentialsProvider
  /**
   * The user id whose progress of this upload the token shows: a ticket for it, or a login token.
   * Rejects with TOKEN_REFUSED, FORBIDDEN (a ticket for something else), UPLOAD_NOT_FOUND.
   */
  progressReader: (token: string, uploadId: string) => Promise<string>
  /**
   * What a ticket for an archive opens, and as whom. Rejects with TOKEN_REFUSED, and with FORBIDDEN
   * for a ticket for something else.
   */
  openArchive: (ticket: string) => Promise<{ credentials: Credentials; listId: string }>
}

export function createTicketService(options: TicketServiceOptions): TicketService {
  const { ledger, credentials, now } = options
  const keys: TicketKeys = {
    sign: ledger.deriveKey('tickets: sign'),
    name: ledger.deriveKey('tickets: name'),
  }
  const forUpload = withoutTickets(credentials.forUpload)
  const readers = createReaders(options, keys)

  return {
    issue: async (wish, lifetimeMs, token) => {
      const { userId } = await forUpload(token)
      if (wish.kind === 'upload') {
        const upload = await ledger.findUpload(wish.uploadId)
        if (upload?.owner !== userId) throw uploadNotFound()
      }
      const holder = holderOf(userId, keys)
      const expiresAt = Math.ceil((now() + lifetimeMs) / 1000) * 1000
      const tokenId = tokenIdOf(token, keys)
      const kept = wish.kind === 'upload' ? null : { tokenId, token, expiresAt }
      const epoch = await ledger.issueTicket(holder, kept, now())
      const subject = wish.kind === 'upload' ? wish : { ...wish, tokenId }
      return { ticket: encodeTicket({ holder, expiresAt, epoch, subject }, keys), expiresAt }
    },
    revoke: async (token) => {
      const { userId } = await forUpload(token)
      await ledger.endTicketEpoch(holderOf(userId, keys), now())
    },
    credentials: {
      forUpload,
      forRunningUpload: withoutTickets(credentials.forRunningUpload),
      forDownload: (token) =>
        isTicket(token) ? readers.grantOf(token) : credentials.forDownload(token),
    },
    progressReader: async (token, uploadId) =>
      isTicket(token)
        ? readers.ownerOf(token, uploadId)
        : (await credentials.forRunningUpload(token)).userId,
    openArchive: readers.archiveOf,
  }
}

/** What tickets open. */
function createReaders({ ledger, credentials, now }: TicketServiceOptions, keys: TicketKeys) {
  /** The ticket, if it is one of ours that still holds. */
  async function open(text: string): Promise<Ticket> {
    const ticket = decodeTicket(text, keys)
    if (!ticket) throw new AppError('TOKEN_REFUSED', 'This link is not valid')
    if (ticket.expiresAt <= now()) throw new AppError('TOKEN_REFUSED', 'This link has expired')
    if ((await ledger.ticketEpoch(ticket.holder)) !== ticket.epoch) throw revoked()
    return ticket
  }

  /** What the ticket's maker may do, by the token that is kept for it. */
  async function credentialsOf(holder: string, tokenId: string): Promise<Credentials> {
    const token = await ledger.ticketToken(tokenId, now())
    if (token === null) throw revoked()
    const granted = await credentials.forUpload(token)
    // The backend may name another user by now: their files are not what was shared.
    if (holderOf(granted.userId, keys) !== holder) throw revoked()
    return granted
  }

  return {
    grantOf: async (text: string): Promise<DownloadGrant> => {
      const { holder, subject } = await open(text)
      if (subject.kind !== 'message') throw forSomethingElse()
      const { messageId, fileId, tokenId } = subject
      const granted = await credentialsOf(holder, tokenId)
      const named = fileId === undefined ? {} : { fileId }
      return { credentials: granted, kind: 'download', messageId, ...named }
    },
    archiveOf: async (text: string): Promise<{ credentials: Credentials; listId: string }> => {
      const { holder, subject } = await open(text)
      if (subject.kind !== 'archive') throw forSomethingElse()
      const { listId, tokenId } = subject
      return { credentials: await credentialsOf(holder, tokenId), listId }
    },
    ownerOf: async (text: string, uploadId: string): Promise<string> => {
      const { holder, subject } = await open(text)
      if (subject.kind !== 'upload' || subject.uploadId !== uploadId) throw forSomethingElse()
      const owner = (await ledger.findUpload(uploadId))?.owner
      // An upload's id can be used again, by anybody, once the upload is gone.
      if (owner === undefined || holderOf(owner, keys) !== holder) throw uploadNotFound()
      return owner
    },
  }
}

/** A question that only login tokens may ask. */
function withoutTickets<Rest extends unknown[], T>(
  ask: (token: string, ...rest: Rest) => Promise<T>,
): typeof ask {
  return async (token, ...rest) => {
    if (isTicket(token)) throw new AppError('TOKEN_REFUSED', 'A ticket is only for reading')
    return ask(token, ...rest)
  }
}

function revoked(): AppError {
  return new AppError('TOKEN_REFUSED', 'This link was revoked')
}

function forSomethingElse(): AppError {
  return new AppError('FORBIDDEN', 'This link is for something else')
}

function uploadNotFound(): AppError {
  return new AppError('UPLOAD_NOT_FOUND', 'Upload session not found')
}
