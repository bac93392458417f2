import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readParts } from '../../../../src/http/bodies/form/parts.ts'
import { KiB } from '../../../../src/lib/units.ts'

const HEAD = 'Content-Disposition: form-data; name="a"; filename="b"\r\n\r\n'

/** A form as it comes from the wire, cut into pieces of these lengths. */
async function* inPieces(form: Buffer, lengths: readonly number[] = []) {
  let rest = form
  for (const length of lengths) {
    if (length > 0 && rest.length > 0) yield rest.subarray(0, length)
    rest = rest.subarray(length)
  }
  if (rest.length > 0) yield rest
}

async function partsOf(form: Buffer | string, boundary = 'b', lengths: readonly number[] = []) {
  const parts: { name: string; bytes: string }[] = []
  for await (const { head, bytes } of readParts(inPieces(Buffer.from(form), lengths), boundary)) {
    const pieces: Buffer[] = []
    for await (const piece of bytes) pieces.push(piece)
    parts.push({ name: head.name, bytes: Buffer.concat(pieces).toString('latin1') })
  }
  return parts
}

test('the parts are the same in whatever pieces the form arrives', async () => {
  // Bytes that look much like a boundary.
  const content = fc.array(
    fc.constantFrom('\r', '\n', '-', 'b', '\r\n--', '\r\n--b'.slice(0, -1), 'x'),
  )
  const boundary = fc.constantFrom('b', '-', '--b', 'bb', 'a long boundary')
  const lengths = fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 300 })
  await fc.assert(
    fc.asyncProperty(
      fc.array(content, { maxLength: 4 }),
      boundary,
      lengths,
      async (all, b, cuts) => {
        const contents = all
          .map((each) => each.join(''))
          .filter((each) => !`\r\n${each}`.includes(`\r\n--${b}`))
        const form = [
          ...contents.map((each) => `--${b}\r\n${HEAD}${each}\r\n`),
          `--${b}--\r\n`,
        ].join('')

        const parts = await partsOf(form, b, cuts)

        expect(parts.map(({ bytes }) => bytes)).toEqual(contents)
      },
    ),
  )
})

test('a form that arrives byte by byte is read', async () => {
  const form = `preamble\r\n--b \t\r\n${HEAD}one\r\n--b\r\n${HEAD}\r\n--b--epilogue`

  const parts = await partsOf(form, 'b', Array<number>(form.length).fill(1))

  expect(parts).toEqual([
    { name: 'a', bytes: 'one' },
    { name: 'a', bytes: '' },
  ])
})

test('the bytes of a part that is not read are skipped', async () => {
  const names: string[] = []
  const form = `--b\r\n${HEAD}one\r\n--b\r\n${HEAD.replace('"a"', '"c"')}two\r\n--b--`
  for await (const { head } of readParts(inPieces(Buffer.from(form)), 'b')) names.push(head.name)

  expect(names).toEqual(['a', 'c'])
})

test('no more than one piece and the beginning of a boundary is held', async () => {
  const pieces = Array.from({ length: 50 }, () => Buffer.alloc(64 * KiB, '\r\n--'))
  async function* source() {
    yield Buffer.from(`--boundary\r\n${HEAD}`)
    yield* pieces
    yield Buffer.from('\r\n--boundary--')
  }
  let longest = 0
  let total = 0
  for await (const { bytes } of readParts(source(), 'boundary')) {
    for await (const piece of bytes) {
      longest = Math.max(longest, piece.length)
      total += piece.length
    }
  }

  expect(total).toBe(50 * 64 * KiB)
  expect(longest).toBeLessThan(65 * KiB)
})

test.each([
  ['nothing', '', 'The form ends too early'],
  ['no boundary', 'hello', 'The form ends too early'],
  ['only a boundary', '--b', 'The form ends too early'],
  ['a head that breaks off', '--b\r\nContent-Disp', 'The form ends too early'],
  ['a part that breaks off', `--b\r\n${HEAD}abc`, 'The form ends too early'],
  ['bare line feeds', `--b\n${HEAD.replaceAll('\r', '')}abc\n--b--`, 'The form ends too early'],
  ['a part without a head', '--b\r\n\r\nabc\r\n--b--', 'The form has a part that names no field'],
  [
    'a part without a name',
    `--b\r\nX: 1\r\n\r\nabc\r\n--b--`,
    'The form has a part that names no field',
  ],
  [
    'a boundary that goes on',
    `--boundary\r\n${HEAD}abc\r\n--b--`,
    'The form has a part that names no field',
  ],
])('a form of %s is refused', async (_name, form, error) => {
  await expect(partsOf(form)).rejects.toMatchObject({ code: 'INVALID_REQUEST', message: error })
})

test('a head that is too long is refused before it ends', async () => {
  async function* endless() {
    yield Buffer.from('--b\r\nX: ')
    for (;;) yield Buffer.alloc(KiB, 'x')
  }
  const { value: first } = { value: readParts(endless(), 'b').next() }

  await expect(first).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' })
})
