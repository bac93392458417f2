import { addPublicKey } from '@mtcute/core/utils.js'
import { MemoryStorage, TelegramClient } from '@mtcute/node'
import { NodeCryptoProvider } from '@mtcute/node/utils.js'
import { afterAll, onTestFinished } from 'vitest'

/** The part of the emulator's one line that a client needs. */
export interface Ready {
  mtproto: { host: string; port: number; mediaPort: number; dcId: number; publicKeyPem: string }
  account: { apiId: number; apiHash: string; botToken: string | null; channelId: string }
}

/** An mtcute client as it comes, with another server's address and key; it ends with the test. */
export async function connectMtcute(
  ready: Ready,
  network: { usePfs?: boolean } = {},
  options: { disableUpdates?: boolean } = {},
): Promise<TelegramClient> {
  const client = await makeClient(ready, network, options)
  onTestFinished(() => client.destroy())
  return client
}

/** The same for all tests of a file, logged in as the bot; call it at the file's top level. */
export async function connectSharedBot(ready: Ready): Promise<TelegramClient> {
  const client = await makeClient(ready, {}, {})
  afterAll(() => client.destroy())
  await client.start({ botToken: ready.account.botToken ?? '' })
  return client
}

async function makeClient(
  { mtproto, account }: Ready,
  network: { usePfs?: boolean },
  { disableUpdates = true }: { disableUpdates?: boolean },
): Promise<TelegramClient> {
  const crypto = new NodeCryptoProvider()
  await crypto.initialize()
  addPublicKey(crypto, mtproto.publicKeyPem)
  const main = { id: mtproto.dcId, ipAddress: mtproto.host, port: mtproto.port }
  return new TelegramClient({
    apiId: account.apiId,
    apiHash: account.apiHash,
    crypto,
    storage: new MemoryStorage(),
    disableUpdates,
    network,
    // mtcute uploads over several connections, which are for media-only addresses.
    defaultDcs: { main, media: { ...main, port: mtproto.mediaPort, mediaOnly: true } },
    logLevel: Number(process.env.MTCUTE_LOG ?? 0),
  })
}
