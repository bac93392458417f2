import { z } from 'zod'
import type { Credentials, DownloadGrant } from '../core/ports/credentials.ts'
import { notConfigured } from './refusal.ts'

const OptionalText = z
  .string()
  .nullish()
  .transform((text) => text?.trim() || null)

const Id = z.union([z.string(), z.int()]).transform((id) => String(id).trim())

const ApiId = z
  .union([z.int(), z.string().trim()])
  .nullish()
  .transform((id) => (id === null || id === undefined || id === '' ? null : Number(id)))
  .pipe(z.int().positive().nullable())

const Telegram = z.object({
  channel_id: Id.nullish(),
  telegram_session: OptionalText,
  telegram_api_id: ApiId,
  telegram_api_hash: OptionalText,
  user_id: Id.pipe(z.string().min(1)),
})

const CredentialsAnswer = Telegram.extend({ bot_token: OptionalText }).transform((answer) =>
  toCredentials(answer, answer.bot_token),
)

const GrantAnswer = Telegram.extend({
  valid: z.literal(true),
  message_id: z
    .union([z.int(), z.string().regex(/^\d+$/)])
    .nullish()
    .transform((id) => (id === null || id === undefined ? null : Number(id)))
    .pipe(z.int().positive().nullable()),
}).transform(
  (answer): DownloadGrant => ({
    kind: 'download',
    credentials: toCredentials(answer, null),
    messageId: answer.message_id,
  }),
)

const Invalid = z.object({ valid: z.literal(false) })

/** The answer of `/api/worker/credentials`, or null when it has another shape. */
export function parseCredentials(body: unknown): Credentials | null {
  return CredentialsAnswer.safeParse(body).data ?? null
}

/** The answer of `/api/worker/verify-download-token`: 'refused' for `valid: false`, null for another shape. */
export function parseGrant(body: unknown): DownloadGrant | 'refused' | null {
  if (Invalid.safeParse(body).success) return 'refused'
  return GrantAnswer.safeParse(body).data ?? null
}

/** Whether an answer of a wrong shape is about an account all the same. */
export function namesAccount(body: unknown): boolean {
  return typeof body === 'object' && body !== null && ('user_id' in body || 'valid' in body)
}

function toCredentials(answer: z.output<typeof Telegram>, botToken: string | null): Credentials {
  if (!answer.channel_id) throw notConfigured('The account has no channel')
  return {
    userId: answer.user_id,
    botToken,
    channelId: answer.channel_id,
    session: answer.telegram_session,
    apiId: answer.telegram_api_id,
    apiHash: answer.telegram_api_hash,
  }
}
