import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type AccountStore, createAccountStore } from './accounts.ts'
import { type BlockRows, createBlockRows } from './blocks.ts'
import { type BundleStore, createBundleStore } from './bundles.ts'
import { type ChangeStore, createChangeStore } from './changes.ts'
import { type ChannelStore, createChannelStore } from './channels.ts'
import { openDatabase } from './database.ts'
import { createDocumentStore, type DocumentStore } from './documents.ts'
import { createHashes, type Hashes } from './hashes.ts'
import { createKeyStore, type KeyStore } from './keys.ts'
import { createMessageStore, type MessageStore } from './messages.ts'
import { createMetaStore, loadSecrets, type MetaStore, type ServerSecrets } from './meta.ts'
import { createUploadStore, type UploadStore } from './uploads.ts'

/** Everything the emulated Telegram remembers, in one folder. */
export interface Store {
  meta: MetaStore
  secrets: ServerSecrets
  keys: KeyStore
  accounts: AccountStore
  bundles: BundleStore
  changes: ChangeStore
  channels: ChannelStore
  messages: MessageStore
  documents: DocumentStore
  uploads: UploadStore
  /** Used where bytes that come again take no room. */
  blocks: BlockRows
  hashes: Hashes
  /** Folder of the bytes of documents. */
  documentsFolder: string
  /** Folder of blocks that documents and parts share. */
  blocksFolder: string
  /** Folder of parts that are not yet a document. */
  partsFolder: string
  /** Folder of files that are still arriving; same disk, so that they can be renamed. */
  spoolFolder: string
  transaction: <T>(work: () => T) => T
  close: () => void
}

export interface StoreOptions {
  folder: string
  referenceTtlMs: () => number
  /** How many counts of pts a channel's log of changes reaches back. */
  changeLogLength: () => number
  /** How to come by a new RSA key; tests bring theirs. */
  makeKey?: (() => string) | undefined
}

/** Opens the store in `folder`, making it the first time. */
export function openStore(options: StoreOptions): Store {
  const { folder, referenceTtlMs, changeLogLength, makeKey } = options
  const documentsFolder = join(folder, 'documents')
  const blocksFolder = join(folder, 'blocks')
  const partsFolder = join(folder, 'parts')
  const spoolFolder = join(folder, 'spool')
  // Files that were still arriving when the last process ended will never be complete.
  rmSync(spoolFolder, { recursive: true, force: true })
  for (const path of [documentsFolder, blocksFolder, partsFolder, spoolFolder])
    mkdirSync(path, { recursive: true })
  const database = openDatabase(join(folder, 'telegram.sqlite'))
  const meta = createMetaStore(database)
  const secrets = loadSecrets(meta, makeKey)
  const changes = createChangeStore(database, changeLogLength)
  return {
    meta,
    secrets,
    keys: createKeyStore(database),
    accounts: createAccountStore(database),
    bundles: createBundleStore(database),
    changes,
    channels: createChannelStore(database, changes),
    messages: createMessageStore(database, changes),
    documents: createDocumentStore(database, documentsFolder),
    uploads: createUploadStore(database),
    blocks: createBlockRows(database),
    hashes: createHashes({ secret: secrets.hashSecret, referenceTtlMs }),
    documentsFolder,
    blocksFolder,
    partsFolder,
    spoolFolder,
    transaction: database.transaction,
    close: database.close,
  }
}
