import { resolve } from 'node:path'
import type { Literal } from '../lib/scrub.ts'
import type { Config } from './config.ts'

/** Everything in the configuration that no log may name: secrets, and where the data lies. */
export function secretsOf({ mode, ledgerKey, webhookSecret, dataDir }: Config): Literal[] {
  const standalone = mode.kind === 'standalone' ? mode : null
  const secrets = [
    ledgerKey,
    webhookSecret,
    ...(standalone?.tokens ?? []),
    standalone?.credentials.botToken,
    standalone?.credentials.session,
    standalone?.credentials.apiHash,
  ]
  return [
    ...secrets.filter((text) => typeof text === 'string').map((text) => ({ text })),
    { text: resolve(dataDir), as: '<DATA_DIR>' },
  ]
}
