import { constants, createPublicKey, publicEncrypt, randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { agree, createSecret, DH_PRIME } from '../../src/mtproto/handshake/diffie-hellman.ts'
import { sha1 } from '../../src/mtproto/handshake/digest.ts'
import { decryptInner, encryptInner } from '../../src/mtproto/handshake/exchange-messages.ts'
import { authKeyId, deriveExchangeKey } from '../../src/mtproto/handshake/key-derivation.ts'
import { createKeyExchange } from '../../src/mtproto/handshake/key-exchange.ts'
import { createServerKey } from '../../src/mtproto/handshake/rsa.ts'
import { decoder, encoder } from '../../src/tl/codec.ts'
import { createReader } from '../../src/tl/reader.ts'
import type { AuthKey, TlObject, TlValue } from '../../src/types.ts'
import { DC_ID, privateKeyPem } from './server.ts'

const serverKey = createServerKey(privateKeyPem)

/** A client's half of the exchange; the fields of each step may be overridden. */
function startExchange({ isTaken = false } = {}) {
  const made: AuthKey[] = []
  const exchange = createKeyExchange({
    serverKey,
    dcId: DC_ID,
    isTaken: () => isTaken,
    onKey: (key) => made.push(key),
  })
  const nonce = randomBytes(16)
  const newNonce = randomBytes(32)
  const say = (message: TlObject): TlObject => {
    const answer = exchange.receive(bytesOf(message))
    return decoder.object(createReader(Buffer.concat(answer?.pieces ?? [])))
  }
  const resPq = say({ _: 'req_pq_multi', nonce })
  const serverNonce = asBytes(resPq.server_nonce)
  const { p, q } = factor(asBytes(resPq.pq))

  const ask = (inner: Partial<TlObject> = {}, outer: Partial<TlObject> = {}): TlObject =>
    say({
      _: 'req_DH_params',
      nonce,
      server_nonce: serverNonce,
      p,
      q,
      public_key_fingerprint: serverKey.fingerprint,
      encrypted_data: encryptOldWay({
        _: 'p_q_inner_data_dc',
        pq: asBytes(resPq.pq),
        p,
        q,
        nonce,
        server_nonce: serverNonce,
        new_nonce: newNonce,
        dc: DC_ID,
        ...inner,
      }),
      ...outer,
    })
  const aes = deriveExchangeKey(newNonce, serverNonce)
  const finish = (publicValue: Uint8Array): TlObject =>
    say({
      _: 'set_client_DH_params',
      nonce,
      server_nonce: serverNonce,
      encrypted_data: encryptInner(
        { _: 'client_DH_inner_data', nonce, server_nonce: serverNonce, g_b: publicValue },
        aes,
      ),
    })
  return { ask, finish, say, aes, made, newNonce, nonce, serverNonce, resPq }
}

test('a key is made that both sides know', () => {
  const { ask, finish, aes, made, newNonce, resPq } = startExchange()
  expect(resPq.server_public_key_fingerprints).toEqual([serverKey.fingerprint])

  const offer = ask()
  const inner = decryptInner(asBytes(offer.encrypted_answer), aes)
  const { secret, publicValue } = createSecret()
  const answer = finish(publicValue)

  const key = agree(secret, asBytes(inner?.g_a))
  expect(inner).toMatchObject({ g: 3, dh_prime: DH_PRIME })
  expect(made).toMatchObject([
    { key, id: authKeyId(key ?? Buffer.alloc(0)), dcId: DC_ID, expiresAt: null },
  ])
  const hash = sha1(newNonce, Buffer.from([1]), sha1(key ?? Buffer.alloc(0)).subarray(0, 8))
  expect(answer).toMatchObject({ _: 'dh_gen_ok', new_nonce_hash1: hash.subarray(4) })
})

test('a temporary key has an end', () => {
  const { ask, finish, made } = startExchange()

  ask({ _: 'p_q_inner_data_temp_dc', expires_in: 60 })
  finish(createSecret().publicValue)

  expect(made[0]?.expiresAt).toBeGreaterThan(Date.now() + 50_000)
  expect(made[0]?.expiresAt).toBeLessThan(Date.now() + 61_000)
})

test.each([DC_ID, -DC_ID, 10_000 + DC_ID, -(10_000 + DC_ID)])('DC %i is here', (dc) => {
  expect(startExchange().ask({ dc })._).toBe('server_DH_params_ok')
})

test('another DC is not', () => {
  const { ask } = startExchange()

  expect(() => ask({ dc: 4 })).toThrow(expect.objectContaining({ transportCode: -444 }))
})

test('a public number out of range fails, a taken key asks for another try', () => {
  const failing = startExchange()
  failing.ask()
  expect(failing.finish(Buffer.from([1]))._).toBe('dh_gen_fail')
  expect(failing.made).toEqual([])

  const taken = startExchange({ isTaken: true })
  taken.ask()
  expect(taken.finish(createSecret().publicValue)._).toBe('dh_gen_retry')
})

test.each([
  ['wrong factors', () => startExchange().ask({}, { p: Buffer.from([3]) })],
  ['another nonce', () => startExchange().ask({}, { nonce: randomBytes(16) })],
  ['another nonce inside', () => startExchange().ask({ server_nonce: randomBytes(16) })],
  ['noise for RSA', () => startExchange().ask({}, { encrypted_data: randomBytes(256) })],
  ['too little for RSA', () => startExchange().ask({}, { encrypted_data: randomBytes(3) })],
  ['an end without a beginning', () => startExchange().finish(createSecret().publicValue)],
  ['an unknown method', () => startExchange().say({ _: 'ping', ping_id: 1n })],
])('%s breaks the exchange off', (_name, attempt) => {
  expect(attempt).toThrow()
})

function bytesOf(message: TlObject): Buffer {
  return Buffer.concat(encoder.encode(message, 0).pieces)
}

function asBytes(value: TlValue): Uint8Array {
  return value instanceof Uint8Array ? value : new Uint8Array(0)
}

/** SHA-1, the data, padding: as clients did before RSA_PAD, which mtcute covers. */
function encryptOldWay(message: TlObject): Buffer {
  const data = bytesOf(message)
  const padding = randomBytes(235 - data.length)
  const plain = Buffer.concat([Buffer.alloc(1), sha1(data), data, padding])
  const key = createPublicKey(serverKey.publicKeyPem)
  return publicEncrypt({ key, padding: constants.RSA_NO_PADDING }, plain)
}

/** Pollard's rho, enough for 62 bits. */
function factor(bytes: Uint8Array): { p: Buffer; q: Buffer } {
  const pq = BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
  for (let c = 1n; ; c++) {
    let [slow, fast, divisor] = [2n, 2n, 1n]
    const step = (x: bigint): bigint => (x * x + c) % pq
    while (divisor === 1n) {
      slow = step(slow)
      fast = step(step(fast))
      divisor = gcd(slow > fast ? slow - fast : fast - slow, pq)
    }
    if (divisor === pq) continue
    const [p, q] = divisor < pq / divisor ? [divisor, pq / divisor] : [pq / divisor, divisor]
    return { p: toBytes(p), q: toBytes(q) }
  }
}

const gcd = (a: bigint, b: bigint): bigint => (b === 0n ? a : gcd(b, a % b))
const toBytes = (value: bigint): Buffer => Buffer.from(value.toString(16).padStart(8, '0'), 'hex')
