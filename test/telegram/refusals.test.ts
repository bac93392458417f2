import { expect, test } from 'vitest'
import { RpcError, toAppError } from '../../src/telegram/errors.ts'
import { namesIn, refusalNamed } from '../../src/telegram/refusals.ts'

test.each([
  ['FROZEN_METHOD_INVALID', 420, 'TELEGRAM_FORBIDDEN', /frozen this account.*appeal/],
  ['FROZEN_METHOD_INVALID', 406, 'TELEGRAM_FORBIDDEN', /frozen this account.*appeal/],
  ['FROZEN_PARTICIPANT_MISSING', 400, 'TELEGRAM_FORBIDDEN', /frozen this account/],
  ['PEER_FLOOD', 400, 'TELEGRAM_FORBIDDEN', /sent too much. Ask @SpamBot/],
  ['USER_RESTRICTED', 403, 'TELEGRAM_FORBIDDEN', /@SpamBot/],
  ['ALLOW_PAYMENT_REQUIRED_50', 403, 'TELEGRAM_FORBIDDEN', /costs 50 Telegram Stars/],
  ['ALLOW_PAYMENT_REQUIRED', 403, 'TELEGRAM_FORBIDDEN', /costs Telegram Stars/],
  ['CHAT_SEND_DOCS_FORBIDDEN', 403, 'TELEGRAM_FORBIDDEN', /does not allow files/],
  ['CHAT_SEND_VIDEOS_FORBIDDEN', 403, 'TELEGRAM_FORBIDDEN', /does not allow files/],
  ['CHAT_GUEST_SEND_FORBIDDEN', 403, 'TELEGRAM_FORBIDDEN', /Add it to the channel/],
  ['CHANNEL_PRIVATE', 406, 'TELEGRAM_FORBIDDEN', /Add it to the channel/],
  ['TOPIC_CLOSED', 400, 'TELEGRAM_FORBIDDEN', /topic is closed/],
  ['SESSION_PASSWORD_NEEDED', 401, 'TELEGRAM_SESSION_INVALID', /Sign in to Telegram again/],
  ['API_ID_PUBLISHED_FLOOD', 400, 'TELEGRAM_SESSION_INVALID', /my\.telegram\.org/],
  ['UPDATE_APP_TO_LOGIN', 406, 'TELEGRAM_REJECTED', /Update the worker/],
  ['FILE_PARTS_INVALID', 400, 'FILE_TOO_LARGE', /files of this size/],
  ['MESSAGE_ID_INVALID', 400, 'MESSAGE_NOT_FOUND', /no such message/],
])('%s (%i) tells a person what to do', (name, number, code, sentence) => {
  const error = toAppError(new RpcError(number, name, 'messages.sendMedia'))

  expect(error.code).toBe(code)
  expect(error.message).toMatch(sentence)
  expect(error.message).not.toContain('_')
})

test.each(['constructor', '__proto__', 'SOMETHING_NEW', '', 'CHAT_SEND__FORBIDDEN'])(
  '%j is no refusal that is known',
  (name) => {
    expect(refusalNamed(name)).toBeNull()
  },
)

test.each([
  ['Bad Request: CHAT_SEND_DOCS_FORBIDDEN', ['CHAT_SEND_DOCS_FORBIDDEN']],
  ['Forbidden: ALLOW_PAYMENT_REQUIRED_50', ['ALLOW_PAYMENT_REQUIRED_50']],
  ['Bad Request: chat not found', []],
  ['Too Many Requests: retry after 5', []],
])('of %j the names are found', (description, names) => {
  expect(namesIn(description)).toEqual(names)
})
