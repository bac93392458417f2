import { AppError } from '../../errors.ts'
import { addressOfSession, examineSession } from '../../telegram/examine.ts'
import { ask } from './ask.ts'
import type { AccountContext } from './check.ts'
import { reportRights } from './rights.ts'

const SESSION = 'Session'
const CHANNEL = "Session's channel"
const quiet = (): void => {}
const SILENT = { debug: quiet, info: quiet, warn: quiet, error: quiet }

/**
 * Checks that the session is valid and authorized, sees the channel, and may post there; `inUse` says
 * why it may not be used now.
 */
export async function checkSession(context: AccountContext, inUse: string | null): Promise<void> {
  const { report, credentials, config } = context
  const address = addressOf(context)
  if (!address) return
  if (credentials.apiId === null) {
    return report({
      verdict: 'failed',
      check: SESSION,
      text: 'has no TELEGRAM_API_ID beside it',
      advice: 'Take the id and the hash from https://my.telegram.org and set both.',
    })
  }
  const reason = context.options.force ? null : await whyInUse(context, inUse)
  if (reason !== null) {
    return report({
      verdict: 'note',
      check: SESSION,
      text: `is one, for data centre ${address.dcId}; it was not used, because ${reason}`,
      advice:
        'Two processes on one session make Telegram revoke it. Stop the worker and ask again with --force.',
    })
  }
  context.screen.say('The session is used for a moment: no worker may run on it elsewhere')
  try {
    const found = await examineSession(
      { ...config, credentials, log: SILENT, signal: context.signal },
      ({ name, premium, dcId }) => {
        const files = premium ? ', Premium: files of up to 4000 MB' : ''
        const text = `"${name}" is signed in, at data centre ${dcId}${files}`
        report({ verdict: 'ok', check: SESSION, text })
      },
    )
    report(
      found.mayPost
        ? { verdict: 'ok', check: CHANNEL, text: `may post in "${found.channelTitle}"` }
        : {
            verdict: 'failed',
            check: CHANNEL,
            text: `may not post in "${found.channelTitle}"`,
            advice: 'In the channel: Administrators, this account, "Post messages".',
          },
    )
    if (found.mayPost) reportRights(context, { ...found, check: CHANNEL, who: 'this account' })
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    report(explain(error, context))
  }
}

function addressOf({ credentials, report }: AccountContext): { dcId: number } | null {
  try {
    return addressOfSession(credentials.session ?? '')
  } catch {
    report({
      verdict: 'failed',
      check: SESSION,
      text: 'TELEGRAM_SESSION is no string session',
      advice:
        'Take a string session of Telethon or gramjs, whole: one line that begins with 1, of about\n350 characters. In backend mode connect Telegram again in the settings of TeleStore.',
    })
    return null
  }
}

/** Returns why the session may be in use at this moment, or null. */
async function whyInUse(context: AccountContext, inUse: string | null): Promise<string | null> {
  const { options, config } = context
  if (inUse !== null) return inUse
  const own = options.url ?? `http://127.0.0.1:${config.port}`
  for (const url of [own, config.publicUrl]) {
    if (url !== null && (await isWorkerAt(context, url))) return `a worker runs at ${url}`
  }
  // A user's session is in the hands of every worker of that backend, wherever they run.
  return config.mode.kind === 'backend' ? 'a deployed worker may be using it' : null
}

async function isWorkerAt({ signal }: AccountContext, url: string): Promise<boolean> {
  const answer = await ask(`${url.replace(/\/+$/, '')}/health`, signal)
  return answer?.status === 200 && answer.body?.status === 'ok'
}

const ADVICE: Record<string, string> = {
  TELEGRAM_SESSION_INVALID:
    'It was signed out, revoked, or made for another API id. Make a new one, and check\nTELEGRAM_API_ID and TELEGRAM_API_HASH.',
  TELEGRAM_SESSION_DUPLICATED:
    'It was used in two places at once and is dead. Make a new one, for the worker alone.',
  TELEGRAM_UNAVAILABLE:
    'Is the way to Telegram open from here (TCP, ports 443 and 80)? Some networks block it.',
  TELEGRAM_FLOOD_WAIT: 'Nothing is wrong with the session. Try again after that time.',
}

function explain(error: AppError, { credentials }: AccountContext) {
  const wait = error.retryAfter === undefined ? '' : ` (${error.retryAfter} s)`
  if (error.code === 'TELEGRAM_CHANNEL_NOT_FOUND') {
    return {
      verdict: 'failed',
      check: CHANNEL,
      text: `this account does not see the channel ${credentials.channelId}`,
      advice: 'Is the id whole (it begins with -100), and is the account a member of the channel?',
    } as const
  }
  const { message, code } = error
  const advice = ADVICE[code]
  return { verdict: 'failed', check: SESSION, text: `${message}${wait}`, advice } as const
}
