import { readdirSync } from 'node:fs'
import { toPublicPem } from './api/config.ts'
import type { Telegram } from './context.ts'
import type { EmulatorOptions } from './contract.ts'
import { createCounters } from './faults/counters.ts'
import { createFaults } from './faults/faults.ts'
import { createBlockDocuments } from './files/blocks/block-documents.ts'
import { createBlockFolder } from './files/blocks/block-folder.ts'
import { createBlockParts } from './files/blocks/block-parts.ts'
import type { DocumentBytes, PartBytes } from './files/bytes.ts'
import { createFileStore } from './files/file-store.ts'
import { createPartStore } from './files/part-store.ts'
import { createDocumentFiles } from './files/plain/document-files.ts'
import { createPartFiles } from './files/plain/part-files.ts'
import { createLimits } from './limits/limits.ts'
import { createChangeFeed } from './posts/feed.ts'
import { DEFAULT_SETTINGS } from './settings.ts'
import { openStore, type Store } from './store/store.ts'

export type TelegramOptions = { dataDir: string } & Pick<
  EmulatorOptions,
  'settings' | 'log' | 'makeKey' | 'deduplicate'
>

/** No program listens on port 1 of the loopback. */
const DEAD_PORT = 1

/** Makes the emulated Telegram without its sockets: its store, settings, faults and counters. */
export function createTelegram({
  dataDir,
  deduplicate = false,
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
  const bytes = keepsBlocks(store, deduplicate) ? inBlocks(store) : inFiles(store)
  const files = createFileStore(store, { bytes: bytes.documents, settings })
  return {
    store,
    files,
    parts: createPartStore({ store, bytes: bytes.parts, files, settings }),
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

interface Bytes {
  documents: DocumentBytes
  parts: PartBytes
}

function inFiles(store: Store): Bytes {
  return { documents: createDocumentFiles(store), parts: createPartFiles(store) }
}

function inBlocks(store: Store): Bytes {
  const folder = createBlockFolder(store)
  return { documents: createBlockDocuments(store, folder), parts: createBlockParts(store, folder) }
}

/** A folder keeps the way in which it was begun; one with documents that does not say so has files. */
function keepsBlocks({ meta, documentsFolder }: Store, wanted: boolean): boolean {
  const begin = (): string =>
    wanted && readdirSync(documentsFolder).length === 0 ? 'blocks' : 'files'
  return meta.ensure('keeps', begin) === 'blocks'
}
