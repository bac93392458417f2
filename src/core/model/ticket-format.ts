import { createHmac, timingSafeEqual } from 'node:crypto'

/** No JWT begins like this: theirs begin with `eyJ`. */
const PREFIX = 'tkt_'
const MAC_BYTES = 32
const HOLDER_BYTES = 16
const TOKEN_ID_BYTES = 12
const LIST_ID_BYTES = 16
/** Kind, end, epoch, holder: what every ticket has before its subject. */
const HEAD_BYTES = 1 + 4 + 4 + HOLDER_BYTES
const KINDS = { message: 1, upload: 2, archive: 3 } as const

/** What a ticket opens, and nothing else. */
export type TicketSubject =
  /**
   * `tokenId` names the login token, kept by the worker, that the message is read with; `fileId`
   * is for bots that cannot see messages.
   */
  | { kind: 'message'; messageId: number; fileId?: string; tokenId: string }
  | { kind: 'upload'; uploadId: string }
  /** `listId` names what the archive has, kept by the worker. */
  | { kind: 'archive'; listId: string; tokenId: string }

/** What is written in a ticket. All who have the link can read it: it holds no user id, no token. */
export interface Ticket {
  /** Stands for the owner: `holderOf` their user id. */
  holder: string
  /** Whole seconds, in epoch milliseconds. */
  expiresAt: number
  /** The owner's ticket epoch: a ticket of an earlier one was revoked. */
  epoch: number
  subject: TicketSubject
}

export interface TicketKeys {
  /** Signs tickets. */
  sign: Buffer
  /** Makes the names that stand for users and tokens. */
  name: Buffer
}

/** Whether a token claims to be a ticket. */
export function isTicket(token: string): boolean {
  return token.startsWith(PREFIX)
}

/** A user's name in tickets. Keyed: in standalone mode a user id is the bare hash of a token. */
export function holderOf(userId: string, { name }: Pick<TicketKeys, 'name'>): string {
  return digest(name, `user:${userId}`).subarray(0, HOLDER_BYTES).toString('hex')
}

/** A login token's name in tickets. */
export function tokenIdOf(token: string, { name }: TicketKeys): string {
  return digest(name, `token:${token}`).subarray(0, TOKEN_ID_BYTES).toString('hex')
}

/** The ticket as it stands in a link: base64url of its fields and their HMAC-SHA256. */
export function encodeTicket(ticket: Ticket, keys: TicketKeys): string {
  const { holder, expiresAt, epoch, subject } = ticket
  const head = Buffer.alloc(HEAD_BYTES)
  head.writeUInt8(KINDS[subject.kind], 0)
  head.writeUInt32BE(Math.floor(expiresAt / 1000), 1)
  head.writeUInt32BE(epoch, 5)
  head.write(holder, 9, 'hex')
  const fields = Buffer.concat([head, encodeSubject(subject)])
  return PREFIX + Buffer.concat([fields, digest(keys.sign, fields)]).toString('base64url')
}

/** The ticket, or null when it was not made with these keys or was changed. Its end is not checked. */
export function decodeTicket(text: string, keys: TicketKeys): Ticket | null {
  const bytes = Buffer.from(text.slice(PREFIX.length), 'base64url')
  // The decoder skips what it does not know; only what we wrote ourselves is a ticket.
  if (text !== PREFIX + bytes.toString('base64url')) return null
  if (bytes.length < HEAD_BYTES + MAC_BYTES) return null
  const fields = bytes.subarray(0, -MAC_BYTES)
  if (!timingSafeEqual(digest(keys.sign, fields), bytes.subarray(-MAC_BYTES))) return null
  const subject = decodeSubject(fields.readUInt8(0), fields.subarray(HEAD_BYTES))
  return {
    holder: fields.toString('hex', 9, HEAD_BYTES),
    expiresAt: fields.readUInt32BE(1) * 1000,
    epoch: fields.readUInt32BE(5),
    subject,
  }
}

function encodeSubject(subject: TicketSubject): Buffer {
  if (subject.kind === 'upload') return Buffer.from(subject.uploadId)
  if (subject.kind === 'archive') return Buffer.from(subject.tokenId + subject.listId, 'hex')
  const bytes = Buffer.alloc(TOKEN_ID_BYTES + 4)
  bytes.write(subject.tokenId, 0, 'hex')
  bytes.writeUInt32BE(subject.messageId, TOKEN_ID_BYTES)
  return Buffer.concat([bytes, Buffer.from(subject.fileId ?? '')])
}

/** Only for bytes whose HMAC was right. */
function decodeSubject(kind: number, bytes: Buffer): TicketSubject {
  if (kind === KINDS.upload) return { kind: 'upload', uploadId: bytes.toString() }
  const tokenId = bytes.toString('hex', 0, TOKEN_ID_BYTES)
  if (kind === KINDS.archive) {
    const listId = bytes.toString('hex', TOKEN_ID_BYTES, TOKEN_ID_BYTES + LIST_ID_BYTES)
    return { kind: 'archive', listId, tokenId }
  }
  const messageId = bytes.readUInt32BE(TOKEN_ID_BYTES)
  const fileId = bytes.toString('utf8', TOKEN_ID_BYTES + 4)
  return { kind: 'message', messageId, tokenId, ...(fileId !== '' && { fileId }) }
}

function digest(key: Buffer, text: string | Buffer): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
