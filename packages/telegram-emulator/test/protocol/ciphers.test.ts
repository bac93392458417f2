import { randomBytes } from 'node:crypto'
import { ige256Encrypt } from '@mtcute/wasm'
import { expect, test } from 'vitest'
import { agree, createSecret, DH_PRIME } from '../../src/mtproto/handshake/diffie-hellman.ts'
import { decryptInner } from '../../src/mtproto/handshake/exchange-messages.ts'
import { deriveExchangeKey } from '../../src/mtproto/handshake/key-derivation.ts'
import { decryptMessage, encryptMessage } from '../../src/mtproto/messages/encrypted-message.ts'
import { igeDecrypt, igeEncrypt } from '../../src/mtproto/messages/ige.ts'
import { loadWasmIge } from '../../src/mtproto/messages/wasm-ige.ts'

/** The reference is a part of it, and is loaded by it. */
const wasm = loadWasmIge()

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex')

/** OpenSSL's IGE example with its key twice as long. */
const EXAMPLE = {
  plain: hex('99706487a1cde613bc6de0b6f24b1c7aa448c8b9c3403e3467a8cad89340f53b'),
  key: hex('5468697320697320616e20696d706c655468697320697320616e20696d706c65'),
  iv: hex('6d656e746174696f6e206f6620494745206d6f646520666f72204f70656e5353'),
  encrypted: hex('792ea8ae577b1a66cb3bd92679b8030ca54ee631976bd3a04547fdcb4639fa69'),
}

/** Telegram's worked example (https://core.telegram.org/mtproto/samples-auth_key). */
const SAMPLE = {
  serverNonce: hex('a5cf4d33f4a11ea877ba4aa573907330'),
  newNonce: hex('311c85db234aa2640afc4a76a735cf5b1f0fd68bd17fa181e1229ad867cc024d'),
  key: hex('f011280887c7bb01df0fc4e17830e0b91fbb8be4b2267cb985ae25f33b527253'),
  iv: hex('3212d579ee35452ed23e0d0c92841aa7d31b2e9bdef2151e80d15860311c85db'),
  encryptedAnswer: hex(`
    28a92fe20173b347a8bb324b5fab2667c9a8bbce6468d5b509a4cbddc186240ac912cf7006af8926de606a2e74c0493c
    aa57741e6c82451f54d3e068f5ccc49b4444124b9666ffb405aab564a3d01e67f6e912867c8d20d9882707dc330b17b4
    e0dd57cb53bfaafa9ef5be76ae6c1b9b6c51e2d6502a47c883095c46c81e3be25f62427b585488bb3bf239213bf48eb8
    fe34c9a026cc8413934043974db03556633038392cecb51f94824e140b98637730a4be79a8f9dafa39bae81e1095849e
    a4c83467c92a3a17d997817c8a7ac61c3ff414da37b7d66e949c0aec858f048224210fcc61f11c3a910b431ccbd104cc
    cc8dc6d29d4a5d133be639a4c32bbff153e63aca3ac52f2e4709b8ae01844b142c1ee89d075d64f69a399feb04e656fe
    3675a6f8f412078f3d0b58da15311c1a9f8e53b3cd6bb5572c294904b726d0be337e2e21977da26dd6e33270251c2ca2
    9dfcc70227f0755f84cfda9ac4b8dd5f84f1d1eb36ba45cddc70444d8c213e4bd8f63b8ab95a2d0b4180dc91283dc063
    acfb92d6a4e407cde7c8c69689f77a007441d4a6a8384b666502d9b77fc68b5b43cc607e60a146223e110fcb43bc3c94
    2ef981930cdc4a1d310c0b64d5e55d308d863251ab90502c3e46cc599e886a927cda963b9eb16ce62603b68529ee98f9
    f5206419e03fb458ec4bd9454aa8f6ba777573cc54b328895b1df25ead9fb4cd5198ee022b2b81f388d281d5e5bc5801
    07ca01a50665c32b552715f335fd76264fad00ddd5ae45b94832ac79ce7c511d194bc42b70efa850bb15c2012c5215ca
    bfe97ce66b8d8734d0ee759a638af013`),
}

