import type { Config } from '../../config/config.ts'
import type { Credentials } from '../../core/ports/credentials.ts'
import type { Env, Surroundings } from '../run.ts'

export type Verdict = 'ok' | 'failed' | 'note'

/** What one look has found. `advice` says what to do about it. */
export interface Finding {
  verdict: Verdict
  check: string
  text: string
  advice?: string | undefined
}

export interface DoctorOptions {
  /** Where a worker runs, as the caller says; null: where the configuration would put one. */
  url: string | null
  /** A user's login token; null when there is none. */
  token: string | null
  force: boolean
  json: boolean
}

/** What the checks share. Notes are in the order they were found. */
export interface Visit extends Surroundings {
  options: DoctorOptions
  env: Env
  config: Config
  report: (finding: Finding) => void
}

export interface AccountVisit extends Visit {
  credentials: Omit<Credentials, 'userId'>
}
