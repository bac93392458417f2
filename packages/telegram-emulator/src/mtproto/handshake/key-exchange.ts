import { randomBytes } from 'node:crypto'
import { decoder, encoder } from '../../tl/codec.ts'
import { createReader } from '../../tl/reader.ts'
import type { Encoded } from '../../tl/writer.ts'
import type { AuthKey, TlObject, TlValue } from '../../types.ts'
import { ProtocolError } from '../protocol-error.ts'
import { agree, createSecret, DH_GENERATOR, DH_PRIME } from './diffie-hellman.ts'
import { sha1 } from './digest.ts'
import { createChallenge, decryptInner, encryptInner, firstSalt } from './exchange-messages.ts'
import { type AesKey, authKeyId, deriveExchangeKey } from './key-derivation.ts'
import type { ServerKey } from './rsa.ts'

export interface KeyExchange {
  /** Answers one unencrypted message; null when it needs no answer. Throws ProtocolError. */
  receive: (body: Uint8Array) => Encoded | null
}

export interface KeyExchangeOptions {
  serverKey: ServerKey
  dcId: number
  /** A key with that id is taken already. */
  isTaken: (keyId: string) => boolean
  onKey: (key: AuthKey, firstSalt: bigint) => void
}

/** The state after req_pq; each step needs the state that the step before left. */
interface Started {
  nonce: Uint8Array
  serverNonce: Uint8Array
  p: Uint8Array
  q: Uint8Array
}

interface Offered {
  nonce: Uint8Array
  serverNonce: Uint8Array
  newNonce: Uint8Array
  /** Null for a permanent key. */
  expiresIn: number | null
  secret: Uint8Array
  aes: AesKey
}

type Step = (message: TlObject) => TlObject

const DC_NOT_HERE = -444
const TEST_DC_OFFSET = 10_000
const MAX_TEMPORARY_SECONDS = 7 * 24 * 3600

const equal = (a: TlValue, b: Uint8Array): boolean =>
  a instanceof Uint8Array && Buffer.compare(a, b) === 0

// Kept values are copied: a view would keep the whole payload in memory.
const keep = (value: TlValue): Uint8Array =>
  value instanceof Uint8Array ? Uint8Array.from(value) : new Uint8Array(0)

/** One client's way to an authorization key (https://core.telegram.org/mtproto/auth_key). */
export function createKeyExchange(options: KeyExchangeOptions): KeyExchange {
  let started: Started | null = null
  let offered: Offered | null = null

  function inOrder<T extends { nonce: Uint8Array; serverNonce: Uint8Array }>(
    state: T | null,
    message: TlObject,
  ): T {
    if (!state) throw new ProtocolError('A step of the key exchange out of order')
    const isSame = equal(message.nonce, state.nonce)
    if (!isSame || !equal(message.server_nonce, state.serverNonce)) {
      throw new ProtocolError('Nonces do not match')
    }
    return state
  }

  function start(message: TlObject): TlObject {
    const { pq, p, q } = createChallenge()
    const nonce = keep(message.nonce)
    const serverNonce = randomBytes(16)
    started = { nonce, serverNonce, p, q }
    return {
      _: 'resPQ',
      nonce,
      server_nonce: serverNonce,
      pq,
      server_public_key_fingerprints: [options.serverKey.fingerprint],
    }
  }

  function readRequest(encrypted: TlValue): TlObject {
    const opened = options.serverKey.decrypt(keep(encrypted))
    if (!opened) throw new ProtocolError('Not encrypted for this key')
    const inner = decoder.object(createReader(opened))
    if (!inner._.startsWith('p_q_inner_data')) throw new ProtocolError(`Unexpected ${inner._}`)
    inOrder(started, inner)
    // A media-only address is asked for by the negated number, a test server by 10000 more.
    const dc = typeof inner.dc === 'number' ? Math.abs(inner.dc) % TEST_DC_OFFSET : options.dcId
    if (dc !== options.dcId) throw new ProtocolError(`DC ${dc} is not here`, DC_NOT_HERE)
    return inner
  }

  function offer(message: TlObject): TlObject {
    const { nonce, serverNonce, p, q } = inOrder(started, message)
    if (!equal(message.p, p) || !equal(message.q, q)) {
      throw new ProtocolError('pq was factored wrongly')
    }
    const inner = readRequest(message.encrypted_data)
    const newNonce = keep(inner.new_nonce)
    const expiresIn = typeof inner.expires_in === 'number' ? inner.expires_in : null
    const { secret, publicValue } = createSecret()
    const aes = deriveExchangeKey(newNonce, serverNonce)
    offered = { nonce, serverNonce, newNonce, expiresIn, secret, aes }

    const answer = {
      _: 'server_DH_inner_data',
      nonce,
      server_nonce: serverNonce,
      g: DH_GENERATOR,
      dh_prime: DH_PRIME,
      g_a: publicValue,
      server_time: Math.floor(Date.now() / 1000),
    }
    const encrypted = encryptInner(answer, aes)
    return {
      _: 'server_DH_params_ok',
      nonce,
      server_nonce: serverNonce,
      encrypted_answer: encrypted,
    }
  }

  function finish(message: TlObject): TlObject {
    const { nonce, serverNonce, newNonce, secret, aes, expiresIn } = inOrder(offered, message)
    const inner = decryptInner(keep(message.encrypted_data), aes)
    if (inner?._ !== 'client_DH_inner_data') throw new ProtocolError('Unreadable g_b')
    inOrder(offered, inner)

    const key = agree(secret, keep(inner.g_b))
    const auxHash = sha1(key ?? new Uint8Array(0)).subarray(0, 8)
    const hash = (kind: number) => sha1(newNonce, Buffer.from([kind]), auxHash).subarray(4)
    const echo = { nonce, server_nonce: serverNonce }
    if (!key) return { _: 'dh_gen_fail', ...echo, new_nonce_hash3: hash(3) }
    const id = authKeyId(key)
    if (options.isTaken(id)) return { _: 'dh_gen_retry', ...echo, new_nonce_hash2: hash(2) }

    started = null
    offered = null
    const seconds = Math.min(Math.max(expiresIn ?? 0, 0), MAX_TEMPORARY_SECONDS)
    const expiresAt = expiresIn === null ? null : Date.now() + seconds * 1000
    options.onKey(
      { id, key, dcId: options.dcId, expiresAt, permanentKeyId: null },
      firstSalt(newNonce, serverNonce),
    )
    return { _: 'dh_gen_ok', ...echo, new_nonce_hash1: hash(1) }
  }

  const steps: Record<string, Step> = {
    req_pq: start,
    req_pq_multi: start,
    req_DH_params: offer,
    set_client_DH_params: finish,
  }

  return {
    receive: (body) => {
      if (isAcknowledgement(body)) return null
      const message = decoder.call(createReader(body), () => {})
      const step = Object.hasOwn(steps, message._) ? steps[message._] : undefined
      if (!step) throw new ProtocolError(`Unexpected ${message._}`)
      return encoder.encode(step(message), 0)
    },
  }
}

const MSGS_ACK = 0x62d6b459

/** Some clients send msgs_ack unencrypted as well; it needs no answer. */
function isAcknowledgement(body: Uint8Array): boolean {
  return createReader(body).uint() === MSGS_ACK
}
