import { expect, test } from 'vitest'
import { bareChannelId } from '../../src/telegram/channel-id.ts'

test.each([
  ['-1001234567890', '1234567890'],
  ['-1000000000001', '1'],
  ['-1997852516352', '997852516352'],
  ['1234567890', '1234567890'],
  [' -1001234567890 ', '1234567890'],
])('%s is channel %s', (text, bare) => {
  expect(bareChannelId(text)).toBe(bare)
})

test.each([
  '',
  'my_channel',
  '@name',
  '-12345',
  '-999999999999',
  '-1000000000000',
  '0',
  '12e3',
  '9'.repeat(30),
])('%j is no channel', (text) => {
  expect(() => bareChannelId(text)).toThrow(
    expect.objectContaining({
      code: 'TELEGRAM_CHANNEL_NOT_FOUND',
      message: 'Could not resolve channel ID',
    }),
  )
})
