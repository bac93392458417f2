import { createHash, createPublicKey } from 'node:crypto'
import { addPublicKey, findKeyByFingerprints } from '@mtcute/core/utils.js'
import { Long, MemoryStorage, TelegramClient as MtcuteClient } from '@mtcute/node'
import { NodeCryptoProvider } from '@mtcute/node/utils.js'
import { Api, Logger, TelegramClient } from 'telegram'
import { AuthKey as GramjsKey } from 'telegram/crypto/AuthKey.js'
import { _serverKeys } from 'telegram/crypto/RSA.js'
import { LogLevel } from 'telegram/extensions/Logger.js'
import { returnBigInt } from 'telegram/Helpers.js'
import { ConnectionTCPFull, ConnectionTCPObfuscated } from 'telegram/network/index.js'
import { StringSession } from 'telegram/sessions/index.js'
import { expect, onTestFinished, test } from 'vitest'
import { createServerKey, makeRsaKey } from '../../src/mtproto/handshake/rsa.ts'
import { schema } from '../../src/tl/codec.ts'
import { connectSurely } from '../helpers/gramjs-client.ts'
import { DC_ID, privateKeyPem, registerKey, startProtocol } from '../protocol/server.ts'

// gramjs forgets the port of a session (it takes 80), so the connection is given it.
const fullTo = (port: number) =>
  class extends ConnectionTCPFull {
    constructor(options: ConstructorParameters<typeof ConnectionTCPFull>[0]) {
      super({ ...options, ip: '127.0.0.1', port })
    }
  }

const obfuscatedTo = (port: number) =>
  class extends ConnectionTCPObfuscated {
    constructor(options: ConstructorParameters<typeof ConnectionTCPObfuscated>[0]) {
      super({ ...options, ip: '127.0.0.1', port })
    }
  }

test('mtcute exchanges a key and calls a method', async () => {
  const { port, server, calls } = await startProtocol()
  const client = await connectMtcute(port, server.publicKeyPem)

  const config = await client.call({ _: 'help.getConfig' })

  expect(config.thisDc).toBe(DC_ID)
  expect(config.dcOptions[0]).toMatchObject({ port, ipAddress: '127.0.0.1' })
  expect(calls[0]?.layer).toBeGreaterThan(220)
})

test('mtcute finds every key that a server makes for itself, by its fingerprint', async () => {
  const crypto = new NodeCryptoProvider()
  await crypto.initialize()
  // Short keys take a moment each. Left to chance, six of a hundred could not be found.
  const keys = Array.from({ length: 100 }, () => createServerKey(makeRsaKey(512)))
  for (const { publicKeyPem } of keys) addPublicKey(crypto, publicKeyPem)

  const found = keys.map(({ fingerprint }) =>
    findKeyByFingerprints([Long.fromString(fingerprint.toString())]),
  )

  expect(found).not.toContain(null)
})

test('mtcute binds temporary keys, and the API half sees the permanent one', async () => {
  const { port, server, calls, keys } = await startProtocol()
  const client = await connectMtcute(port, server.publicKeyPem, { usePfs: true })

  await client.call({ _: 'help.getConfig' })

  // On a busy machine mtcute may give up an exchange and make another key: that one is bound.
  const all = [...keys.all.values()]
  const permanent = all.filter(({ expiresAt }) => expiresAt === null)
  const temporary = all.filter(({ expiresAt }) => expiresAt !== null)
  const seen = calls.at(-1)?.authKeyId
  expect(permanent.map(({ id }) => id)).toContain(seen)
  expect(temporary.map(({ permanentKeyId }) => permanentKeyId)).toContain(seen)
  expect(calls.at(-1)?.layer).toBeGreaterThan(220)
})

test('gramjs exchanges a key and calls a method', async () => {
  const { port, server } = await startProtocol()
  trustInGramjs(server.publicKeyPem, createServerKey(privateKeyPem).fingerprint)
  const client = connectGramjs(port, new StringSession(''))
  await connectSurely(client)

  const config = await client.invoke(new Api.help.GetConfig())

  expect(config.thisDc).toBe(DC_ID)
})

