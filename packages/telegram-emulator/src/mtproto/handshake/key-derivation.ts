import { sha1, sha256 } from './digest.ts'

export interface AesKey {
  key: Uint8Array
  iv: Uint8Array
}

/** Messages from a client and from a server use different parts of the key. */
export type Side = 'client' | 'server'

const OFFSET = { client: 0, server: 8 } as const

/** The name of a key: the last 64 bits of its SHA-1, as a signed decimal string. */
export function authKeyId(key: Uint8Array): string {
  return sha1(key).readBigInt64LE(12).toString()
}

/** MTProto 2.0: the whole SHA-256 whose middle 128 bits are the msg_key (https://core.telegram.org/mtproto/description#defining-aes-key-and-initialization-vector). */
export function messageKeyLarge(authKey: Uint8Array, plain: Uint8Array, side: Side): Buffer {
  const start = 88 + OFFSET[side]
  return sha256(authKey.subarray(start, start + 32), plain)
}

/** MTProto 2.0: AES key and IV from the key and a msg_key. */
export function deriveAesKey(authKey: Uint8Array, messageKey: Uint8Array, side: Side): AesKey {
  const x = OFFSET[side]
  const a = sha256(messageKey, authKey.subarray(x, x + 36))
  const b = sha256(authKey.subarray(40 + x, 76 + x), messageKey)
  return {
    key: Buffer.concat([a.subarray(0, 8), b.subarray(8, 24), a.subarray(24, 32)]),
    iv: Buffer.concat([b.subarray(0, 8), a.subarray(8, 24), b.subarray(24, 32)]),
  }
}

/**
 * MTProto 1.0, which only the message that binds a temporary key still uses
 * (https://core.telegram.org/mtproto/description_v1#defining-aes-key-and-initialization-vector).
 */
export function deriveAesKeyV1(authKey: Uint8Array, messageKey: Uint8Array): AesKey {
  const a = sha1(messageKey, authKey.subarray(0, 32))
  const b = sha1(authKey.subarray(32, 48), messageKey, authKey.subarray(48, 64))
  const c = sha1(authKey.subarray(64, 96), messageKey)
  const d = sha1(messageKey, authKey.subarray(96, 128))
  return {
    key: Buffer.concat([a.subarray(0, 8), b.subarray(8, 20), c.subarray(4, 16)]),
    iv: Buffer.concat([a.subarray(8, 20), b.subarray(0, 8), c.subarray(16, 20), d.subarray(0, 8)]),
  }
}

/** The key exchange's own key, from its nonces (https://core.telegram.org/mtproto/auth_key, step 6). */
export function deriveExchangeKey(newNonce: Uint8Array, serverNonce: Uint8Array): AesKey {
  const a = sha1(newNonce, serverNonce)
  const b = sha1(serverNonce, newNonce)
  const c = sha1(newNonce, newNonce)
  return {
    key: Buffer.concat([a, b.subarray(0, 12)]),
    iv: Buffer.concat([b.subarray(12, 20), c, newNonce.subarray(0, 4)]),
  }
}
