import { createBackendClient } from '../../backend/backend-client.ts'
import type { Credentials } from '../../core/ports/credentials.ts'
import { AppError } from '../../errors.ts'
import type { DoctorContext } from './check.ts'

const CHECK = 'Backend'
const quiet = (): void => {}
const SILENT = { debug: quiet, info: quiet, warn: quiet, error: quiet }
/** No user has this token: a healthy backend refuses it, with an answer that only a backend gives. */
const UNKNOWN_TOKEN = 'telestore-worker-doctor'

/** Checks that the backend answers. Returns the credentials that it grants for the token, or null. */
export async function checkBackend(
  context: DoctorContext,
  url: string,
): Promise<Credentials | null> {
  const { report, options } = context
  const client = createBackendClient({ baseUrl: url, log: SILENT })
  try {
    const granted = await client.credentials(options.token ?? UNKNOWN_TOKEN)
    report({ verdict: 'ok', check: CHECK, text: `knows the token as user ${granted.userId}` })
    return granted
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    if (error.code === 'TOKEN_REFUSED' && options.token === null) {
      report({
        verdict: 'ok',
        check: CHECK,
        text: 'answers',
        advice:
          "With a user's login token in TELESTORE_TOKEN the doctor looks at that user's Telegram, too.",
      })
      return null
    }
    report({ verdict: 'failed', check: CHECK, ...explain(error) })
    return null
  }
}

function explain(error: AppError): { text: string; advice: string } {
  const { detail } = error.details
  switch (error.code) {
    case 'TOKEN_REFUSED':
      return {
        text: 'answers, and refuses the token',
        advice: 'Sign in again and take the new login token. A download token is no login token.',
      }
    case 'TELEGRAM_NOT_CONFIGURED':
      return {
        text: `knows the user, whose Telegram is not set up${detail ? `: ${detail}` : ''}`,
        advice:
          'Connect Telegram in the settings of TeleStore: bot, channel, and for large files the session.',
      }
    default:
      return {
        text: error.message,
        advice:
          'Is BACKEND_URL the address of the TeleStore backend, without a path? A free plan that\nsleeps needs up to a minute to wake up: try again then.',
      }
  }
}
