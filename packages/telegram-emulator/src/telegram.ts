import { toPublicPem } from './api/config.ts'
import type { Telegram } from './context.ts'
import type { EmulatorOptions } from './contract.ts'
import { createCounters } from './faults/counters.ts'
import { createFaults } from './faults/faults.ts'
import { createFileStore } from './files/file-store.ts'
import { createPartStore } from './files/part-store.ts'
import { createDocumentFiles } from './files/plain/document-files.ts'
import { createPartFiles } from './files/plain/part-files.ts'
import { createLimits } from './limits/limits.ts'
import { createChangeFeed } from './posts/feed.ts'
import { DEFAULT_SETTINGS } from './settings.ts'
import { openStore } from './store/store.ts'

export type TelegramOptions = { dataDir: string } & Pick<
  EmulatorOptions,
  'settings' | 'log' | 'makeKey'
>

/** No program listens on port 1 of the loopback. */
const DEAD_PORT = 1

/** Makes the emulated Telegram without its sockets: its store, settings, faults and counters. */
export function createTelegram({
  dataDir,
  settings: changes,
  log = () => {},
  makeKey,
}: TelegramOptions): Telegram {
  const settings = { ...DEFAULT_SETTINGS, ...changes }
  const store = openStore({
    folder: dataDir,
    referenceTtlMs: () => settings.fileReferenceTtlMs,
    changeLogLength: () => settings.changeLogLength,
    makeKey,
  })
  const files = createFileStore(store, { bytes: createDocumentFiles(store), settings })
  return {
    store,
    files,
    parts: createPartStore({ store, bytes: createPartFiles(store), files, settings }),
    settings,
    faults: createFaults(),
    limits: createLimits(settings),
    feed: createChangeFeed(log),
    counters: createCounters(),
    addresses: [],
    deadPort: DEAD_PORT,
    cdnPublicKeyPem: toPublicPem(store.secrets.cdnPrivateKeyPem),
    log,
  }
}
