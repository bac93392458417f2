import { expect, test } from 'vitest'
import {
  type DcOption,
  reachableInstead,
  readDataCentres,
} from '../../../../src/telegram/mtproto/connection/data-centres.ts'

const option = (more: Partial<DcOption>): DcOption => ({
  id: 2,
  ipAddress: '10.0.0.1',
  port: 443,
  ...more,
})

test('media-only addresses and main ones are kept apart, by data centre', () => {
  const centres = readDataCentres([
    option({ ipAddress: '10.0.0.2', mediaOnly: true }),
    option({ ipAddress: '10.0.0.1' }),
    option({ ipAddress: '10.0.0.4', id: 4, port: 80 }),
    option({ ipAddress: '10.0.0.9', id: 203, cdn: true }),
  ])

  expect(centres.main(2)).toEqual({ host: '10.0.0.1', port: 443 })
  expect(centres.media(2)).toEqual([{ host: '10.0.0.2', port: 443 }])
  expect(centres.main(4)).toEqual({ host: '10.0.0.4', port: 80 })
  expect(centres.media(4)).toEqual([])
  expect(centres.cdn(203)).toEqual([{ host: '10.0.0.9', port: 443 }])
  expect(centres.main(5)).toBeNull()
})

test.each([{ ipv6: true }, { tcpoOnly: true }, { secret: Buffer.alloc(16) }, { cdn: true }])(
  'an address flagged %j carries no bulk and no calls',
  (flags) => {
    const centres = readDataCentres([option(flags), option({ ...flags, mediaOnly: true })])

    expect([centres.main(2), centres.media(2)]).toEqual([null, []])
  },
)

test("a session with one of Telegram's IPv6 addresses can be reached over IPv4", () => {
  const host = '2001:067c:04e8:f002:0000:0000:0000:000a'

  expect(reachableInstead(2, { host, port: 443 })).toEqual({ host: '149.154.167.51', port: 443 })
  expect(reachableInstead(2, { host: '127.0.0.1', port: 443 })).toBeNull()
  expect(reachableInstead(9, { host, port: 443 })).toBeNull()
})
