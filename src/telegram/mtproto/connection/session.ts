import { createHash } from 'node:crypto'
import { sessionInvalid } from '../../errors.ts'

/** Where a data centre listens. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** What a string session holds. */
export interface Session {
  readonly dcId: number
  readonly address: Address
  /** 256 bytes. A secret. */
  readonly authKey: Buffer
}

const KEY_BYTES = 256
/** Telethon packs the address: `>B4sH256s` or, for IPv6, `>B16sH256s`. */
const TELETHON_IPV4_BYTES = 1 + 4 + 2 + KEY_BYTES
const TELETHON_IPV6_BYTES = 1 + 16 + 2 + KEY_BYTES

/**
 * Reads a string session of Telethon or of gramjs: both begin with `1` and go on in base64,
 * but gramjs writes the address as text with its length before it.
 * Throws TELEGRAM_SESSION_INVALID for anything else.
 */
export function parseSession(text: string): Session {
  const trimmed = text.trim()
  if (!/^1[\w+/-]+=*$/.test(trimmed)) throw sessionInvalid()
  const bytes = Buffer.from(trimmed.slice(1), 'base64url')
  const session = parseGramjs(bytes) ?? parseTelethon(bytes)
  if (!session || session.dcId < 1 || session.address.port < 1) throw sessionInvalid()
  return session
}

/** Names an auth key without telling it: two strings of one key have one name. */
export function authKeyName(authKey: Buffer): string {
  return createHash('sha256').update('auth-key:').update(authKey).digest('hex').slice(0, 32)
}

function parseTelethon(bytes: Buffer): Session | null {
  if (bytes.length === TELETHON_IPV4_BYTES) {
    return toSession(bytes, 5, bytes.subarray(1, 5).join('.'))
  }
  if (bytes.length === TELETHON_IPV6_BYTES) {
    const groups = bytes.subarray(1, 17).toString('hex').match(/.{4}/g) ?? []
    return toSession(bytes, 17, groups.join(':'))
  }
  return null
}

function parseGramjs(bytes: Buffer): Session | null {
  if (bytes.length < 3) return null
  const length = bytes.readUInt16BE(1)
  const end = 3 + length
  if (length === 0 || bytes.length !== end + 2 + KEY_BYTES) return null
  const host = bytes.toString('latin1', 3, end)
  // A Telethon session of the same length would hold packed bytes here.
  if (!/^[\w.:[\]-]+$/.test(host)) return null
  return toSession(bytes, end, host.replace(/^\[(.*)\]$/, '$1'))
}

function toSession(bytes: Buffer, at: number, host: string): Session {
  return {
    dcId: bytes.readUInt8(0),
    address: { host, port: bytes.readUInt16BE(at) },
    authKey: Buffer.from(bytes.subarray(at + 2)),
  }
}
