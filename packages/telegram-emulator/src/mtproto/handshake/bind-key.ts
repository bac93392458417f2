import { decoder } from '../../tl/codec.ts'
import { createReader } from '../../tl/reader.ts'
import type { AuthKey, AuthKeyStore, RpcOutcome, TlObject } from '../../types.ts'
import { igeDecrypt } from '../messages/ige.ts'
import { sha1 } from './digest.ts'
import { deriveAesKeyV1 } from './key-derivation.ts'

export interface BindContext {
  keys: AuthKeyStore
  authKey: AuthKey
  sessionId: bigint
  messageId: bigint
}

const HEADER = 24
const INNER_HEADER = 32
const BODY_LENGTH = 40
const refuse = (message: string): RpcOutcome => ({ kind: 'error', code: 400, message })

/** Decrypts the binding message; null when the permanent key did not encrypt it. */
function decryptInner(
  permanent: AuthKey,
  encrypted: Uint8Array,
  messageId: bigint,
): TlObject | null {
  const data = Buffer.from(encrypted)
  const length = data.length - HEADER
  if (length < INNER_HEADER + BODY_LENGTH || length % 16 !== 0) return null
  if (data.readBigInt64LE(0).toString() !== permanent.id) return null
  const messageKey = data.subarray(8, HEADER)
  const { key, iv } = deriveAesKeyV1(permanent.key, messageKey)
  const plain = Buffer.from(igeDecrypt(data.subarray(HEADER), key, iv))

  const isMeant = plain.readBigInt64LE(16) === messageId && plain.readInt32LE(28) === BODY_LENGTH
  const end = INNER_HEADER + BODY_LENGTH
  if (!isMeant || !sha1(plain.subarray(0, end)).subarray(4).equals(messageKey)) return null
  return decoder.object(createReader(plain.subarray(INNER_HEADER, end)))
}

/**
 * auth.bindTempAuthKey: the temporary key of this connection begins to stand for a permanent one,
 * whose holder proves it by a message of MTProto 1.0
 * (https://core.telegram.org/method/auth.bindTempAuthKey).
 */
export function bindTemporaryKey(method: TlObject, context: BindContext): RpcOutcome {
  const { keys, authKey, sessionId, messageId } = context
  if (authKey.expiresAt === null) return refuse('TEMP_AUTH_KEY_EMPTY')
  const permanent = keys.find(String(method.perm_auth_key_id))
  if (!permanent || permanent.expiresAt !== null) return refuse('ENCRYPTED_MESSAGE_INVALID')
  const isTaken = authKey.permanentKeyId !== null && authKey.permanentKeyId !== permanent.id
  if (isTaken) return refuse('TEMP_AUTH_KEY_ALREADY_BOUND')

  const encrypted = method.encrypted_message
  if (!(encrypted instanceof Uint8Array)) return refuse('ENCRYPTED_MESSAGE_INVALID')
  const inner = decryptInner(permanent, encrypted, messageId)
  const isTrue =
    inner?._ === 'bind_auth_key_inner' &&
    inner.nonce === method.nonce &&
    String(inner.temp_auth_key_id) === authKey.id &&
    String(inner.perm_auth_key_id) === permanent.id &&
    inner.temp_session_id === sessionId &&
    inner.expires_at === method.expires_at
  if (!isTrue) return refuse('ENCRYPTED_MESSAGE_INVALID')

  keys.save({ ...authKey, permanentKeyId: permanent.id })
  return { kind: 'result', value: true }
}