test.each([
  ['full', fullTo],
  ['obfuscated', obfuscatedTo],
])('gramjs speaks with a key that the server knows, over %s', async (_name, transportTo) => {
  const { port, keys, calls } = await startProtocol()
  const session = new StringSession('')
  const key = new GramjsKey()
  await key.setKey(Buffer.from(registerKey(keys).key))
  session.setAuthKey(key)
  const client = connectGramjs(port, session, transportTo(port))
  await connectSurely(client)

  const config = await client.invoke(new Api.help.GetConfig())

  expect(config.dcOptions[0]?.port).toBe(port)
  expect(calls[0]?.layer).toBe(198)
})

test('large values pass whole, both ways', async () => {
  const received: Uint8Array[] = []
  const { port, server } = await startProtocol({
    'upload.saveBigFilePart': ({ method }) => {
      if (method.bytes instanceof Uint8Array) received.push(Uint8Array.from(method.bytes))
      return { kind: 'result', value: true }
    },
    'upload.getFile': ({ method }) => ({
      kind: 'result',
      value: {
        _: 'upload.file',
        type: { _: 'storage.fileUnknown' },
        mtime: 0,
        bytes: Buffer.alloc(Number(method.limit), 7),
      },
    }),
  })
  const client = await connectMtcute(port, server.publicKeyPem)
  const bytes = createHash('shake256', { outputLength: 512 * 1024 })
    .update('part')
    .digest()

  const [saved, file] = await Promise.all([
    client.call({
      _: 'upload.saveBigFilePart',
      fileId: Long.ONE,
      filePart: 0,
      fileTotalParts: 1,
      bytes,
    }),
    client.call({
      _: 'upload.getFile',
      location: { _: 'inputTakeoutFileLocation' },
      offset: 0,
      limit: 1024 * 1024,
    }),
  ])

  expect(saved).toBe(true)
  expect(Buffer.compare(received[0] ?? Buffer.alloc(0), bytes)).toBe(0)
  expect(file._ === 'upload.file' && file.bytes.length).toBe(1024 * 1024)
})

test('an error of a method reaches the client by its name', async () => {
  const { port, server } = await startProtocol({
    'help.getNearestDc': () => ({ kind: 'error', code: 400, message: 'PEER_ID_INVALID' }),
  })
  const client = await connectMtcute(port, server.publicKeyPem)

  await expect(client.call({ _: 'help.getNearestDc' })).rejects.toMatchObject({
    code: 400,
    text: 'PEER_ID_INVALID',
  })
})

test('a method outside the schema is refused and the connection lives on', async () => {
  const { port, server } = await startProtocol()
  const client = await connectMtcute(port, server.publicKeyPem)

  await expect(client.call({ _: 'account.getWallPapers', hash: Long.ZERO })).rejects.toMatchObject({
    text: expect.stringMatching(/^INPUT_METHOD_INVALID_/),
  })

  expect(schema.byName('account.getWallPapers', 200)).toBeUndefined()
  await expect(client.call({ _: 'help.getConfig' })).resolves.toMatchObject({ thisDc: DC_ID })
})

async function connectMtcute(
  port: number,
  publicKeyPem: string,
  network: { usePfs?: boolean } = {},
): Promise<MtcuteClient> {
  const crypto = new NodeCryptoProvider()
  await crypto.initialize()
  addPublicKey(crypto, publicKeyPem)
  const dc = { id: DC_ID, ipAddress: '127.0.0.1', port, testMode: false }
  const client = new MtcuteClient({
    apiId: 1,
    apiHash: 'hash',
    crypto,
    storage: new MemoryStorage(),
    disableUpdates: true,
    network,
    defaultDcs: { main: dc, media: dc },
    logLevel: 0,
  })
  onTestFinished(() => client.destroy())
  return client
}

/** gramjs knows Telegram's keys by fingerprint; this one is added to them. */
function trustInGramjs(publicKeyPem: string, fingerprint: bigint): void {
  const { n = '' } = createPublicKey(publicKeyPem).export({ format: 'jwk' })
  const modulus = returnBigInt(BigInt(`0x${Buffer.from(n, 'base64url').toString('hex')}`))
  _serverKeys.set(fingerprint.toString(), { n: modulus, e: 65537 })
}

function connectGramjs(
  port: number,
  session: StringSession,
  connection: ReturnType<typeof fullTo | typeof obfuscatedTo> = fullTo(port),
): TelegramClient {
  session.setDC(DC_ID, '127.0.0.1', port)
  const client = new TelegramClient(session, 1, 'hash', {
    connection,
    connectionRetries: 1,
    baseLogger: new Logger(LogLevel.NONE),
  })
  onTestFinished(() => client.destroy())
  return client
}
