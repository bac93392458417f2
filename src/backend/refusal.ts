import { z } from 'zod'
import { AppError } from '../errors.ts'
import type { Answer } from './http-exchange.ts'

const MAX_DETAIL_LENGTH = 500
const Detail = z.object({ detail: z.string() })

/**
 * The refusal in an answer, or null when the answer is a success or no answer of the backend's.
 *
 * The deployed backend catches its own refusals and reports them as a 500 whose `detail` begins
 * with the status it meant (`401: Invalid token`). Such a backend is healthy.
 */
export function toRefusal(answer: Answer, token: string): AppError | null {
  const detail = Detail.safeParse(answer.body).data?.detail
  const meant = /^(40[0134]): ?/.exec(detail ?? '')
  if (answer.status === 500 && detail !== undefined && meant) {
    return refusalFor(Number(meant[1]), detail.slice(meant[0].length), token)
  }
  return refusalFor(answer.status, detail, token)
}

/** Whether the answer is a refusal, by its status or by its detail. */
export function isRefusal(answer: Answer): boolean {
  return toRefusal(answer, ' ') !== null
}

export function tokenRefused(): AppError {
  return new AppError('TOKEN_REFUSED', 'Sign in again: the token was refused')
}

/** For an account that the backend knows and that has no usable Telegram set-up. */
export function notConfigured(detail?: string): AppError {
  const details = detail === undefined ? {} : { detail: detail.slice(0, MAX_DETAIL_LENGTH) }
  return new AppError('TELEGRAM_NOT_CONFIGURED', 'Telegram is not set up: connect it in settings', {
    details,
  })
}

function refusalFor(status: number, detail: string | undefined, token: string): AppError | null {
  if (status === 401 || status === 403) return tokenRefused()
  if (detail === undefined) return null
  if (status === 400) return notConfigured(detail.replaceAll(token, '…'))
  // FastAPI says exactly this for a path that it does not have: then BACKEND_URL is wrong.
  if (status === 404 && detail !== 'Not Found') return tokenRefused()
  return null
}
