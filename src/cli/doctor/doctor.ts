import { type Config, ConfigError, loadConfig } from '../../config/config.ts'
import type { Credentials } from '../../core/ports/credentials.ts'
import { printable } from '../../lib/printable.ts'
import type { CliContext } from '../context.ts'
import { checkBackend } from './backend.ts'
import { checkBot } from './bot.ts'
import type { DoctorContext, DoctorOptions, Finding } from './check.ts'
import { checkCipher } from './cipher.ts'
import { checkClock } from './clock.ts'
import { checkDataDir } from './data-dir.ts'
import { checkSession } from './session.ts'
import { checkWorker } from './worker.ts'

const SIGNS = { ok: '✔', failed: '✖', note: '•' } as const

/** Looks at a set-up, one thing after another; 1 when anything has failed. */
export async function doctor(options: DoctorOptions, cli: CliContext): Promise<number> {
  const { screen, signal } = cli
  let failures = 0

  function report(finding: Finding): void {
    if (finding.verdict === 'failed') failures++
    if (options.json) {
      screen.print(JSON.stringify(finding))
      return
    }
    screen.print(`${SIGNS[finding.verdict]} ${finding.check}: ${printable(finding.text)}`)
    for (const line of finding.advice?.split('\n') ?? []) screen.print(`    ${printable(line)}`)
  }

  const config = readConfig(cli, report)
  if (options.url !== null) {
    await checkWorker({ report, signal, options }, { url: options.url })
  }
  if (config) {
    const context = { ...cli, options, config, report }
    checkCipher(context)
    const disk = await checkDataDir(context)
    try {
      const credentials = await credentialsOf(context)
      signal.throwIfAborted()
      await checkClock(context)
      const elsewhere = await checkOthers(context)
      const inUse = disk.inUse ? 'a worker runs' : elsewhere
      if (credentials) await checkAccounts(context, credentials, inUse)
    } finally {
      disk.release()
    }
  }
  if (!options.json) {
    screen.print(failures === 0 ? 'Nothing is wrong' : `${failures} to put right`)
  }
  return failures === 0 ? 0 : 1
}

function readConfig({ env }: CliContext, report: (finding: Finding) => void): Config | null {
  try {
    const config = loadConfig(env)
    report({ verdict: 'ok', check: 'Configuration', text: MODES[config.mode.kind] })
    return config
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    report({
      verdict: 'failed',
      check: 'Configuration',
      text: 'the worker would not start with these variables',
      advice: error.message.split('\n').slice(1).join('\n'),
    })
    return null
  }
}

const MODES = {
  embedded: 'nothing is set: the worker brings a Telegram of its own, for trying things out',
  backend: "each user's own Telegram, by the backend at BACKEND_URL",
  standalone: 'one Telegram account for all users with one of AUTH_TOKENS',
}

async function credentialsOf(context: DoctorContext): Promise<Omit<Credentials, 'userId'> | null> {
  const { mode } = context.config
  if (mode.kind === 'backend') return checkBackend(context, mode.url)
  if (mode.kind === 'embedded') return null
  const short = mode.tokens.filter((token) => token.length < 16).length
  if (short > 0) {
    context.report({
      verdict: 'note',
      check: 'AUTH_TOKENS',
      text: `${short} of ${mode.tokens.length} are shorter than 16 characters`,
      advice:
        'A stranger who guesses one can read and write the channel. `openssl rand -hex 24` makes good ones.',
    })
  }
  return mode.credentials
}

/** Resolves with why an account may be in use elsewhere, or null. */
async function checkOthers(context: DoctorContext): Promise<string | null> {
  const { cluster } = context.config
  if (cluster === null) return null
  const { checkCluster } = await import('./cluster/cluster.ts')
  return checkCluster(context, cluster)
}

async function checkAccounts(
  context: DoctorContext,
  credentials: Omit<Credentials, 'userId'>,
  inUse: string | null,
): Promise<void> {
  const account = { ...context, credentials }
  if (credentials.botToken !== null) await checkBot(account)
  context.signal.throwIfAborted()
  if (credentials.session !== null) await checkSession(account, inUse)
  if (credentials.botToken === null && credentials.session === null) {
    context.report({
      verdict: 'failed',
      check: 'Telegram',
      text: 'there is neither a bot nor a session',
      advice: 'Connect Telegram in the settings of TeleStore.',
    })
  }
}
