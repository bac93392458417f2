import type { Config } from '../../config/config.ts'
import type { Credentials } from '../../core/ports/credentials.ts'
import type { CliContext } from '../context.ts'

export type Verdict = 'ok' | 'failed' | 'note'

/** The result of one check. `advice` says what to do about it. */
export interface Finding {
  verdict: Verdict
  check: string
  text: string
  advice?: string | undefined
}

export interface DoctorOptions {
  /** The address of the worker, if the user names one; null: the one of the configuration. */
  url: string | null
  /** A user's login token; null when there is none. */
  token: string | null
  force: boolean
  json: boolean
}

/** What the checks share. */
export interface DoctorContext extends CliContext {
  options: DoctorOptions
  config: Config
  report: (finding: Finding) => void
}

export interface AccountContext extends DoctorContext {
  credentials: Omit<Credentials, 'userId'>
}
