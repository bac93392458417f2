import { expect, test } from 'vitest'
import { AppError } from '../../src/errors.ts'
import { ConnectionError, faultOf, RpcError, toAppError } from '../../src/telegram/errors.ts'

test.each([
  [420, 'FLOOD_WAIT_30', { kind: 'wait', seconds: 30 }],
  [420, 'FLOOD_PREMIUM_WAIT_4', { kind: 'wait', seconds: 4 }],
  [303, 'FILE_MIGRATE_4', { kind: 'move', subject: 'file', dcId: 4 }],
  [303, 'USER_MIGRATE_5', { kind: 'move', subject: 'account', dcId: 5 }],
  [400, 'FILE_PART_17_MISSING', { kind: 'part-missing', part: 17 }],
  [400, 'FILE_REFERENCE_EXPIRED', { kind: 'reference-expired' }],
  [400, 'FILE_REFERENCE_0_EXPIRED', { kind: 'reference-expired' }],
  [500, 'RANDOM_ID_DUPLICATE', { kind: 'repeated' }],
  [400, 'CHANNEL_INVALID', { kind: 'channel-unknown' }],
  [401, 'AUTH_KEY_UNREGISTERED', { kind: 'key-dead' }],
  [406, 'AUTH_KEY_DUPLICATED', { kind: 'key-dead' }],
  [-503, 'Timeout', { kind: 'passing' }],
  [500, 'RPC_CALL_FAIL', { kind: 'passing' }],
  [500, 'SOMETHING_NEW', { kind: 'passing' }],
  [400, 'SOMETHING_NEW', { kind: 'final' }],
] as const)('%i %s', (code, text, fault) => {
  expect(faultOf(new RpcError(code, text, 'a.method'))).toEqual(fault)
})

test.each([
  ['AUTH_KEY_UNREGISTERED', 401, 'TELEGRAM_SESSION_INVALID', 'Telegram session not authorized'],
  ['SESSION_REVOKED', 401, 'TELEGRAM_SESSION_INVALID', 'Telegram session not authorized'],
  ['USER_DEACTIVATED', 401, 'TELEGRAM_SESSION_INVALID', 'Telegram session not authorized'],
  ['CHANNEL_INVALID', 400, 'TELEGRAM_CHANNEL_NOT_FOUND', 'Could not resolve channel ID'],
  ['CHAT_WRITE_FORBIDDEN', 403, 'TELEGRAM_FORBIDDEN', /administrator/],
  ['CHAT_ADMIN_REQUIRED', 400, 'TELEGRAM_FORBIDDEN', /administrator/],
  ['CHANNEL_PRIVATE', 400, 'TELEGRAM_FORBIDDEN', /Add it to the channel/],
  ['AUTH_KEY_DUPLICATED', 406, 'TELEGRAM_SESSION_DUPLICATED', /Sign in to Telegram again/],
  ['FLOOD_WAIT_7', 420, 'TELEGRAM_FLOOD_WAIT', 'Telegram asks to wait'],
  ['SOMETHING_NEW', 400, 'TELEGRAM_REJECTED', 'Telegram refused this with "SOMETHING_NEW"'],
])('%s is told to the user', (text, code, appCode, sentence) => {
  const cause = new RpcError(code, text, 'a.method')

  const error = toAppError(cause)

  expect(error).toMatchObject({ code: appCode, cause })
  expect(error.message).toMatch(sentence)
  if (text === 'FLOOD_WAIT_7') expect(error).toMatchObject({ retryAfter: 7, retryable: true })
})

test('a lost connection may be tried again, a forgotten key may not', () => {
  expect(toAppError(new ConnectionError('closed'))).toMatchObject({
    code: 'TELEGRAM_UNAVAILABLE',
    retryable: true,
  })
  expect(toAppError(new ConnectionError('key-unknown'))).toMatchObject({
    code: 'TELEGRAM_SESSION_INVALID',
    retryable: false,
  })
})

test('an AppError stays what it is, and a bug becomes INTERNAL with its cause', () => {
  const known = new AppError('SPOOL_DAMAGED', 'gone')
  const bug = new TypeError('x is not a function')

  expect(toAppError(known)).toBe(known)
  expect(toAppError(bug)).toMatchObject({ code: 'INTERNAL', cause: bug })
})
