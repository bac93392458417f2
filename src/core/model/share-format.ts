import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

const ROW_BYTES = 8
const MAC_BYTES = 16

export interface ShareKeys {
  /** Makes addresses of rows. */
  address: Buffer
  /** Signs what opens a share that has a password. */
  pass: Buffer
}

/** A new share's id in the ledger. Its address begins and ends as no app cuts a link short. */
export function newShareId(keys: ShareKeys): string {
  for (;;) {
    const id = randomBytes(ROW_BYTES).toString('hex')
    if (/^[a-z\d].*[a-z\d]$/i.test(encodeShareId(id, keys))) return id
  }
}

/**
 * A share's name in its address, 32 characters of base64url: the row's id and its HMAC, so that the
 * ledger alone opens nothing, and a guess is recognised without it.
 */
export function encodeShareId(id: string, { address }: ShareKeys): string {
  const row = Buffer.from(id, 'hex')
  return Buffer.concat([row, macOf(row, address)]).toString('base64url')
}

/** The row's id, or null for a name that `encodeShareId` has not made with these keys. */
export function decodeShareId(name: string, { address }: ShareKeys): string | null {
  const bytes = Buffer.from(name, 'base64url')
  // The decoder skips what it does not know; one share has one name.
  if (bytes.length !== ROW_BYTES + MAC_BYTES || bytes.toString('base64url') !== name) return null
  const row = bytes.subarray(0, ROW_BYTES)
  if (!timingSafeEqual(macOf(row, address), bytes.subarray(ROW_BYTES))) return null
  return row.toString('hex')
}

function macOf(row: Buffer, key: Buffer): Buffer {
  return createHmac('sha256', key).update(row).digest().subarray(0, MAC_BYTES)
}

/** What a pass is for: another password makes another salt, and so other passes. */
export interface PassSubject {
  id: string
  password: { salt: string }
}

/** What a browser keeps in place of a share's password: its end in seconds, and an HMAC. */
export function encodePass(subject: PassSubject, endsAt: number, { pass }: ShareKeys): string {
  const end = Math.floor(endsAt / 1000)
  return `${end}.${signatureOf(subject, end, pass).toString('base64url')}`
}

/** Whether a pass was made for this share and its password, and has not ended. */
export function passHolds(
  text: string,
  subject: PassSubject,
  now: number,
  keys: ShareKeys,
): boolean {
  const [, end = '', signature = ''] = /^(\d{1,12})\.([\w-]{43})$/.exec(text) ?? []
  const given = Buffer.from(signature, 'base64url')
  const right = signatureOf(subject, Number(end), keys.pass)
  return given.length === right.length && timingSafeEqual(given, right) && Number(end) * 1000 > now
}

function signatureOf({ id, password }: PassSubject, end: number, key: Buffer): Buffer {
  return createHmac('sha256', key).update(`${id}:${password.salt}:${end}`).digest()
}

/** How long a visit counts a file once. */
export const VISIT_MS = 24 * 3_600_000

/** The name of a new visit, for the visitor's cookie. */
export function newVisit(): string {
  return randomBytes(16).toString('base64url')
}

/** What stands for a visit in the ledger; null for a text that is no visit's name. */
export function visitHash(name: string | undefined): string | null {
  if (name === undefined || !/^[\w-]{22}$/.test(name)) return null
  return createHash('sha256').update(name).digest('hex').slice(0, 32)
}
