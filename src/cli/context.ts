import type { Client } from 'telestore-client'
import type { Screen } from './terminal/screen.ts'

export type Env = Record<string, string | undefined>

/** What the command line has of the process that it runs in. */
export interface CliContext {
  screen: Screen
  env: Env
  /** Ends the command in order. */
  signal: AbortSignal
}

/** What a command that speaks with a worker works with. */
export interface CommandContext extends CliContext {
  client: Client
  /** The address of the worker. */
  url: string
  /** The login token; empty when there is none. */
  token: string
}
