import type { FastifyBaseLogger } from 'fastify'
import type { CredentialsProvider } from './core/ports/credentials.ts'
import type { Ledger } from './core/ports/ledger.ts'
import type { Spool } from './core/ports/spool.ts'
import type { TelegramGate, TelegramGateway } from './core/ports/telegram.ts'
import type { CircuitStatus, Probe } from './core/runtime/readiness.ts'
import type { Deployment } from './deployment/deployment.ts'
import type { Page } from './http/routes/page.ts'

/** What is cleared away in the background: expired uploads and what nobody owns. */
export interface Sweeping {
  start: (intervalMs: number) => void
  stop: () => Promise<void>
}

/** What the sweep must know about running work. */
export interface SweepGuards {
  isActive: (uploadId: string) => boolean
  onExpired: (uploadId: string) => Promise<void>
  exclusively: <T>(uploadId: string, work: () => Promise<T>) => Promise<T>
}

/** The rooms around core, opened. Who opens them closes them. */
export interface Adapters {
  ledger: Ledger
  spool: Spool
  gateway: TelegramGateway
  /** Before that gateway: says when it may connect. */
  gate: TelegramGate
  /** This instance among the others of its deployment. */
  deployment: Deployment
  credentials: CredentialsProvider
  /** Delivers webhooks from the ledger; null where there is no backend to tell. */
  outbox: { notify: () => void } | null
  createSweeper: (guards: SweepGuards) => Sweeping
  /** The worker's time, epoch milliseconds: never goes back, whatever is done to the clock. */
  now: () => number
  /** What `/readyz` asks, by the dependency's name. */
  probes: Readonly<Record<string, Probe>>
  /** The circuit breakers before backend and Telegram, by name. */
  circuits: () => Record<string, CircuitStatus>
  page: Page
  log: FastifyBaseLogger
}
