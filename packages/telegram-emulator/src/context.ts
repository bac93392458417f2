import type { Address } from './contract.ts'
import type { Counters } from './faults/counters.ts'
import type { Faults } from './faults/faults.ts'
import type { FileStore } from './files/file-store.ts'
import type { PartStore } from './files/part-store.ts'
import type { Limits } from './limits/limits.ts'
import type { ChangeFeed } from './posts/feed.ts'
import type { EmulatorSettings } from './settings.ts'
import type { Store } from './store/store.ts'

/** The state that every part of the emulator works on. */
export interface Telegram {
  store: Store
  files: FileStore
  parts: PartStore
  settings: EmulatorSettings
  faults: Faults
  limits: Limits
  feed: ChangeFeed
  counters: Counters
  /** The open addresses, known once everything listens. */
  addresses: Address[]
  /** A port of the loopback on which no program listens. */
  deadPort: number
  cdnPublicKeyPem: string
  log: (line: string) => void
}

/** The data centre accounts live in. */
export const HOME_DC = 2
/** The other one, so that there is something to migrate to. */
export const FOREIGN_DC = 4
/** Telegram numbers its content delivery networks from 201 on. */
export const CDN_DC = 203
