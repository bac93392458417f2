import { randomBytes, randomInt } from 'node:crypto'
import { onTestFinished } from 'vitest'
import { authKeyId } from '../../src/mtproto/handshake/key-derivation.ts'
import { makeRsaKey } from '../../src/mtproto/handshake/rsa.ts'
import { createProtocolServer } from '../../src/mtproto/server.ts'
import type {
  AuthKey,
  AuthKeyStore,
  ProtocolServer,
  RpcCall,
  RpcHandler,
  RpcOutcome,
  TlObject,
} from '../../src/types.ts'

export const DC_ID = 2

export const privateKeyPem = makeRsaKey()

/** Keys in memory. */
export function createMemoryKeys(): AuthKeyStore & { all: Map<string, AuthKey> } {
  const all = new Map<string, AuthKey>()
  return {
    all,
    find: (id) => all.get(id) ?? null,
    save: (key) => void all.set(key.id, key),
    remove: (id) => void all.delete(id),
  }
}

/** A permanent key that the server knows without an exchange. */
export function registerKey(keys: AuthKeyStore): AuthKey {
  const key = randomBytes(256)
  const known = { id: authKeyId(key), key, dcId: DC_ID, expiresAt: null, permanentKeyId: null }
  keys.save(known)
  return known
}

export type Answers = Record<string, (call: RpcCall) => RpcOutcome | Promise<RpcOutcome>>

export interface TestServer {
  port: number
  keys: ReturnType<typeof createMemoryKeys>
  calls: RpcCall[]
  server: ProtocolServer
}

/** An API half of a few methods: enough for a client to connect and to move bytes. */
export async function startProtocol(
  answers: Answers = {},
  hooks: Omit<RpcHandler, 'call'> = {},
): Promise<TestServer> {
  const keys = createMemoryKeys()
  const calls: RpcCall[] = []
  let port = 0
  const handler: RpcHandler = {
    ...hooks,
    call: async (call) => {
      calls.push(call)
      const answer = answers[call.method._]
      if (answer) return answer(call)
      if (call.method._ === 'help.getConfig') return { kind: 'result', value: configFor(port) }
      return { kind: 'error', code: 400, message: 'METHOD_NOT_IN_TEST' }
    },
  }
  const server = createProtocolServer({ privateKeyPem, keys, handler })
  onTestFinished(() => server.close())
  port = await listenSomewhere(server)
  return { port, keys, calls, server }
}

async function listenSomewhere(server: ProtocolServer): Promise<number> {
  for (let attempt = 0; ; attempt++) {
    const port = randomInt(30_000, 32_000)
    try {
      await server.listen({ dcId: DC_ID, mediaOnly: false }, port)
      return port
    } catch (error) {
      if (attempt === 20) throw error
    }
  }
}

/** The answer of help.getConfig: one data centre, here. */
export function configFor(port: number): TlObject {
  const now = Math.floor(Date.now() / 1000)
  return {
    _: 'config',
    date: now,
    expires: now + 3600,
    test_mode: false,
    this_dc: DC_ID,
    dc_options: [{ _: 'dcOption', id: DC_ID, ip_address: '127.0.0.1', port, static: true }],
    dc_txt_domain_name: 'localhost',
    chat_size_max: 200,
    megagroup_size_max: 200_000,
    forwarded_count_max: 100,
    me_url_prefix: 'https://t.me/',
    caption_length_max: 1024,
    message_length_max: 4096,
    webfile_dc_id: DC_ID,
  }
}
