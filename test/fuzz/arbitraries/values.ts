import fc, { type Arbitrary } from 'fast-check'
import { BOUNDARY, CANARY, LINK, OPEN_UPLOAD, OTHER_TOKEN, TOKEN } from '../requests.ts'

/** The values of which hostile requests are made: mostly good ones, or nothing deep is reached. */

const WORDS =
  '/ .. % %00 %2e%2e%2f %c0%ae %ff 0 -1 1e309 NaN Infinity -0 9007199254740993 0x10 1,1 * ' +
  '99999999999999999999 __proto__ constructor toString null undefined true [] {} ; & = ,,, ' +
  'tkt_AAAA bytes=0- chunked'

/** Texts that have broken parsers before. None is a good token: it would rightly come back. */
export const NASTY: readonly string[] = [
  ...WORDS.split(' '),
  ...['', ' ', '\0', '\r\n', '\r\nX-Smuggled: 1', '\n', '\t', '"', "'", '\\', `../../${CANARY}`],
  ...['\u202e', '\ufeff', '\ud800', 'é', '💣', '\u2028', '\x80\xff', 'a'.repeat(300)],
  ...[OPEN_UPLOAD, BOUNDARY, `--${BOUNDARY}--`],
]

const nasty = fc.constantFrom(...NASTY)

export const text: Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: nasty },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  { weight: 1, arbitrary: fc.tuple(nasty, nasty).map(([a, b]) => a + b) },
)

/** The good value, except once in `weight + 1` times. */
export const mostly = (good: string, weight = 6): Arbitrary<string> =>
  fc.oneof({ weight, arbitrary: fc.constant(good) }, { weight: 1, arbitrary: text })

export const uploadId: Arbitrary<string> = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(OPEN_UPLOAD, 'fuzz_a', 'fuzz_b', 'fuzz_c', 'fuzz_d') },
  { weight: 2, arbitrary: fc.stringMatching(/^[\w-]{1,12}$/) },
  { weight: 2, arbitrary: text },
)

export const token: Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: fc.constant(TOKEN) },
  { weight: 1, arbitrary: fc.constantFrom(LINK, OTHER_TOKEN, 'tkt_', '') },
  { weight: 1, arbitrary: text },
)

export const number = (max: number): Arbitrary<string> =>
  fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 0, max }).map(String) },
    { weight: 1, arbitrary: text },
  )

/** A Range header, well formed or nearly. */
export const rangeHeader: Arbitrary<string> = (() => {
  const end = fc.oneof(fc.constant(''), fc.nat({ max: 6000 }).map(String), text)
  const spec = fc.tuple(end, end).map(([from, to]) => `${from}-${to}`)
  const specs = fc.array(spec, { minLength: 1, maxLength: 5 })
  return specs.map((all) => `bytes=${all.join(',')}`)
})()