test('IGE agrees with the published example', () => {
  const { plain, key, iv, encrypted } = EXAMPLE

  expect(Buffer.from(igeEncrypt(plain, key, iv))).toEqual(encrypted)
  expect(Buffer.from(igeDecrypt(encrypted, key, iv))).toEqual(plain)
})

test("the exchange's key and answer agree with Telegram's worked example", () => {
  const aes = deriveExchangeKey(SAMPLE.newNonce, SAMPLE.serverNonce)

  expect(aes).toEqual({ key: SAMPLE.key, iv: SAMPLE.iv })
  expect(decryptInner(SAMPLE.encryptedAnswer, aes)).toMatchObject({
    _: 'server_DH_inner_data',
    server_nonce: SAMPLE.serverNonce,
    dh_prime: DH_PRIME,
  })
})

test.each([16, 32, 48, 65_536, 65_552, 1_048_576])('IGE of %i bytes, two ways', (length) => {
  const [plain, key, iv] = [randomBytes(length), randomBytes(32), randomBytes(32)]

  const encrypted = igeEncrypt(plain, key, iv)

  expect(Buffer.compare(encrypted, ige256Encrypt(plain, key, iv))).toBe(0)
  expect(Buffer.compare(igeDecrypt(encrypted, key, iv), plain)).toBe(0)
})

test.each([16, 48, 65_552, 1_048_576])(
  'without the native module IGE of %i bytes is the same',
  (length) => {
    const [plain, key, iv] = [randomBytes(length), randomBytes(32), randomBytes(32)]
    const [encrypted, decrypted] = [Buffer.alloc(length), Buffer.alloc(length)]

    wasm.encrypt(encrypted, plain, key, iv)
    wasm.decrypt(decrypted, encrypted, key, iv)

    expect(Buffer.compare(encrypted, igeEncrypt(plain, key, iv))).toBe(0)
    expect(Buffer.compare(decrypted, plain)).toBe(0)
  },
)

test('IGE takes views at any offset', () => {
  const { plain, key, iv, encrypted } = EXAMPLE
  const shifted = Buffer.concat([Buffer.alloc(3), plain]).subarray(3)

  expect(Buffer.from(igeEncrypt(shifted, key, iv))).toEqual(encrypted)
})

test('both sides of the exchange come to one key', () => {
  const [one, other] = [createSecret(), createSecret()]

  const key = agree(one.secret, other.publicValue)

  expect(key).toHaveLength(256)
  expect(key).toEqual(agree(other.secret, one.publicValue))
})

test.each([
  ['zero', Buffer.alloc(256)],
  ['one', Buffer.from([1])],
  ['the prime', DH_PRIME],
  ['longer than the prime', Buffer.alloc(257, 1)],
  ['nothing', Buffer.alloc(0)],
])('%s is no public number', (_name, value) => {
  expect(agree(randomBytes(256), value)).toBeNull()
})

test('a message decrypts for its side and key only, and only whole and unchanged', () => {
  const key = randomBytes(256)
  const body = { pieces: [Buffer.from('abcd'), Buffer.alloc(8, 1)], length: 12 }
  const message = { salt: 1n, sessionId: -2n, id: 4n, seqno: 1, body }
  const payload = encryptMessage({ id: '7', key }, message, 'client')

  const opened = decryptMessage(key, payload, 'client')

  expect(opened).toMatchObject({ salt: 1n, sessionId: -2n, id: 4n, seqno: 1 })
  expect(opened?.body).toEqual(Buffer.concat(body.pieces))
  expect(decryptMessage(key, payload, 'server')).toBeNull()
  expect(decryptMessage(randomBytes(256), payload, 'client')).toBeNull()
  expect(decryptMessage(key, payload.subarray(0, -16), 'client')).toBeNull()
  expect(decryptMessage(key, Buffer.concat([payload, Buffer.alloc(15)]), 'client')).not.toBeNull()
})
