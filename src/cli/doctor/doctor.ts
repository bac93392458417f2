import { type Config, ConfigError, loadConfig } from '../../config/config.ts'
import type { Credentials } from '../../core/ports/credentials.ts'
import { printable } from '../../lib/printable.ts'
import type { Surroundings } from '../run.ts'
import { checkBackend } from './backend.ts'
import { checkBot } from './bot.ts'
import type { DoctorOptions, Finding, Visit } from './check.ts'
import { checkClock } from './clock.ts'
import { checkDataDir } from './data-dir.ts'
import { checkSession } from './session.ts'
import { checkWorker } from './worker.ts'

const SIGNS = { ok: '✔', failed: '✖', note: '•' } as const

/** Looks at a set-up, one thing after another; 1 when anything has failed. */
export async function doctor(options: DoctorOptions, surroundings: Surroundings): Promise<number> {
  const { screen, signal } = surroundings
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

  const config = readConfig(surroundings, report)
  if (options.url !== null) {
    await checkWorker({ report, signal, options }, { url: options.url })
  }
  if (config) {
    const visit = { ...surroundings, options, config, report }
    const disk = await checkDataDir(visit)
    try {
      const credentials = await credentialsOf(visit)
      signal.throwIfAborted()
      await checkClock(visit)
      if (credentials) await checkAccounts(visit, credentials, disk.inUse)
    } finally {
      disk.release()
    }
  }
  if (!options.json) {
    screen.print(failures === 0 ? 'Nothing is wrong' : `${failures} to put right`)
  }
  return failures === 0 ? 0 : 1
}

function readConfig({ env }: Surroundings, report: (finding: Finding) => void): Config | null {
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
  standalone: 'one Telegram account for everybody who has one of AUTH_TOKENS',
}

async function credentialsOf(visit: Visit): Promise<Omit<Credentials, 'userId'> | null> {
  const { mode } = visit.config
  if (mode.kind === 'backend') return checkBackend(visit, mode.url)
  if (mode.kind === 'embedded') return null
  const short = mode.tokens.filter((token) => token.length < 16).length
  if (short > 0) {
    visit.report({
      verdict: 'note',
      check: 'AUTH_TOKENS',
      text: `${short} of ${mode.tokens.length} are shorter than 16 characters`,
      advice:
        'Whoever guesses one reads and writes the channel. `openssl rand -hex 24` makes good ones.',
    })
  }
  return mode.credentials
}

async function checkAccounts(
  visit: Visit,
  credentials: Omit<Credentials, 'userId'>,
  dataDirInUse: boolean,
): Promise<void> {
  const account = { ...visit, credentials }
  if (credentials.botToken !== null) await checkBot(account)
  visit.signal.throwIfAborted()
  if (credentials.session !== null) await checkSession(account, dataDirInUse)
  if (credentials.botToken === null && credentials.session === null) {
    visit.report({
      verdict: 'failed',
      check: 'Telegram',
      text: 'there is neither a bot nor a session',
      advice: 'Connect Telegram in the settings of TeleStore.',
    })
  }
}
