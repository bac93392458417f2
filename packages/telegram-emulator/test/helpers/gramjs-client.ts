import { Logger, TelegramClient } from 'telegram'
import { LogLevel } from 'telegram/extensions/Logger.js'
import { ConnectionTCPFull } from 'telegram/network/index.js'
import { StringSession } from 'telegram/sessions/index.js'
import { onTestFinished } from 'vitest'
import type { Emulator } from '../../src/emulator.ts'

/** As gramjs comes, it spreads calls and parts over two connections and introduces only one. */
export const FOR_GRAMJS = { settings: { strictSessions: false } }

/** gramjs as it comes, except for the port, which it would take to be 80. */
export async function connectGramjs(
  telegram: Emulator,
  session = telegram.account.session ?? '',
): Promise<TelegramClient> {
  const { host, port } = telegram.mtproto
  class Connection extends ConnectionTCPFull {
    constructor(options: ConstructorParameters<typeof ConnectionTCPFull>[0]) {
      super({ ...options, ip: host, port })
    }
  }
  const { apiId, apiHash } = telegram.account
  const client = new TelegramClient(new StringSession(session), apiId, apiHash, {
    connection: Connection,
    connectionRetries: 1,
    baseLogger: new Logger(LogLevel.NONE),
  })
  onTestFinished(() => client.destroy())
  await connectSurely(client)
  return client
}

/** One exchange in about a hundred comes to a key that gramjs spoils; then it makes another. */
export async function connectSurely(client: TelegramClient): Promise<void> {
  for (let attempt = 0; attempt < 5; attempt++) if (await client.connect()) return
  throw new Error('gramjs does not connect')
}
