import { generatePrimeSync, randomBytes } from 'node:crypto'
import { decoder, encoder } from '../tl/codec.ts'
import { createReader } from '../tl/reader.ts'
import type { Encoded } from '../tl/writer.ts'
import type { AuthKey, TlObject, TlValue } from '../types.ts'
import { agree, createSecret, DH_GENERATOR, DH_PRIME } from './diffie-hellman.ts'
import { sha1 } from './digest.ts'
import { igeDecrypt, igeEncrypt } from './ige.ts'
import { type AesKey, authKeyId, deriveExchangeKey } from './key-derivation.ts'
import type { ServerKey } from './rsa.ts'

/** The client broke off or broke the rules; `transportCode` is what it is told before the end. */
export class ExchangeError extends Error {
  override name = 'ExchangeError'
  readonly transportCode: number

  constructor(message: string, transportCode = -404) {
    super(message)
    this.transportCode = transportCode
  }
}

export interface KeyExchange {
  /** Answers one unencrypted message; null when it needs no answer. */
  receive: (body: Uint8Array) => Encoded | null
}

export interface KeyExchangeOptions {
  serverKey: ServerKey
  dcId: number
  /** A key with that id is taken already. */
  isTaken: (keyId: string) => boolean
  onKey: (key: AuthKey, firstSalt: bigint) => void
}

interface Progress {
  nonce: Uint8Array
  serverNonce: Uint8Array
  pq: { p: Uint8Array; q: Uint8Array }
  newNonce: Uint8Array
  /** Null for a permanent key. */
  expiresIn: number | null
  secret: Uint8Array
  aes: AesKey
}

const DC_NOT_HERE = -444
const TEST_DC_OFFSET = 10_000
const MAX_TEMPORARY_SECONDS = 7 * 24 * 3600

const equal = (a: TlValue, b: Uint8Array | undefined): boolean =>
  a instanceof Uint8Array && b !== undefined && Buffer.compare(a, b) === 0

const asBytes = (value: TlValue): Uint8Array =>
  value instanceof Uint8Array ? value : new Uint8Array(0)

function bigEndian(value: bigint): Buffer {
  const hex = value.toString(16)
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
}

/** The product of two primes below 2^31, which the client must factor as a small proof of work. */
function createChallenge(): { pq: Buffer; p: Buffer; q: Buffer } {
  const one = generatePrimeSync(31, { bigint: true })
  let other = one
  while (other === one) other = generatePrimeSync(31, { bigint: true })
  const [p, q] = one < other ? [one, other] : [other, one]
  return { pq: bigEndian(p * q), p: bigEndian(p), q: bigEndian(q) }
}

function joined({ pieces }: Encoded): Buffer {
  return Buffer.concat(pieces)
}

