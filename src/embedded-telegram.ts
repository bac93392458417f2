import { join } from 'node:path'
import type { EmbeddedTelegram } from './adapters.ts'
import type { Config } from './config/config.ts'
import type { Log } from './core/ports/log.ts'
import { StartUpError } from './errors.ts'
import { makePrivateFolder } from './storage/disk/private-files.ts'

export interface StartedTelegram extends EmbeddedTelegram {
  close: () => Promise<void>
}

/**
 * Nothing configured: starts a Telegram of its own on loopback, so that everything can be tried.
 * Null in every other mode.
 */
export async function startEmbeddedTelegram(
  { mode, dataDir }: Config,
  log: Log,
): Promise<StartedTelegram | null> {
  if (mode.kind !== 'embedded') return null
  const { startTelegram } = await import('telegram-emulator').catch((cause: unknown) => {
    throw new StartUpError(
      'Nothing is configured, and the package telegram-emulator is not installed or not built. ' +
        'Set BACKEND_URL or AUTH_TOKENS, or start from a clone with `npm start`',
      { cause },
    )
  })
  // The emulator makes its folder in it, and knows nothing of what else will be there.
  makePrivateFolder(dataDir, log)
  const emulator = await startTelegram({ dataDir: join(dataDir, 'emulator') })
  const { dcId, host, port, publicKeyPem } = emulator.mtproto
  return {
    controlRoot: emulator.control.root,
    botApiRoot: emulator.botApi.root,
    serverKeyPem: publicKeyPem,
    server: { dcId, host, port },
    close: emulator.close,
  }
}