/** One client's way to an authorization key (https://core.telegram.org/mtproto/auth_key). */
export function createKeyExchange(options: KeyExchangeOptions): KeyExchange {
  let progress: Partial<Progress> = {}

  function checkNonces(message: TlObject): void {
    const known = equal(message.nonce, progress.nonce)
    if (!known || !equal(message.server_nonce, progress.serverNonce)) {
      throw new ExchangeError('Nonces do not match')
    }
  }

  function start(message: TlObject): TlObject {
    const { pq, p, q } = createChallenge()
    const nonce = Uint8Array.from(asBytes(message.nonce))
    const serverNonce = randomBytes(16)
    progress = { nonce, serverNonce, pq: { p, q } }
    return {
      _: 'resPQ',
      nonce,
      server_nonce: serverNonce,
      pq,
      server_public_key_fingerprints: [options.serverKey.fingerprint],
    }
  }

  function readInner(encrypted: Uint8Array): TlObject {
    const opened = options.serverKey.open(encrypted)
    if (!opened) throw new ExchangeError('RSA did not open')
    const inner = decoder.object(createReader(opened))
    if (!inner._.startsWith('p_q_inner_data')) throw new ExchangeError(`Unexpected ${inner._}`)
    checkNonces(inner)
    // A media-only address is asked for by the negated number, a test server by 10000 more.
    const dc = typeof inner.dc === 'number' ? Math.abs(inner.dc) % TEST_DC_OFFSET : options.dcId
    if (dc !== options.dcId) throw new ExchangeError(`DC ${dc} is not here`, DC_NOT_HERE)
    return inner
  }

  function offer(message: TlObject): TlObject {
    checkNonces(message)
    const { nonce, serverNonce, pq } = progress
    if (!nonce || !serverNonce) throw new ExchangeError('Out of order')
    if (!equal(message.p, pq?.p) || !equal(message.q, pq?.q)) {
      throw new ExchangeError('pq was factored wrongly')
    }
    const inner = readInner(asBytes(message.encrypted_data))
    const newNonce = Uint8Array.from(asBytes(inner.new_nonce))
    const expiresIn = typeof inner.expires_in === 'number' ? inner.expires_in : null
    const { secret, publicValue } = createSecret()
    const aes = deriveExchangeKey(newNonce, serverNonce)
    progress = { nonce, serverNonce, newNonce, expiresIn, secret, aes }

    const answer = joined(
      encoder.encode(
        {
          _: 'server_DH_inner_data',
          nonce,
          server_nonce: serverNonce,
          g: DH_GENERATOR,
          dh_prime: DH_PRIME,
          g_a: publicValue,
          server_time: Math.floor(Date.now() / 1000),
        },
        0,
      ),
    )
    const padding = randomBytes(-(20 + answer.length) & 15)
    return {
      _: 'server_DH_params_ok',
      nonce,
      server_nonce: serverNonce,
      encrypted_answer: igeEncrypt(Buffer.concat([sha1(answer), answer, padding]), aes.key, aes.iv),
    }
  }

  function readAnswer(encrypted: Uint8Array, { key, iv }: AesKey): TlObject {
    if (encrypted.length === 0 || encrypted.length % 16 !== 0) {
      throw new ExchangeError('Not whole blocks')
    }
    const opened = Buffer.from(igeDecrypt(encrypted, key, iv))
    const reader = createReader(opened.subarray(20))
    const inner = decoder.object(reader)
    const content = opened.subarray(20, opened.length - reader.remaining)
    if (reader.remaining > 15 || !sha1(content).equals(opened.subarray(0, 20))) {
      throw new ExchangeError('The hash does not match')
    }
    if (inner._ !== 'client_DH_inner_data') throw new ExchangeError(`Unexpected ${inner._}`)
    checkNonces(inner)
    return inner
  }

  function finish(message: TlObject): TlObject {
    checkNonces(message)
    const { nonce, serverNonce, newNonce, secret, aes, expiresIn } = progress
    if (!nonce || !serverNonce || !newNonce || !secret || !aes) {
      throw new ExchangeError('Out of order')
    }
    const inner = readAnswer(asBytes(message.encrypted_data), aes)
    const key = agree(secret, asBytes(inner.g_b))
    const auxHash = sha1(key ?? Buffer.alloc(0)).subarray(0, 8)
    const newNonceHash = (kind: number): Buffer =>
      sha1(newNonce, Buffer.from([kind]), auxHash).subarray(4)
    const echo = { nonce, server_nonce: serverNonce }

    if (!key) return { _: 'dh_gen_fail', ...echo, new_nonce_hash3: newNonceHash(3) }
    const id = authKeyId(key)
    if (options.isTaken(id)) {
      return { _: 'dh_gen_retry', ...echo, new_nonce_hash2: newNonceHash(2) }
    }
    progress = {}
    const seconds = Math.min(Math.max(expiresIn ?? 0, 0), MAX_TEMPORARY_SECONDS)
    options.onKey(
      {
        id,
        key,
        dcId: options.dcId,
        expiresAt: expiresIn === null ? null : Date.now() + seconds * 1000,
        permanentKeyId: null,
      },
      firstSalt(newNonce, serverNonce),
    )
    return { _: 'dh_gen_ok', ...echo, new_nonce_hash1: newNonceHash(1) }
  }

  return {
    receive: (body) => {
      const reader = createReader(body)
      let message: TlObject
      try {
        message = decoder.call(reader, () => {})
      } catch (cause) {
        // Acknowledgements are constructors and not methods; some clients send them unencrypted.
        if (isAcknowledgement(body)) return null
        throw new ExchangeError('Unreadable', -404)
      }
      const answers: Record<string, (message: TlObject) => TlObject> = {
        req_pq: start,
        req_pq_multi: start,
        req_DH_params: offer,
        set_client_DH_params: finish,
      }
      const answer = answers[message._]
      if (!answer) throw new ExchangeError(`Unexpected ${message._}`)
      return encoder.encode(answer(message), 0)
    },
  }
}

function isAcknowledgement(body: Uint8Array): boolean {
  try {
    return decoder.object(createReader(body))._ === 'msgs_ack'
  } catch {
    return false
  }
}

/** Both nonces' first halves, xored: the salt until the server names another. */
function firstSalt(newNonce: Uint8Array, serverNonce: Uint8Array): bigint {
  const mixed = Buffer.from(newNonce.subarray(0, 8))
  for (const [index, byte] of serverNonce.subarray(0, 8).entries()) {
    mixed[index] = (mixed[index] ?? 0) ^ byte
  }
  return mixed.readBigInt64LE(0)
}
